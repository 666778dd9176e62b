"""What several jobs need: rows by id, JSON in columns, opaque ids and hashes of tokens."""

import hashlib
import json
import secrets
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from prefgym.store.errors import StoreRefusal
from prefgym.store.records import Rater, Study
from prefgym.store.study import StudyCfg
from prefgym.store.tables import METADATA, raters, studies

Row = sa.Row[Any]

_EVENT_LOCK = 1_886_545
"""Class of the locks that put the events of a study in order; any number of our own."""


def new_id() -> str:
    """Return an opaque name of 128 bits, which says nothing about what it names."""
    return secrets.token_urlsafe(16)


def new_token() -> str:
    """Return a secret of 256 bits."""
    return secrets.token_urlsafe(32)


def hashed(token: str) -> str:
    """Return what is stored of a secret; 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def dumped(value: object) -> str:
    r"""Write JSON in ASCII, which no database and no encoding can damage.

    >>> dumped({"text": "a\0b"})
    '{"text":"a\\u0000b"}'
    """
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


_INSERTS = {
    name: table.insert().returning(table.c.number) for name, table in METADATA.tables.items() if "number" in table.c
}


def insert(connection: sa.Connection, table: sa.Table, **values: object) -> int:
    """Insert a row and return its number."""
    return connection.execute(_INSERTS[table.name], values).scalar_one()


_RATER = (
    sa.select(raters, studies.c.id.label("study_id"), studies.c.cfg, studies.c.paused)
    .join(studies)
    .where(raters.c.id == sa.bindparam("rater_id"))
)
_RATER_LOCKED = _RATER.with_for_update(of=raters, key_share=True)


def study_row(connection: sa.Connection, study_id: str, *, lock: bool = False) -> Row:
    """Return the row of a study.

    Args:
        connection: A connection.
        study_id: Opaque name of the study.
        lock: Whether all other transactions that lock this study wait until this one ends.

    Raises:
        StoreRefusal: If there is none of this id.
    """
    query = studies.select().where(studies.c.id == study_id)
    row = connection.execute(query.with_for_update(key_share=True) if lock else query).one_or_none()
    if row is None:
        raise StoreRefusal("unknown-study", f"There is no study {study_id!a} in this question store.")
    return row


def study_of(row: Row) -> Study:
    """Return the study of a row."""
    return Study(id=row.id, name=row.name, cfg=cfg_of(row), created_at=row.created_at, paused=row.paused)


def rater_row(connection: sa.Connection, rater_id: str, *, lock: bool = False) -> Row:
    """Return the row of a rater with the id and the configuration of the study.

    Args:
        connection: A connection.
        rater_id: Opaque name of the rater.
        lock: Whether all other transactions that lock this rater wait until this one ends.

    Raises:
        StoreRefusal: If there is none of this id.
    """
    row = connection.execute(_RATER_LOCKED if lock else _RATER, {"rater_id": rater_id}).one_or_none()
    if row is None:
        raise StoreRefusal("unknown-rater", "There is no such rater in this question store.")
    return row


def rater_of(row: Row, *, is_returning: bool = False) -> Rater:
    """Return the rater of a row of `rater_row`."""
    return Rater(
        id=row.id,
        study=row.study_id,
        name=row.name,
        participant=row.participant,
        consented=row.consented_at is not None,
        excluded=row.excluded,
        withdrawn=row.withdrawn,
        is_returning=is_returning,
    )


def cfg_of(row: Row) -> StudyCfg:
    """Return the configuration in a row of `rater_row` or of a study."""
    return _cfg(row.cfg)


@lru_cache(maxsize=256)
def _cfg(text: str) -> StudyCfg:
    return StudyCfg.of_dict(json.loads(text))


def put_events_in_order(connection: sa.Connection, study: int) -> None:
    """Let the events of a study become visible in the order of their numbers.

    Sequences of PostgreSQL give numbers before a transaction ends, so that a smaller one could appear after a larger
    one, and be missed by who asks for events after the larger. In SQLite one transaction writes at a time.
    """
    if connection.dialect.name == "postgresql":
        lock = sa.text("SELECT pg_advisory_xact_lock(:class, :study)")
        connection.execute(lock, {"class": _EVENT_LOCK, "study": study % 2**31})
