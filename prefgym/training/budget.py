"""Budget accounting: queries that were submitted, that were answered, and that are left."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from prefgym.common.limits import Count, NonNegative, Positive, Share, check
from prefgym.common.states import State
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Statement
from prefgym.core.preferences import Preferences
from prefgym.core.queries import Queries
from prefgym.runs.answers import answers_of
from prefgym.training.extension import Extension

Counts = Literal["asked", "answered"]


@dataclass(frozen=True, kw_only=True)
class ScheduleCfg:
    """When sessions are held and how large they are."""

    num_sessions: Count = 10
    """Sessions over which the budget is spread evenly; if only answers count, later sessions make up for skips."""
    first: Share = 0.016
    """Share of the training after which the first session is held; until then the agent has no reward, unless it began
    with preferences."""
    last: Share = 0.7
    """Share of the training after which the last session is held; tuned on Hopper, like the spacing."""
    spacing: Positive = 2.0
    """Exponent of the sessions' times: 1 spaces them evenly, more holds early ones closer together."""
    wait_minutes: NonNegative = 0.0
    """Most minutes that a session waits for answers which do not come at once; meanwhile the agent does not act."""

    def __post_init__(self) -> None:
        check(self)
        if self.first > self.last:
            raise ValueError(f"the first session cannot be held after {self.first:g} and the last after {self.last:g}")


class Schedule:
    """Return how many queries are due.

    The sessions are at times t_k = first + (last - first) (k / (n - 1))^spacing of the training.

    A budget of 100 over three sessions, after 100, 300 and 500 of 1000 steps:

    >>> schedule = Schedule(ScheduleCfg(num_sessions=3, first=0.1, last=0.5, spacing=1.0), budget=100, steps=1000)
    >>> schedule.due(50, left=100), schedule.due(100, left=100)
    (0, 34)
    >>> schedule.mark_done(100)
    >>> schedule.due(120, left=66), schedule.due(300, left=66), schedule.due(500, left=66)
    (0, 33, 66)

    An extension has sessions of its own, after as large shares of its steps; they replace those still to come.
    """

    def __init__(self, cfg: ScheduleCfg, budget: int, steps: int, extensions: Sequence[Extension] = ()) -> None:
        """Begin with no session held.

        Args:
            cfg: Shares of the training, and number of sessions.
            budget: Queries of the whole training.
            steps: Steps of the whole training.
            extensions: Extensions so far, the oldest first.
        """
        ends = [(extension.old_steps, extension.old_budget) for extension in extensions] + [(steps, budget)]
        self.times = _times(cfg, ends[0][1], 0, ends[0][0])
        for extension, (end, limit) in zip(extensions, ends[1:]):
            fresh = limit - extension.old_budget if extension.had_finished else limit
            held = [time for time in self.times if time <= extension.at] if extension.at else []
            self.times = held + _times(cfg, fresh, extension.at, end)
        self.num_done = 0

    def due(self, steps: int, left: int) -> int:
        """Return the number of queries due now: those left, spread evenly over the sessions left."""
        due = 0
        for session in range(self.num_done, self._num_due(steps)):
            due += math.ceil((left - due) / (len(self.times) - session))
        return due

    def mark_done(self, steps: int) -> None:
        """Mark the queries due at `steps` as submitted, so that `due` does not return them again."""
        self.num_done = self._num_due(steps)

    def state_dict(self) -> State:
        """Return the state to resume from."""
        return {"num_held": self.num_done}

    def load_state_dict(self, state: State) -> None:
        """Restore the state that `state_dict` returned."""
        self.num_done = state["num_held"]

    def _num_due(self, steps: int) -> int:
        return sum(time <= steps for time in self.times)


def _times(cfg: ScheduleCfg, budget: int, start: int, end: int) -> list[int]:
    """Return the steps at which the sessions of a part of the training are due."""
    num = min(cfg.num_sessions, budget)
    # t_k = first + (last - first) (k / (n - 1))^spacing
    shares = [cfg.first + (cfg.last - cfg.first) * (k / max(num - 1, 1)) ** cfg.spacing for k in range(num)]
    return [start + math.floor(share * (end - start)) for share in shares]


class Budget:
    """Count queries by their number, so that late, repeated and missing answers are accounted for.

    Raises:
        ValueError: If the limit is not positive.
    """

    def __init__(self, limit: int, counts: Counts = "asked") -> None:
        if limit < 1:
            raise ValueError(f"the budget must be at least 1 query, not {limit}")
        self.limit, self.counts = limit, counts
        self.num_asked = self.num_answered = 0
        self._pending: set[int] = set()
        self._unanswered: set[int] = set()  # pending ones, and those that were only declined
        self._seen: set[str] = set()  # ids of answers

    @property
    def num_pending(self) -> int:
        """Return how many queries have neither an answer nor been declined."""
        return len(self._pending)

    @property
    def left(self) -> int:
        """Return how many queries may still be submitted; pending ones count as answered."""
        spent = self.num_asked if self.counts == "asked" else self.num_answered + self.num_pending
        return max(self.limit - spent, 0)

    def ask(self, queries: Queries) -> Queries:
        """Count queries as submitted.

        Raises:
            ValueError: If they exceed the budget, or a number was used before.
        """
        numbers = [int(number) for number in queries.query_id]
        if len(numbers) > self.left:
            raise ValueError(f"{len(numbers)} queries exceed the {self.left} left in the budget")
        if numbers != list(range(self.num_asked, self.num_asked + len(numbers))):
            raise ValueError("queries must be numbered on from the last one asked")
        self.num_asked += len(numbers)
        self._pending.update(numbers)
        self._unanswered.update(numbers)
        return queries

    def receive(self, answers: Feedback | Preferences[Statement]) -> Feedback | None:
        """Recognise new answers, and count them."""
        fresh = self.recognise(answers)
        if fresh is not None:
            self.count(fresh)
        return fresh

    def recognise(self, answers: Feedback | Preferences[Statement]) -> Feedback | None:
        """Return the new answers: a repeated one, or one without a query, is dropped."""
        masks = [
            torch.tensor([row.query_id < self.num_asked and self._is_new(row.event_id) for row in answers_of(part)])
            for part in answers.parts
        ]
        kept = Feedback.of(answers).kept([mask.bool() for mask in masks])
        return kept if kept.parts else None

    def count(self, answers: Feedback) -> None:
        """Count queries as answered or declined; one with several answers is answered with the first that is one."""
        for part in answers.parts:
            for number, answered in zip(part.query_id.numpy().tolist(), part.answers.answered.numpy().tolist()):
                self._pending.discard(number)
                if answered and number in self._unanswered:
                    self._unanswered.remove(number)
                    self.num_answered += 1

    def recall(self, answers: Feedback | None) -> None:
        """Recognise answers of a resumed run that were counted before."""
        self._seen = set() if answers is None else {row.event_id for row in answers_of(answers)}

    def _is_new(self, event_id: str) -> bool:
        is_new = event_id not in self._seen
        self._seen.add(event_id)
        return is_new

    def state_dict(self) -> State:
        """Return the state to resume from."""
        waiting = {"pending": sorted(self._pending), "unanswered": sorted(self._unanswered)}
        return {"num_asked": self.num_asked, "num_answered": self.num_answered, **waiting}

    def load_state_dict(self, state: State) -> None:
        """Restore the state that `state_dict` returned; states of 0.2 have no `unanswered`."""
        self.num_asked, self.num_answered = state["num_asked"], state["num_answered"]
        self._pending = set(state["pending"])
        self._unanswered = set(state.get("unanswered", state["pending"]))
