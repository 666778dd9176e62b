"""Replay: the queries of an earlier run with the answers that they were given, for another learner or agent."""

import hashlib
from dataclasses import dataclass, replace
from heapq import merge
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

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

    All answers to a query are given again, of whatever kind, and skips as well. Segments of the present run are not
    asked about, since nobody answers for them.
    """

    gives: tuple[type[Statement], ...] = tuple(LIKELIHOODS)
    """Kinds of feedback that may have been recorded; of a rater, those that were."""
    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.PROPOSES})

    def __init__(self, cfg: ReplayRaterCfg, *, recorded: Feedback | Preferences[Statement] | None = None) -> None:
        """Begin with the first query.

        Args:
            cfg: Names what was recorded.
            recorded: What was recorded.

        Raises:
            ValueError: If nothing was.
        """
        if recorded is None:
            raise ValueError("it needs queries that were answered: pass --rater.run RUN")
        self.cfg, self.recorded = cfg, Feedback.of(recorded)
        self.gives = self.recorded.kinds
        self.num_done = 0
        self._places = places(self.recorded)
        self._first = _first_rows(self._places)
        shapes = [part.queries.options.action.shape[1:] for part in self.recorded.parts]
        self._shape = torch.tensor([shapes.index(shape) for shape in shapes])[self._first[0]]
        self._answered: list[Preferences[Statement]] = []

    @property
    def num_queries(self) -> int:
        """Return the number of recorded queries."""
        return len(self._shape)

    def propose(self, num_queries: int) -> Segments:
        """Return the options of the next queries; fewer at the end, or before another shape. Batch shape: (B, K).

        Raises:
            NoSegmentError: If there are no more.
        """
        if self.num_done >= self.num_queries:
            raise NoSegmentError(f"all {self.num_queries} recorded queries were used")
        shape = self._shape[self.num_done : self.num_done + num_queries]
        return self._options(self.num_done, self.num_done + int((shape == shape[0]).cumprod(0).sum()))

    def submit(self, queries: Queries) -> None:
        """Take the queries that `propose` returned; `collect` returns their answers.

        Raises:
            ValueError: If they are others.
        """
        begin, end = self.num_done, self.num_done + len(queries)
        if end > self.num_queries or not torch.equal(self._options(begin, end).obs, queries.options.obs):
            raise ValueError("it has answers to the recorded queries only, and is asked other ones")
        for part, place in zip(self.recorded.parts, self._places):
            rows = ((place >= begin) & (place < end)).nonzero().squeeze(-1)
            if len(rows):
                self._answered.append(replace(part[rows], queries=queries[place[rows] - begin]))
        self.num_done = end

    def collect(self) -> Feedback | None:
        """Return the answers to the queries submitted since the last call, or None."""
        answered, self._answered = self._answered, []
        return Feedback.cat(answered) if answered else None

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

    def _options(self, begin: int, end: int) -> Segments:
        """Return the options of some queries of one shape. Batch shape: (B, K)."""
        of, row = (rows[begin:end] for rows in self._first)
        parts = [(part, of == number) for number, part in enumerate(self.recorded.parts) if bool((of == number).any())]
        found = Segments.cat([part.queries.options[row[mine]] for part, mine in parts])
        return found[torch.cat([mine.nonzero().squeeze(-1) for _, mine in parts]).argsort()]


def places(feedback: Feedback) -> list[Tensor]:
    """Return the place of each row's query in the order of the queries; answers to one query have one place.

    Queries of a part are in the order of its rows, and those of several parts are merged by their numbers. Queries of
    several runs may have one number, and then differ in what they show.

    Returns:
        A tensor for each part. Shape: (B,), int64.
    """
    rows = merge(*(_rows(part, number) for number, part in enumerate(feedback.parts)), key=lambda row: row[0][0])
    found = [torch.empty(len(part), dtype=torch.long) for part in feedback.parts]
    numbers: dict[tuple[int, str], int] = {}
    for query, part, row in rows:
        found[part][row] = numbers.setdefault(query, len(numbers))
    return found


def num_queries(feedback: Feedback) -> int:
    """Return the number of queries, of which some may have several answers."""
    return 1 + max(int(place.max()) for place in places(feedback))


def _rows(part: Preferences[Statement], number: int) -> list[tuple[tuple[int, str], int, int]]:
    """Return the query of each row as its number and its SHA-256, the number of the part, and the row."""
    options = part.queries.options
    shown = zip(options.obs.numpy(), options.action.numpy(), options.length.numpy())
    sums = [hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest() for arrays in shown]
    numbers = [int(query_id) for query_id in part.query_id]
    return [(query, number, row) for row, query in enumerate(zip(numbers, sums))]


def _first_rows(found: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the part and the row in which each query stands first. Shapes: (Q,), int64."""
    place = torch.cat(found)
    part = torch.cat([torch.full_like(one, number) for number, one in enumerate(found)])
    row = torch.cat([torch.arange(len(one)) for one in found])
    order = place.argsort(stable=True)
    is_first = place[order].diff(prepend=torch.tensor([-1])) > 0
    return part[order][is_first], row[order][is_first]


def _sum(recorded: Feedback) -> str:
    """Return the SHA-256 of queries and answers."""
    checksum = hashlib.sha256()
    for part in recorded.parts:
        options, answers = part.queries.options, part.answers
        stated = [value for name, value in answers.tensors().items() if name not in ("status", "tie", "strength")]
        for array in (options.obs, options.action, options.length, *stated, answers.status):
            checksum.update(array.contiguous().numpy().tobytes())
    return checksum.hexdigest()
