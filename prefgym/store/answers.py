"""Answers for those who learn from them: what changed, as revisions."""

import itertools
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from prefgym.store.connect import Database
from prefgym.store.fold import CHANGING, Standing, stand
from prefgym.store.records import StoredAnswer
from prefgym.store.rows import Row, cfg_of, study_row
from prefgym.store.shown import order_of
from prefgym.store.statements import of_options
from prefgym.store.study import Kind
from prefgym.store.tables import assignments, events, question_segments, questions, raters

_ABOUT_RATERS = ("exclude", "reinstate")


def answers(database: Database, study_id: str, after: int = 0, *, repeats: bool = False) -> list[StoredAnswer]:
    """Return what changed after an event: one row for each rater and question, in the order of the events.

    Args:
        database: The store.
        study_id: Opaque name of the study.
        after: Number of an event.
        repeats: Whether second answers to repeated questions are among them.

    Raises:
        StoreRefusal: If there is no study of this id.
    """
    with database.reading() as connection:
        study = study_row(connection, study_id)
        return changed(connection, study.number, cfg_of(study).kind, after, repeats=repeats)


def changed(
    connection: sa.Connection, study: int, kind: Kind, after: int, *, repeats: bool, exclusions: bool = True
) -> list[StoredAnswer]:
    """Return what `answers` returns, in a transaction that has begun; as if nobody were excluded, if that is wanted."""
    rows = _rows_of_changed(connection, study, after, repeats=repeats)
    about = _exclusions(connection, study) if exclusions else {}
    found: list[StoredAnswer] = []
    for _, group in itertools.groupby(rows, key=lambda row: (row.question, row.rater, row.repeat)):
        own = [*group]
        standing = stand(_merged(own, about.get(own[0].rater, [])))
        if standing.event > after and standing.revision >= 0:
            found.append(_stored(kind, own[-1], standing))
    order = _options_of_unknown_order(connection, found)
    found = [row if row.shown_order else _with_order(row, order[row.question]) for row in found]
    return sorted(found, key=lambda row: (row.event, row.question))


def _rows_of_changed(connection: sa.Connection, study: int, after: int, *, repeats: bool) -> list[Row]:
    """Return all events of the raters and questions of which one came after `after`, grouped by both."""
    words = [one for one in CHANGING if one not in _ABOUT_RATERS]
    here = events.c.study == study
    named = (
        sa.select(
            events,
            assignments.c.shown_order,
            raters.c.name,
            questions.c.query_id,
            questions.c.asked_at,
            questions.c.shown_sha256,
            questions.c.criterion,
            questions.c.role,
            questions.c.gold,
        )
        .join(questions, questions.c.number == events.c.question)
        .join(raters, raters.c.number == events.c.rater)
        .outerjoin(assignments, assignments.c.number == events.c.assignment)
        .where(here, events.c.type.in_(words))
    )
    if not repeats:
        named = named.where(events.c.repeat == 0)
    if after > 0:
        newer = (here, events.c.number > after)
        pairs = sa.select(events.c.question, events.c.rater).distinct().where(*newer, events.c.question.is_not(None))
        pairs = pairs.cte("pairs")
        turned = sa.select(events.c.rater).where(*newer, events.c.type.in_(_ABOUT_RATERS))
        by_pair = named.join(pairs, sa.and_(pairs.c.question == events.c.question, pairs.c.rater == events.c.rater))
        rows = {row.number: row for row in connection.execute(by_pair)}
        for rater in {*connection.execute(turned).scalars()}:
            rows |= {row.number: row for row in connection.execute(named.where(events.c.rater == rater))}
        found = [*rows.values()]
    else:
        found = [*connection.execute(named)]
    return sorted(found, key=lambda row: (row.question, row.rater, row.repeat, row.number))


def _exclusions(connection: sa.Connection, study: int) -> dict[int, list[Row]]:
    """Map raters to the events that excluded and reinstated them."""
    turns = sa.select(events).where(events.c.study == study, events.c.type.in_(_ABOUT_RATERS))
    about: dict[int, list[Row]] = {}
    for row in connection.execute(turns.order_by(events.c.number)):
        about.setdefault(row.rater, []).append(row)
    return about


def _merged(own: list[Row], about: list[Row]) -> Iterable[Row]:
    return sorted((*own, *about), key=lambda row: row.number) if about else own


def _stored(kind: Kind, row: Row, standing: Standing) -> StoredAnswer:
    order = () if row.shown_order is None else order_of(row.shown_order)  # of a rater who withdrew, it is gone
    stands = standing.status is not None and not standing.excluded
    status: Any = standing.status if stands else "failed"
    return StoredAnswer(
        event=standing.event,
        revision=standing.revision,
        question=row.question,
        query_id=row.query_id,
        asked_at=row.asked_at,
        shown_sha256=row.shown_sha256,
        criterion=row.criterion,
        kind=kind,
        rater=row.name,
        status=status,
        statement=of_options(kind, standing.statement, order) if status == "answered" else {},
        shown_order=order,
        seconds=standing.seconds if stands else 0.0,
        at=standing.at,
        gold=row.role == "gold",
        practice=row.role == "practice",
        is_repeat=row.repeat > 0,
        provenance=standing.provenance if stands else {},
    )


def _options_of_unknown_order(connection: sa.Connection, found: list[StoredAnswer]) -> dict[int, int]:
    numbers = sorted({row.question for row in found if not row.shown_order})
    if not numbers:
        return {}
    counted = sa.select(question_segments.c.question, sa.func.count()).group_by(question_segments.c.question)
    return {number: num for number, num in connection.execute(counted) if number in {*numbers}}


def _with_order(row: StoredAnswer, num_options: int) -> StoredAnswer:
    return replace(row, shown_order=tuple(range(num_options)))
