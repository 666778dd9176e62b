"""Small studies in a store of their own, and people who answer them as they are told."""

import itertools
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefgym.store.records import Assignment, NewEvent, NewQuestion, NewSegment, Rater
from prefgym.store.store import Store
from prefgym.store.study import StudyCfg

NOON = 1_800_000_000.0
"""When the clock of these studies starts."""

Answer = Callable[[Assignment], Mapping[str, Any] | None]
"""What a person states about an assignment by the places of the page; None skips."""


@dataclass
class Clock:
    """A clock that somebody sets."""

    now: float = NOON

    def __call__(self) -> float:
        return self.now


@dataclass
class Small:
    """A study, its store, and its people."""

    store: Store
    study: str
    clock: Clock
    raters: dict[str, Rater] = field(default_factory=dict)

    def ask(
        self, num: int, *, num_options: int = 2, gold: Mapping[str, Any] | None = None, practice: bool = False
    ) -> list[int]:
        """Ask about segments of ten steps, all different."""
        start = 1000 * len(self.store.questions(self.study))
        new: list[NewQuestion] = []
        for number in range(num):
            names = tuple(
                self.store.add_segment(
                    NewSegment(
                        env="none",
                        num_steps=10,
                        dt_s=0.1,
                        drawing=f"segment {start + number} {option}".encode(),
                        media_type="video/mp4",
                    )
                )
                for option in range(num_options)
            )
            known = None if gold is None else dict(gold)
            new.append(NewQuestion(query_id=start + number, segments=names, gold=known, practice=practice))
        return self.store.ask(self.study, new)

    def rater(self, name: str) -> Rater:
        """Return a person of the study, who comes in by an invitation."""
        if name not in self.raters:
            self.raters[name] = self.store.join(self.store.invite(self.study, name=name))
        return self.raters[name]

    def answer(self, name: str, answer: Answer, num: int | None = None, seconds: float = 2.0) -> int:
        """Let a person answer, all there is or so many; returns how many."""
        rater, done = self.rater(name), 0
        while num is None or done < num:
            given = self.store.assign(rater.id, 1)
            if not given:
                break
            stated = answer(given[0])
            status = "skipped" if stated is None else "answered"
            self.clock.now += seconds
            event = NewEvent(
                client_id=str(uuid.UUID(int=next(_NUMBERS))),
                assignment=given[0].id,
                type="answer",
                status=status,
                statement=dict(stated or {}),
                seconds=seconds,
            )
            self.store.record(rater.id, event)
            done += 1
        return done

    def note(self, name: str, assignment: str, text: str) -> None:
        """Let a person write a note about an assignment."""
        client_id = str(uuid.UUID(int=next(_NUMBERS)))
        event = NewEvent(client_id=client_id, assignment=assignment, type="note", statement={"text": text})
        self.store.record(self.rater(name).id, event)


_NUMBERS = itertools.count(1)


@contextmanager
def small(folder: Path, cfg: StudyCfg) -> Iterator[Small]:
    """Make a store with one study."""
    clock = Clock()
    with Store.open(str(folder / "labels.sqlite"), clock=clock) as store:
        yield Small(store, store.add_study(cfg), clock)


def option(number: int) -> Answer:
    """Choose the same option, wherever it stands."""
    return lambda given: {"choice": given.shown_order.index(number)}


def first_place(given: Assignment) -> Mapping[str, Any]:
    """Choose what stands first, whatever it is."""
    del given
    return {"choice": 0}


def in_turn(answers: Sequence[Answer]) -> Answer:
    """Answer by one rule after the other."""
    turns = itertools.cycle(answers)
    return lambda given: next(turns)(given)
