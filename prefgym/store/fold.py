"""What stands after a sequence of events: pure functions of rows in the order of their numbers."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from prefgym.store.rows import Row

CHANGING = ("answer", "amend", "retract", "press", "exclude", "reinstate", "withdraw")
"""Types of events that what stands depends on."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What stands of the answers of one rater to one question."""

    status: str | None = None
    """Outcome; None while nothing stands."""
    statement: dict[str, Any] = field(default_factory=dict[str, Any])
    """What was stated, by places."""
    seconds: float = 0.0
    """Time of the answer, with its amendments."""
    at: float = 0.0
    """When it was recorded."""
    provenance: dict[str, Any] = field(default_factory=dict[str, Any])
    """How it came about."""
    presses: tuple[dict[str, Any], ...] = ()
    """Presses before the answer of a live question."""
    event: int = 0
    """Event that changed it last, as others see it."""
    revision: int = -1
    """How often it changed, as others see it, less one."""
    excluded: bool = False
    """Whether the rater is excluded."""


NOTHING = Standing()


def stand(rows: Iterable[Row], before: Standing = NOTHING) -> Standing:
    """Return what stands after these events about one question by one rater, and about that rater."""
    for row in rows:
        before = _after(before, row)
    return before


def _after(before: Standing, row: Row) -> Standing:
    if row.type == "withdraw":  # all that is left of what was erased: that it does not stand, and in which revision
        return Standing(event=row.number, revision=json.loads(row.statement)["revision"], at=row.at)
    if row.type == "note":
        return before
    if row.type == "press":
        return replace(before, presses=(*before.presses, json.loads(row.statement)))
    if row.type in ("exclude", "reinstate"):
        after = replace(before, excluded=row.type == "exclude")
        is_seen = before.status is not None and after.excluded != before.excluded
    else:
        after = _after_word(before, row)
        is_seen = not before.excluded
    if not is_seen:
        return after
    return replace(after, event=row.number, revision=before.revision + 1)


def _after_word(before: Standing, row: Row) -> Standing:
    """Return what stands after an answer, an amendment or a retraction."""
    if row.type == "retract":
        return replace(before, status=None, statement={}, presses=(), seconds=0.0, provenance={}, at=row.at)
    stated: dict[str, Any] = json.loads(row.statement)
    if "presses" in stated:
        stated = {"presses": sorted((*before.presses, *stated["presses"]), key=_step)}
    return replace(
        before,
        status=row.status,
        statement=stated,
        seconds=row.seconds if row.type == "answer" else before.seconds + row.seconds,
        at=row.at,
        provenance=json.loads(row.provenance) if row.type == "answer" else before.provenance,
        presses=(),
    )


def _step(press: dict[str, Any]) -> float:
    return press["step"]
