"""Events: appended, each once, durable before it is confirmed."""

import json
import uuid
from typing import Any

import sqlalchemy as sa

from prefgym.store.connect import Database
from prefgym.store.counts import count_again
from prefgym.store.errors import StoreRefusal
from prefgym.store.fold import Standing, stand
from prefgym.store.people import refuse_withdrawn
from prefgym.store.records import NewEvent, OwnEvent, Receipt
from prefgym.store.rows import Row, cfg_of, dumped, insert, put_events_in_order, rater_row
from prefgym.store.shown import order_of
from prefgym.store.statements import Shown, amended, check_note, check_press, check_statement, is_same, of_options
from prefgym.store.study import StudyCfg
from prefgym.store.tables import assignments, events, question_segments, questions, segments

MOST_PROVENANCE = 50_000
"""Most characters of a provenance as JSON."""


def record(database: Database, rater_id: str, new: NewEvent, now: float | None = None) -> Receipt:
    """Append an event in a transaction of its own; one that is there already is only confirmed.

    An answer counts even if its lease has run out: what a person did while offline is kept.

    Raises:
        StoreRefusal: If the assignment is another rater's, or the event does not fit what happened before.
        StoreUnavailable: If the database fails: send the same event again.
    """
    now = database.clock() if now is None else now
    _check_form(new)
    with database.writing() as connection:
        rater = rater_row(connection, rater_id, lock=True)
        refuse_withdrawn(rater)
        cfg = cfg_of(rater)
        row = _assignment_row(connection, rater.number, new.assignment)
        put_events_in_order(connection, rater.study)
        known = connection.execute(_SENT, {"for_rater": rater.number, "sent": new.client_id}).one_or_none()
        if known is not None:
            if known.assignment != row.number or known.type != new.type:
                raise StoreRefusal("client-id", "Another event has this client_id: make a new one for each event.")
            values = {"status": known.status, "statement": known.statement}
            return _receipt(cfg, row, known.number, known.type, values, is_new=False)
        shown = _shown(connection, cfg, row.question)
        before = stand(_own_rows(connection, row.number))
        values = _checked(shown, before, new)
        number = insert(
            connection,
            events,
            study=rater.study,
            rater=rater.number,
            assignment=row.number,
            question=row.question,
            repeat=row.repeat,
            client_id=new.client_id,
            seconds=new.seconds,
            provenance=dumped(new.provenance),
            at=now,
            by="",
            **values,
        )
        if new.type in ("answer", "amend"):
            connection.execute(_CLOSE, {"of": row.number, "with": new.status})
        elif new.type == "retract":  # back to this rater first
            connection.execute(_REOPEN, {"of": row.number, "until": now + cfg.lease_s})
        if new.type in ("answer", "amend", "retract"):
            count_again(connection, cfg.overlap, [row.question])
        return _receipt(cfg, row, number, new.type, values, is_new=True)


_SENT = events.select().where(events.c.rater == sa.bindparam("for_rater"), events.c.client_id == sa.bindparam("sent"))
_OF_ASSIGNMENT = events.select().where(events.c.assignment == sa.bindparam("of")).order_by(events.c.number)
_THIS = assignments.c.number == sa.bindparam("of")
_CLOSE = sa.update(assignments).where(_THIS).values(outcome=sa.bindparam("with"))
_REOPEN = sa.update(assignments).where(_THIS).values(outcome=None, lease_until=sa.bindparam("until"))
_ASSIGNMENT = (
    sa.select(assignments, questions.c.role, questions.c.gold)
    .join(questions)
    .where(assignments.c.id == sa.bindparam("named"))
)
_NUM_STEPS = (
    sa.select(segments.c.num_steps)
    .join(question_segments)
    .where(question_segments.c.question == sa.bindparam("of"))
    .order_by(question_segments.c.place)
)


