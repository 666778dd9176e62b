"""Assignments as a page gets them."""

import json
from collections.abc import Sequence

import sqlalchemy as sa

from prefgym.store.records import Assignment, ShownSegment
from prefgym.store.study import StudyCfg
from prefgym.store.tables import assignments, geometries, question_segments, questions, segments


def order_of(text: str) -> tuple[int, ...]:
    """Read a stored order of options."""
    return tuple(json.loads(text))


_ASSIGNMENTS = (
    sa.select(assignments, questions.c.criterion, questions.c.role)
    .join(questions)
    .where(assignments.c.number.in_(sa.bindparam("numbers", expanding=True)))
)
_OPTIONS = (
    sa.select(
        question_segments.c.question,
        segments.c.id,
        segments.c.num_steps,
        segments.c.dt_s,
        segments.c.media_type,
        geometries.c.id.label("geometry"),
    )
    .join(segments, segments.c.number == question_segments.c.segment)
    .outerjoin(geometries, geometries.c.number == segments.c.geometry)
    .where(question_segments.c.question.in_(sa.bindparam("numbers", expanding=True)))
    .order_by(question_segments.c.question, question_segments.c.place)
)


def shown_assignments(connection: sa.Connection, cfg: StudyCfg, numbers: Sequence[int]) -> list[Assignment]:
    """Return assignments with their segments, in this order of their numbers."""
    if not numbers:
        return []
    rows = {row.number: row for row in connection.execute(_ASSIGNMENTS, {"numbers": [*numbers]})}
    options = _options(connection, [row.question for row in rows.values()])
    made: list[Assignment] = []
    for row in (rows[number] for number in numbers):
        order = order_of(row.shown_order)
        made.append(
            Assignment(
                id=row.id,
                question=row.question,
                kind=cfg.kind,
                criterion=row.criterion,
                criterion_text=cfg.criterion(row.criterion).text,
                segments=tuple(options[row.question][option] for option in order),
                shown_order=order,
                practice=row.role == "practice",
                is_repeat=row.repeat > 0,
                lease_until=row.lease_until,
            )
        )
    return made


def _options(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, list[ShownSegment]]:
    """Map questions to their segments, in the order of the options."""
    options: dict[int, list[ShownSegment]] = {}
    for row in connection.execute(_OPTIONS, {"numbers": [*numbers]}):
        own = {"id": row.id, "num_steps": row.num_steps, "dt_s": row.dt_s, "media_type": row.media_type}
        options.setdefault(row.question, []).append(ShownSegment(geometry=row.geometry, **own))
    return options
