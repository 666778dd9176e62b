"""Logs of answers of versions 0.1 and 0.2, in which every answer was a choice; they are read, and written anew."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import cache

from prefgym.core.preferences import BETTER
from prefgym.runs.answers import Answer, sum_of

SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    event_id TEXT PRIMARY KEY, query_id INTEGER, status TEXT, choice TEXT, tie INTEGER, rater TEXT, shown_order TEXT,
    seconds REAL, asked_at INTEGER, shown_sha256 TEXT, used_at INTEGER, created_at TEXT, sha256 TEXT
);
CREATE TRIGGER IF NOT EXISTS no_update BEFORE UPDATE ON answers BEGIN SELECT RAISE(ABORT, 'answers do not change'); END;
CREATE TRIGGER IF NOT EXISTS no_delete BEFORE DELETE ON answers BEGIN SELECT RAISE(ABORT, 'answers stay'); END;
"""

_COLUMNS = "query_id, status, choice, tie, rater, shown_order, seconds, asked_at, shown_sha256, used_at, created_at"

Layout = set[tuple[str, str, str]]


def is_one(layout: Layout) -> bool:
    """Return whether a database is laid out as these versions did."""
    return layout == _layout()


def read(connection: sqlite3.Connection) -> list[Answer]:
    """Read all answers as answers of today, with the ids of today.

    Raises:
        ValueError: If one does not have its SHA-256.
    """
    answers: list[Answer] = []
    for *values, seal in connection.execute(f"SELECT {_COLUMNS}, sha256 FROM answers ORDER BY rowid"):
        if any(isinstance(value, bytes) for value in values) or sum_of(values) != seal:
            raise ValueError("the SHA-256 of an answer is not that of its row")
        query_id, status, choice, tie, rater, shown_order, seconds, asked_at, shown_sha256, used_at, created_at = values
        stated = {"choice": json.loads(choice), "tie": bool(tie), "strength": 0.0}
        answers.append(
            Answer(
                query_id=query_id,
                kind="comparison",
                criterion=BETTER,
                status=status,
                statement=json.dumps(stated, sort_keys=True),
                rater=rater,
                shown_order=shown_order,
                seconds=seconds,
                asked_at=asked_at,
                shown_sha256=shown_sha256,
                revision=0,
                event=0,
                used_at=used_at,
                created_at=created_at,
            )
        )
    return list({answer.event_id: answer for answer in answers}.values())  # the last of several to a query counts


def upgrade(connection: sqlite3.Connection, schema: str, insert: Callable[[Answer], object]) -> None:
    """Replace the table by one of today with the same answers, in one transaction.

    Args:
        connection: Connection to the database.
        schema: Statements that make the table of today.
        insert: Inserts an answer.
    """
    answers = read(connection)
    connection.executescript(f"BEGIN IMMEDIATE; DROP TABLE answers; {schema}")
    with connection:
        for answer in answers:
            insert(answer)


@cache
def _layout() -> Layout:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        rows = connection.execute("SELECT type, name, sql FROM sqlite_master")
        return {(kind, name, " ".join((statement or "").split())) for kind, name, statement in rows}
