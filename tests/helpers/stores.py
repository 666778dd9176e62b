"""Question stores with something in them, for tests of what uses one."""

import itertools
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from prefgym.store.records import Assignment, EventType, NewEvent, NewQuestion, NewSegment, Outcome, Receipt
from prefgym.store.store import Store
from prefgym.store.study import StudyCfg

START = 1_000_000.0
"""What a `Clock` says at first."""

_uuids = itertools.count(1)


@dataclass
class Clock:
    """Time that passes when a test says so."""

    now: float = START

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@dataclass(frozen=True)
class Filled:
    """A store with a study, its segments and questions."""

    store: Store
    study: str
    segments: Sequence[str] = field(repr=False)
    questions: Sequence[int] = field(repr=False)

    def joined(self, num: int) -> list[str]:
        """Let people join and return their ids."""
        token = self.store.invite(self.study, max_raters=None)
        return [self.store.join(token).id for _ in range(num)]


def filled(store: Store, num: int = 5, *, num_gold: int = 0, num_practice: int = 0, **cfg: Any) -> Filled:  # noqa: ANN401
    """Add a study of comparisons, or of another kind, with questions to a store.

    Args:
        store: An open store.
        num: Questions without a known answer; gold ones have the first option, or its like, as their answer.
        num_gold: Gold questions.
        num_practice: Practice questions.
        **cfg: Of the study.
    """
    study = store.add_study(StudyCfg(name="test", **cfg))
    kind = cfg.get("kind", "comparison")
    width = {"comparison": 2, "ranking": 3}.get(kind, 1)
    segments = [
        store.add_segment(
            NewSegment(env="Pole", num_steps=10, dt_s=0.05, drawing=f"poses {number}".encode(), media_type="text/plain")
        )
        for number in range(num + num_gold + num_practice + width)
    ]
    known: dict[str, Any] = {"comparison": {"choice": 0, "text": "It stands."}, "rating": {"level": 2}}.get(kind, {})
    new = [
        NewQuestion(
            query_id=number,
            segments=tuple(segments[number : number + width]),
            asked_at=100 * number,
            gold=known if number >= num else None,
            practice=number >= num + num_gold,
        )
        for number in range(num + num_gold + num_practice)
    ]
    return Filled(store, study, segments, store.ask(study, new))


def new_event(
    assignment: Assignment | str,
    type: EventType = "answer",
    statement: dict[str, Any] | None = None,
    status: Outcome = "answered",
    **values: Any,  # noqa: ANN401
) -> NewEvent:
    """Return an event with a UUID of its own; an answer chooses the first place unless it says something else."""
    if statement is None:
        statement = {"choice": 0} if type == "answer" and status == "answered" else {}
    name = assignment if isinstance(assignment, str) else assignment.id
    own = {"client_id": str(uuid.UUID(int=next(_uuids))), **values}
    return NewEvent(assignment=name, type=type, statement=statement, status=status, **own)


def say(store: Store, rater: str, assignment: Assignment | str, *args: Any, **values: Any) -> Receipt:  # noqa: ANN401
    """Record what `new_event` makes."""
    return store.record(rater, new_event(assignment, *args, **values))
