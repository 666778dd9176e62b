"""A double for people and slow judges."""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from prefgym.common.limits import Natural, Share, check
from prefgym.common.states import State, Stateful
from prefgym.core.preferences import Preferences
from prefgym.core.protocols import Rater
from prefgym.core.queries import Queries
from prefgym.data.tables import pack_preferences, unpack_preferences


@dataclass(frozen=True, kw_only=True)
class LateRaterCfg:
    """How unreliable a `LateRater` is.

    Raises:
        ValueError: If a value lies outside its range.
    """

    delay: Natural = 5
    """Calls of `collect` after which an answer is there at the latest."""
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
        self._due: list[tuple[Preferences, Tensor]] = []  # answers, and the calls at which they are handed out

    def submit(self, queries: Queries) -> None:
        """Hand the questions on."""
        self.rater.submit(queries)

    def collect(self) -> Preferences | None:
        """Return the answers that have arrived, in any order, or None."""
        if (answers := self.rater.collect()) is not None:
            self._due.append(self._schedule(answers))
        arrived = [answers[due <= self._calls] for answers, due in self._due]
        self._due = [(answers[due > self._calls], due[due > self._calls]) for answers, due in self._due]
        self._due = [(answers, due) for answers, due in self._due if len(answers)]
        self._calls += 1
        if not any(len(answers) for answers in arrived):
            return None
        together = Preferences.cat(arrived)
        return together[torch.randperm(len(together), generator=self.generator)]

    def state_dict(self) -> State:
        """Return the state to resume from."""
        waiting = {
            str(number): {"answers": pack_preferences(answers), "due": due}
            for number, (answers, due) in enumerate(self._due)
        }
        rater = cast(Stateful, self.rater).state_dict()
        return {"rater": rater, "generator": self.generator.get_state(), "calls": self._calls, "waiting": waiting}

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
        cast(Stateful, self.rater).load_state_dict(state["rater"])
        self.generator.set_state(state["generator"])
        self._calls = state["calls"]
        self._due = [(unpack_preferences(told["answers"]), told["due"]) for told in state["waiting"].values()]

    def _schedule(self, answers: Preferences) -> tuple[Preferences, Tensor]:
        fates = torch.rand(2, len(answers), generator=self.generator)
        kept = torch.nonzero(fates[0] >= self.cfg.lost).squeeze(-1)
        again = kept[fates[1][kept] < self.cfg.twice]
        rows = torch.cat([kept, again])
        wait = torch.randint(self.cfg.delay + 1, rows.shape, generator=self.generator)
        return answers[rows], self._calls + wait
