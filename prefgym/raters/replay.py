"""Replay: the queries of an earlier run with the answers that they were given, for another learner or agent."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import torch

from prefgym.common.errors import DamageError
from prefgym.common.states import State
from prefgym.core.capabilities import Capability
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Statement
from prefgym.core.likelihoods import LIKELIHOODS
from prefgym.core.preferences import Preferences
from prefgym.core.protocols import NoSegmentError
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments


@dataclass(frozen=True, kw_only=True)
class ReplayRaterCfg:
    """Configuration of `ReplayRater`."""

    run: Path | None = None
    """Run folder, folder of feedback, or name of saved preferences, whose queries and answers are used again."""


class ReplayRater:
    """A rater that brings its queries: those of an earlier run, in the order in which their answers came.

    Segments of the present run are not asked about, since nobody answers for them. Skips are given again, as well.
    """

    gives: tuple[type[Statement], ...] = tuple(LIKELIHOODS)
    """Kinds of feedback that may have been recorded; of a rater, those that were."""
    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.PROPOSES})

    def __init__(self, cfg: ReplayRaterCfg, *, recorded: Feedback | Preferences | None = None) -> None:
        """Begin with the first query.

        Args:
            cfg: Names what was recorded.
            recorded: What was recorded.

        Raises:
            ValueError: If nothing was.
        """
        if recorded is None:
            raise ValueError("it needs queries that were answered: pass --rater.run RUN")
        self.cfg, self.recorded = cfg, Feedback.of(recorded).only
        self.gives = Feedback.of(recorded).kinds
        self.num_done = 0
        self._answered: list[Preferences] = []

    def propose(self, num_queries: int) -> Segments:
        """Return the options of the next queries; fewer at the end. Batch shape: (B, K).

        Raises:
            NoSegmentError: If there are no more.
        """
        if self.num_done >= len(self.recorded):
            raise NoSegmentError(f"all {len(self.recorded)} recorded queries were used")
        return self.recorded[self.num_done : self.num_done + num_queries].queries.options

    def submit(self, queries: Queries) -> None:
        """Take the queries that `propose` returned; `collect` returns their answers.

        Raises:
            ValueError: If they are others.
        """
        answers = self.recorded[self.num_done : self.num_done + len(queries)]
        if len(answers) < len(queries) or not torch.equal(answers.queries.options.obs, queries.options.obs):
            raise ValueError("it has answers to the recorded queries only, and is asked other ones")
        self.num_done += len(queries)
        self._answered.append(replace(answers, queries=queries))

    def collect(self) -> Preferences | None:
        """Return the answers to the queries submitted since the last call, or None."""
        answered, self._answered = self._answered, []
        return Preferences.cat(answered) if answered else None

    def state_dict(self) -> State:
        """Return the state to resume from; first collect the submitted queries."""
        return {"num_done": self.num_done, "sum": _sum(self.recorded)}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned.

        Raises:
            DamageError: If what was recorded has changed.
        """
        if state["sum"] != _sum(self.recorded):
            raise DamageError(f"the answers of {self.cfg.run} have changed since the run began: restore its files.")
        self.num_done = state["num_done"]


def _sum(recorded: Preferences) -> str:
    """Return the SHA-256 of queries and answers."""
    options, answers = recorded.queries.options, recorded.answers
    checksum = hashlib.sha256()
    stated = [value for name, value in answers.tensors().items() if name not in ("status", "tie", "strength")]
    for array in (options.obs, options.action, options.length, *stated, answers.status):
        checksum.update(array.contiguous().numpy().tobytes())
    return checksum.hexdigest()
