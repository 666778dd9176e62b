"""The version of the tables: made, migrated, or refused."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from prefgym.common.errors import UserError
from prefgym.store.connect import Database
from prefgym.store.tables import METADATA

VERSION_TABLE = "prefgym_store_version"
HEAD = "0001"
"""The version that this program reads and writes."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 7_366_294_101  # any number of our own


def open_schema(database: Database) -> None:
    """Make the tables in an empty database, or bring older ones up to date; several programs may do so at once.

    Raises:
        UserError: If the database belongs to another program, or to a newer version of this one.
        StoreUnavailable: If it cannot be reached, read or written.
    """
    with database.reading() as connection:
        if _version(database, connection) == HEAD:
            return
    with database.writing() as connection:
        if not database.is_sqlite:
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        if _version(database, connection) != HEAD:
            try:
                migrate(connection)
            except exc.ProgrammingError as error:
                raise UserError(
                    f"The question store {database.url_shown} cannot be made: the database user may make no tables."
                ) from error


def _version(database: Database, connection: sa.Connection) -> str | None:
    """Return the version of the tables; None for an empty database.

    Raises:
        UserError: If it is not ours, or newer.
    """
    names = {*sa.inspect(connection).get_table_names()}
    if VERSION_TABLE not in names:
        foreign = names if database.is_sqlite else names & {*METADATA.tables}
        if foreign:
            raise UserError(
                f"The database {database.url_shown} has tables of another program, such as {min(foreign)!r}: "
                "give the question store a database of its own."
            )
        return None
    version = connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    if version is not None and version not in known_versions():
        raise UserError(
            f"The question store {database.url_shown} was made by a newer version of prefgym "
            f"(its tables are of version {version}, and this version knows {HEAD}): update prefgym."
        )
    return version


def known_versions() -> set[str]:
    """Return the versions of the tables that this program can bring up to date."""
    return {path.stem.removeprefix("v")[:4] for path in (_MIGRATIONS / "versions").glob("v[0-9]*.py")}


def migrate(connection: sa.Connection, to: str = "head") -> None:
    """Run the migrations that are missing, in the transaction of the connection."""
    from alembic.config import Config  # most stores are up to date, and alembic takes long to import
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)

    def upgrades(revision: Any, _: object) -> object:  # noqa: ANN401
        return script._upgrade_revs(to, revision)  # pyright: ignore[reportPrivateUsage]  # as alembic's own `upgrade` does

    with EnvironmentContext(config, script, fn=upgrades) as environment:
        environment.configure(connection=connection, version_table=VERSION_TABLE, target_metadata=METADATA)
        environment.run_migrations()
