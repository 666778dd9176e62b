"""Raters who do not count: excluded for now by who runs the study, or withdrawn by themselves for good."""

import sqlalchemy as sa

from prefgym.store.answers import changed
from prefgym.store.connect import Database
from prefgym.store.counts import count_again
from prefgym.store.errors import StoreUnavailable
from prefgym.store.people import refuse_withdrawn
from prefgym.store.rows import Row, cfg_of, dumped, insert, put_events_in_order, rater_row
from prefgym.store.tables import assignments, events, invitations, logins, raters
from prefgym.store.texts import check_line


def exclude(database: Database, rater_id: str, excluded: bool, by: str, now: float | None = None) -> None:
    """Let all answers of a rater count no longer, or again; an event says who decided it.

    Raises:
        StoreRefusal: If there is no such rater, or the rater withdrew.
        UserError: If `by` is no line.
    """
    check_line("who excludes a rater", by)
    now = database.clock() if now is None else now
    with database.writing() as connection:
        rater = rater_row(connection, rater_id, lock=True)
        refuse_withdrawn(rater)
        if rater.excluded == excluded:
            return
        put_events_in_order(connection, rater.study)
        connection.execute(sa.update(raters).where(raters.c.number == rater.number).values(excluded=excluded))
        kind = "exclude" if excluded else "reinstate"
        own = {"type": kind, "status": "", "statement": "{}", "provenance": "{}", "by": by}
        insert(connection, events, study=rater.study, rater=rater.number, repeat=0, seconds=0.0, at=now, **own)
        mine = assignments.c.rater == rater.number
        held = sa.update(assignments).where(mine, assignments.c.outcome.is_(None))
        connection.execute(held.values(lease_until=0.0))  # free for others
        numbers = connection.execute(sa.select(assignments.c.question).where(mine)).scalars().all()
        count_again(connection, cfg_of(rater).overlap, numbers)


def withdraw(database: Database, rater_id: str) -> None:
    """Erase what a rater said and did, and who it was; a second time changes nothing.

    What stays is a tombstone: the pseudonym, how many answers there were, and for each question that had an answer
    an event that says in which revision it ceased to stand, so that who used the answer hears of it.

    Raises:
        StoreRefusal: If there is no such rater.
    """
    with database.writing() as connection:
        rater = rater_row(connection, rater_id, lock=True)
        if not rater.withdrawn:
            _erase(connection, rater)
    _sweep(database)


def _erase(connection: sa.Connection, rater: Row) -> None:
    """Erase the rows of a rater, and leave the tombstone."""
    put_events_in_order(connection, rater.study)
    cfg = cfg_of(rater)
    rows = changed(connection, rater.study, cfg.kind, 0, repeats=True)
    mine = [row for row in rows if row.rater == rater.name]
    said = [
        one
        for one in changed(connection, rater.study, cfg.kind, 0, repeats=True, exclusions=False)
        if one.rater == rater.name
    ]
    had = connection.execute(sa.select(assignments.c.question).where(assignments.c.rater == rater.number))
    numbers = had.scalars().all()
    for table in (logins, events, assignments):
        connection.execute(sa.delete(table).where(table.c.rater == rater.number))
    for row in mine:
        own = {"type": "withdraw", "status": "failed", "statement": dumped({"revision": row.revision + 1})}
        none = {"seconds": 0.0, "provenance": "{}", "at": 0.0, "by": ""}
        who = {"study": rater.study, "rater": rater.number, "question": row.question, "repeat": int(row.is_repeat)}
        insert(connection, events, **who, **own, **none)
    num = sum(row.status != "failed" and not row.practice and not row.is_repeat for row in said)
    nobody = {"participant": None, "joined_at": None, "consented_at": None, "withdrawn": True, "excluded": False}
    connection.execute(sa.update(raters).where(raters.c.number == rater.number).values(num_withdrawn=num, **nobody))
    personal = (invitations.c.number == rater.invitation, invitations.c.max_raters == 1)
    connection.execute(sa.update(invitations).where(*personal).values(name=None))
    count_again(connection, cfg.overlap, numbers)


def _sweep(database: Database) -> None:
    """Make sure that nothing of the erased rows stays in files, as soon as that can be done; nothing is waited for.

    SQLite has overwritten them with zeros in its file; the log that it writes first is emptied here. PostgreSQL frees
    the space of its rows.
    """
    if database.is_sqlite:
        database.empty_log_soon()
        return
    try:
        with database.telling(), database.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            for table in (logins, events, assignments, raters, invitations):
                connection.exec_driver_sql(f"VACUUM {table.name}")
    except StoreUnavailable:  # the rows are erased all the same, and PostgreSQL frees their space by itself later
        return
