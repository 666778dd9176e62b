"""A scripted person, who answers questions through the store, as the page does."""

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from prefgym.common.array_files import unpacked
from prefgym.core.packing import unpack_segments
from prefgym.core.segments import Segments
from prefgym.store.records import Assignment, EventType, NewEvent, Outcome
from prefgym.store.store import Store
from prefgym.training.callbacks import Callback
from prefgym.training.loop import Loop
from prefgym.training.parts import Metrics

Rule = Callable[[Segments], dict[str, Any] | None]
"""Returns what is stated about the segments as they are shown, of batch shape (K,); None to skip."""


class Person:
    """Somebody who was invited to a study."""

    def __init__(self, store: Store, study: str, rule: Rule, name: str = "ann") -> None:
        self.store, self.study, self.rule = store, study, rule
        self.rater = store.join(store.invite(study, name=name))
        self.answered: list[Assignment] = []
        """Assignments that were answered, the newest last."""

    def look(self, num: int) -> list[Assignment]:
        """Take up to `num` questions."""
        return self.store.assign(self.rater.id, num)

    def answer(self, num: int) -> int:
        """Answer up to `num` questions, and return how many there were."""
        taken = self.look(num)
        for one in taken:
            stated = self.rule(self.shown(one))
            self.say(one, "answer", stated or {}, status="skipped" if stated is None else "answered")
            self.answered.append(one)
        return len(taken)

    def shown(self, assignment: Assignment) -> Segments:
        """Return the segments of a question in the order in which they are shown. Batch shape: (K,)."""
        packed = [self.store.segment(one.id).content for one in assignment.segments]
        return Segments.stack([unpack_segments(unpacked(content, "a segment")) for content in packed])

    def say(
        self, assignment: Assignment, what: EventType, stated: Mapping[str, Any], status: Outcome = "answered"
    ) -> None:
        """Send an event."""
        event = NewEvent(
            client_id=str(uuid.uuid4()),
            assignment=assignment.id,
            type=what,
            status=status,
            statement=dict(stated),
            seconds=2.0,
        )
        self.store.record(self.rater.id, event)


def open_store(run: Path) -> tuple[Store, str]:
    """Open the store of a run, and return it with the id of the study."""
    study = json.loads((run / "labels.json").read_text())["study"]
    return Store.open(str(run / "labels.sqlite")), study


class People(Callback):
    """Calls people after each step of a training, so that what they do is at the same steps each time.

    Args:
        act: Called with the store, the study, and the steps so far.
    """

    def __init__(self, act: Callable[[Store, str, int], None]) -> None:
        self.act = act
        self.store: Store | None = None
        self.study = ""

    def on_step(self, loop: Loop, metrics: Metrics) -> None:
        """Let them act."""
        if self.store is None:
            self.store, self.study = open_store(loop.run.path)
        self.act(self.store, self.study, loop.steps)

    def on_end(self, loop: Loop) -> None:
        """Close the store."""
        if self.store is not None:
            self.store.close()


def by_depth(segments: Segments) -> dict[str, Any]:
    """Prefer the other one."""
    return {"choice": 1 - by_height(segments)["choice"]}


def by_height(segments: Segments) -> dict[str, Any]:
    """Prefer the segment whose second observation is larger on average."""
    heights: Sequence[float] = segments.obs[..., 1].mean(-1).tolist()
    return {"choice": heights.index(max(heights))}