def _check_form(new: NewEvent) -> None:
    """Check what does not depend on the store."""
    if not _is_uuid(new.client_id):
        raise StoreRefusal("bad-event", "client_id must be a UUID in lower case.")
    if new.type not in ("answer", "amend", "retract", "note", "press"):
        raise StoreRefusal("bad-event", "type must be answer, amend, retract, note or press.")
    if new.status not in ("answered", "skipped", "invalid", "failed"):
        raise StoreRefusal("bad-event", "status must be answered, skipped, invalid or failed.")
    if not 0 <= new.seconds <= 1e9:
        raise StoreRefusal("bad-event", "seconds must be a number of 0 or more.")
    try:
        text = dumped(new.provenance)
    except (ValueError, TypeError, RecursionError):
        raise StoreRefusal("bad-event", "provenance must be plain JSON, without NaN and infinity.") from None
    if len(text) > MOST_PROVENANCE:
        raise StoreRefusal("bad-event", f"provenance has at most {MOST_PROVENANCE} characters.")


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _assignment_row(connection: sa.Connection, rater: int, name: str) -> Row:
    row = connection.execute(_ASSIGNMENT, {"named": name}).one_or_none()
    if row is None or row.rater != rater:  # one answer to both: nobody learns which ids there are
        raise StoreRefusal("unknown-assignment", "This question was not given to this person.")
    return row


def _shown(connection: sa.Connection, cfg: StudyCfg, question: int) -> Shown:
    num_steps = connection.execute(_NUM_STEPS, {"of": question}).scalars().all()
    return Shown(kind=cfg.kind, num_places=len(num_steps), num_steps=num_steps[0], num_levels=cfg.num_levels)


def _own_rows(connection: sa.Connection, assignment: int) -> list[Row]:
    return [*connection.execute(_OF_ASSIGNMENT, {"of": assignment})]


def _checked(shown: Shown, before: Standing, new: NewEvent) -> dict[str, Any]:
    """Return type, status and statement of an event as they are stored.

    Raises:
        StoreRefusal: If the event does not fit what happened before.
    """
    stated: dict[str, Any] = {}
    if new.type == "answer" and before.status is not None:
        raise StoreRefusal("already-answered", "This question has been answered: amend the answer, or take it back.")
    if new.type in ("amend", "retract") and before.status is None:
        raise StoreRefusal("not-answered", "There is no answer that could be changed.")
    if new.type in ("answer", "amend"):
        if new.status != "answered":
            if new.statement:
                raise StoreRefusal("bad-statement", f"What is {new.status} states nothing.")
        elif new.type == "amend":
            stated = amended(shown, before.statement, new.statement)
        else:
            stated = check_statement(shown, new.statement)
    elif new.type == "note":
        stated = check_note(new.statement)
    elif new.type == "press":
        if shown.kind != "live":
            raise StoreRefusal("bad-event", f"A {shown.kind} has no presses.")
        if before.status is not None:
            raise StoreRefusal("already-answered", "This segment has been answered already.")
        stated = check_press(shown, new.statement)
    elif new.statement:
        raise StoreRefusal("bad-statement", "Taking back an answer states nothing.")
    return {"type": new.type, "status": new.status, "statement": dumped(stated)}


def _receipt(cfg: StudyCfg, row: Row, number: int, kind: str, values: dict[str, Any], *, is_new: bool) -> Receipt:
    if row.role != "practice":
        return Receipt(event=number, is_new=is_new)
    gold: dict[str, Any] = json.loads(row.gold) if row.gold else {}
    is_right = None
    if gold and kind == "answer" and values["status"] == "answered":
        stated = of_options(cfg.kind, json.loads(values["statement"]), order_of(row.shown_order))
        is_right = is_same(cfg.kind, stated, gold)
    return Receipt(event=number, is_new=is_new, practice=True, is_right=is_right, text=gold.get("text", ""))


def history(database: Database, rater_id: str) -> list[OwnEvent]:
    """Return all events of a rater, the newest last.

    Raises:
        StoreRefusal: If there is no such rater.
    """
    with database.reading() as connection:
        rater = rater_row(connection, rater_id)
        query = sa.select(events, assignments.c.id.label("assignment_id")).join(assignments)
        rows = connection.execute(query.where(events.c.rater == rater.number).order_by(events.c.number))
        return [
            OwnEvent(
                event=row.number,
                client_id=row.client_id,
                assignment=row.assignment_id,
                type=row.type,
                status=row.status,
                statement=json.loads(row.statement),
                seconds=row.seconds,
                at=row.at,
            )
            for row in rows
        ]
