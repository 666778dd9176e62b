"""Segments and geometries, named by what is in them."""

import hashlib

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from prefgym.store.connect import Database
from prefgym.store.errors import StoreRefusal
from prefgym.store.records import NewSegment, StoredSegment
from prefgym.store.rows import Row
from prefgym.store.tables import assignments, geometries, question_segments, raters, segments
from prefgym.store.texts import check_line


def add_geometry(database: Database, content: bytes, media_type: str) -> str:
    """Add a geometry, once, and return its id.

    Raises:
        UserError: If the media type is no line.
    """
    check_line("a media type", media_type)
    name = hashlib.sha256(content).hexdigest()
    with database.writing() as connection:
        _insert_once(connection, geometries, id=name, media_type=media_type, content=content)
    return name


def geometry(database: Database, name: str) -> tuple[bytes, str]:
    """Return a geometry and its media type.

    Raises:
        StoreRefusal: If there is none of this id.
    """
    with database.reading() as connection:
        row = connection.execute(geometries.select().where(geometries.c.id == name)).one_or_none()
    if row is None:
        raise StoreRefusal("unknown-geometry", "There is no such geometry in this question store.")
    return row.content, row.media_type


def add_segment(database: Database, new: NewSegment) -> str:
    """Add a segment, once, and return its id.

    Raises:
        StoreRefusal: If its geometry is not in the store.
        UserError: If it has no steps, or a name is no line.
    """
    check_line("the name of an environment", new.env)
    check_line("a media type", new.media_type)
    if new.num_steps < 1 or not 0 < new.dt_s < float("inf"):
        raise StoreRefusal("bad-segment", "A segment has at least one step, and steps last longer than nothing.")
    name = hashlib.sha256(new.drawing + new.content).hexdigest()
    with database.writing() as connection:
        number = None
        if new.geometry is not None:
            number = connection.execute(sa.select(geometries.c.number).where(geometries.c.id == new.geometry)).scalar()
            if number is None:
                raise StoreRefusal("unknown-geometry", "Add the geometry of a segment before the segment.")
        own = {"env": new.env, "num_steps": new.num_steps, "dt_s": new.dt_s, "media_type": new.media_type}
        data = {"drawing": new.drawing, "content": new.content}
        _insert_once(connection, segments, id=name, geometry=number, **own, **data)
    return name


def segment(database: Database, name: str) -> StoredSegment:
    """Return a segment with all that is stored of it.

    Raises:
        StoreRefusal: If there is none of this id.
    """
    query = sa.select(segments, geometries.c.id.label("geometry_id")).outerjoin(geometries)
    with database.reading() as connection:
        row = connection.execute(query.where(segments.c.id == name)).one_or_none()
    if row is None:
        raise StoreRefusal("unknown-segment", "There is no such segment in this question store.")
    return _stored(row)


def _stored(row: Row) -> StoredSegment:
    return StoredSegment(
        id=row.id,
        env=row.env,
        num_steps=row.num_steps,
        dt_s=row.dt_s,
        geometry=row.geometry_id,
        media_type=row.media_type,
        drawing=row.drawing,
        content=row.content,
    )


def may_see(database: Database, rater_id: str, name: str) -> bool:
    """Return whether a rater got a question that shows this segment, or this geometry."""
    query = (
        sa.select(sa.literal(1))
        .select_from(raters)
        .join(assignments, assignments.c.rater == raters.c.number)
        .join(question_segments, question_segments.c.question == assignments.c.question)
        .join(segments, segments.c.number == question_segments.c.segment)
        .outerjoin(geometries, geometries.c.number == segments.c.geometry)
        .where(raters.c.id == rater_id, sa.or_(segments.c.id == name, geometries.c.id == name))
        .limit(1)
    )
    with database.reading() as connection:
        return connection.execute(query).first() is not None


def _insert_once(connection: sa.Connection, table: sa.Table, **values: object) -> None:
    """Insert a row unless there is one of its id."""
    if connection.dialect.name == "postgresql":
        connection.execute(postgresql.insert(table).values(**values).on_conflict_do_nothing())
    else:
        connection.execute(sqlite.insert(table).values(**values).on_conflict_do_nothing())
