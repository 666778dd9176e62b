"""A test double for people and slow judges."""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from prefgym.common.limits import Natural, Share, check
from prefgym.common.states import State, Stateful
from prefgym.core.capabilities import gives
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Statement
from prefgym.core.preferences import Preferences
from prefgym.core.protocols import Rater
from prefgym.core.queries import Queries
from prefgym.data.tables import pack_feedback, unpack_feedback


@dataclass(frozen=True, kw_only=True)
class LateRaterCfg:
    """Delays and failures of a `LateRater`.

    Raises:
        ValueError: If a value lies outside its range.
    """

    delay: Natural = 5
    """Most calls of `collect` until an answer arrives."""
    lost: Share = 0.1
    """Probability that a query is never answered."""
    twice: Share = 0.1
    """Probability that an answer comes a second time."""

    __post_init__ = check


class LateRater:
    """Pass on another rater's answers late, out of order, sometimes twice and sometimes not at all.

    It stands for people and slow judges in tests. Time is counted in calls of `collect`; there is no clock.
    """

    def __init__(self, rater: Rater, cfg: LateRaterCfg | None = None, *, seed: int = 0) -> None:
        self.rater, self.cfg = rater, cfg or LateRaterCfg()
        self.generator = torch.Generator().manual_seed(seed)
        self._calls: int = 0
        self._due: list[
            tuple[Preferences[Statement], Tensor]
        ] = []  # answers, and the calls of `collect` at which they arrive

    @property
    def gives(self) -> tuple[type[Statement], ...]:
        """Return the kinds of feedback that the other rater gives."""
        return gives(self.rater)

    def submit(self, queries: Queries) -> None:
        """Pass the queries to the other rater."""
        self.rater.submit(queries)

    def collect(self) -> Feedback | None:
        """Return the answers that have arrived, in any order, or None."""
        if (answers := self.rater.collect()) is not None:
            self._due += [self._schedule(part) for part in answers.parts]
        arrived = [some for answers, due in self._due if len(some := answers[due <= self._calls])]
        self._due = [(answers[due > self._calls], due[due > self._calls]) for answers, due in self._due]
        self._due = [(answers, due) for answers, due in self._due if len(answers)]
        self._calls += 1
        if not arrived:
            return None
        together = Feedback.cat(arrived).parts
        return Feedback(tuple(part[torch.randperm(len(part), generator=self.generator)] for part in together))

    def state_dict(self) -> State:
        """Return the state to resume from."""
        waiting = {
            str(number): {"answers": pack_feedback(Feedback.of(answers)), "due": due}
            for number, (answers, due) in enumerate(self._due)
        }
        rater = cast(Stateful, self.rater).state_dict()
        return {"rater": rater, "generator": self.generator.get_state(), "calls": self._calls, "waiting": waiting}

    def load_state_dict(self, state: State) -> None:
        """Restore the state that `state_dict` returned."""
        cast(Stateful, self.rater).load_state_dict(state["rater"])
        self.generator.set_state(state["generator"])
        self._calls = state["calls"]
        self._due = [(unpack_feedback(late["answers"]).only, late["due"]) for late in state["waiting"].values()]

    def _schedule(self, answers: Preferences[Statement]) -> tuple[Preferences[Statement], Tensor]:
        fates = torch.rand(2, len(answers), generator=self.generator)
        kept = torch.nonzero(fates[0] >= self.cfg.lost).squeeze(-1)
        again = kept[fates[1][kept] < self.cfg.twice]
        rows = torch.cat([kept, again])
        wait = torch.randint(self.cfg.delay + 1, rows.shape, generator=self.generator)
        return answers[rows], self._calls + wait
