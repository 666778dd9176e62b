"""The log as it was written, for administrators and exports."""

import json

import sqlalchemy as sa

from prefgym.store.connect import Database
from prefgym.store.records import StoredEvent
from prefgym.store.rows import study_row
from prefgym.store.shown import order_of
from prefgym.store.tables import assignments, events, raters


def log(database: Database, study_id: str, after: int = 0, most: int = 10_000) -> list[StoredEvent]:
    """Return the events of a study with numbers above `after`, the oldest first.

    Raises:
        StoreRefusal: If there is no study of this id.
    """
    with database.reading() as connection:
        newer = (events.c.study == study_row(connection, study_id).number, events.c.number > after)
        query = (
            sa.select(events, raters.c.name, assignments.c.shown_order)
            .join(raters, raters.c.number == events.c.rater)
            .outerjoin(assignments, assignments.c.number == events.c.assignment)
            .where(*newer)
        )
        return [
            StoredEvent(
                event=row.number,
                type=row.type,
                rater=row.name,
                question=row.question,
                status=row.status,
                statement=json.loads(row.statement),
                shown_order=() if row.shown_order is None else order_of(row.shown_order),
                seconds=row.seconds,
                at=row.at,
                by=row.by,
            )
            for row in connection.execute(query.order_by(events.c.number).limit(most))
        ]
