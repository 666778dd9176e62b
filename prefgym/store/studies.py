"""Studies: added, listed, paused."""

import sqlalchemy as sa

from prefgym.store.connect import Database
from prefgym.store.records import Study
from prefgym.store.rows import dumped, insert, new_id, study_of, study_row
from prefgym.store.study import StudyCfg
from prefgym.store.tables import studies


def add_study(database: Database, cfg: StudyCfg) -> str:
    """Add a study and return its id."""
    study_id = new_id()
    with database.writing() as connection:
        values = {"name": cfg.name, "cfg": dumped(cfg.to_dict()), "created_at": database.clock(), "paused": False}
        insert(connection, studies, id=study_id, **values)
    return study_id


def all_studies(database: Database) -> list[Study]:
    """List the studies, the oldest first."""
    with database.reading() as connection:
        return [study_of(row) for row in connection.execute(studies.select().order_by(studies.c.number))]


def one_study(database: Database, study_id: str) -> Study:
    """Return a study.

    Raises:
        StoreRefusal: If there is none of this id.
    """
    with database.reading() as connection:
        return study_of(study_row(connection, study_id))


def pause(database: Database, study_id: str, paused: bool) -> None:
    """Give out no questions of a study, or give them out again; answers are taken in all the time.

    Raises:
        StoreRefusal: If there is no study of this id.
    """
    with database.writing() as connection:
        number = study_row(connection, study_id).number
        connection.execute(sa.update(studies).where(studies.c.number == number).values(paused=paused))
