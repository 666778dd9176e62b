"""Databases that are not there, not ours, too new or full: one sentence each, and nothing lost."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from postgres import Server, needs_postgres, postgres
from sqlalchemy import event
from stores import filled, say

from prefgym.common.errors import UserError
from prefgym.store import schema
from prefgym.store.errors import StoreUnavailable
from prefgym.store.schema import HEAD, VERSION_TABLE
from prefgym.store.store import Store
from prefgym.store.tables import METADATA


def engine_of(url: str) -> sa.Engine:
    return sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:") if "://" in url else f"sqlite:///{url}")


def test_migrations_make_the_tables_that_the_program_uses(store: Store, url: str) -> None:
    engine = engine_of(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "version_table": VERSION_TABLE})
        assert compare_metadata(context, METADATA) == []
        assert context.get_current_revision() == HEAD
    engine.dispose()


def test_numbers_are_never_given_again(tmp_path: Path) -> None:
    Store.open(str(tmp_path / "a.sqlite")).close()
    connection = sqlite3.connect(tmp_path / "a.sqlite")
    made = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall())
    connection.close()
    for name, table in METADATA.tables.items():
        assert ("AUTOINCREMENT" in made[name]) == ("number" in table.c), name


def test_the_newest_migration_is_the_version_of_the_program() -> None:
    assert max(schema.known_versions()) == HEAD


def test_a_store_is_opened_again_with_all_that_is_in_it(url: str, open_store: Callable[[str], Store]) -> None:
    one = filled(first := open_store(url))
    (ada,) = one.joined(1)
    receipt = say(first, ada, first.assign(ada, 1)[0])
    first.close()
    assert open_store(url).answers(one.study)[0].event == receipt.event


OPENS = """
import sys
from prefgym.store.store import Store
from prefgym.store.study import StudyCfg
Store.open(sys.argv[1]).add_study(StudyCfg(name="a"))
"""


@pytest.mark.slow  # four processes
def test_several_programs_may_make_it_at_once(url: str, open_store: Callable[[str], Store]) -> None:
    running = [subprocess.Popen([sys.executable, "-c", OPENS, url], stderr=subprocess.PIPE) for _ in range(4)]
    assert [(one.communicate(timeout=120)[1].decode()[-500:], one.returncode) for one in running] == [("", 0)] * 4
    assert len(open_store(url).studies()) == 4


def test_its_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "made" / "labels.sqlite"
    with Store.open(f"sqlite:///{path}") as store:
        filled(store)
        modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(("labels.sqlite", "labels.sqlite-wal", "labels.sqlite-shm"), 0o600)
    assert store.url_shown == f"sqlite:///{path}"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://localhost/labels", "in SQLite or PostgreSQL, not in mysql"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("postgresql://host:port/labels", "no address of a database"),
        ("postgresql://ada:geheim@127.0.0.1:1/labels", "cannot be used: connection failed"),
        ("/proc/none/labels.sqlite", "cannot be opened: No such file or directory"),
        ("/dev/null", "cannot be opened: it is a device"),
    ],
)
def test_what_cannot_be_opened_has_one_sentence(url: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as caught:
        Store.open(url)
    assert "\n" not in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_files_that_are_no_store_are_left_alone(tmp_path: Path) -> None:
    other, text, link = tmp_path / "other.sqlite", tmp_path / "text.sqlite", tmp_path / "link.sqlite"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE studies (x)")
    connection.close()
    text.write_text("no database " * 1000)
    link.symlink_to(other)
    before = [other.read_bytes(), text.read_bytes()]
    for path, sentence in (
        (other, "tables of another program, such as 'studies'"),
        (text, "file is not a database"),
        (link, "it is a link"),
        (tmp_path, "cannot be opened: "),
    ):
        with pytest.raises(UserError, match=sentence):
            Store.open(str(path))
    assert text.read_bytes() == before[1]
    connection = sqlite3.connect(other)
    assert [name for (name,) in connection.execute("SELECT name FROM sqlite_master")] == ["studies"]
    connection.close()


def test_a_newer_store_is_refused(url: str, open_store: Callable[[str], Store]) -> None:
    one = filled(open_store(url))
    assert one.study
    engine = engine_of(url)
    with engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(UserError, match=r"made by a newer version of prefgym .* 9999, .* update prefgym"):
        open_store(url)


@pytest.mark.slow  # PostgreSQL
def test_a_database_with_tables_of_our_names_is_refused(postgres_server: Server) -> None:
    url = postgres_server.new_database("foreign_names")
    engine = engine_of(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE unrelated (x integer)"))
    Store.open(url).close()  # tables of other names do no harm
    with engine.begin() as connection:
        connection.execute(sa.text(f"DROP TABLE {VERSION_TABLE}"))
    engine.dispose()
    with pytest.raises(UserError, match="tables of another program"):
        Store.open(url)


@pytest.mark.slow  # PostgreSQL
def test_a_server_that_goes_away_and_comes_back_loses_nothing() -> None:
    needs_postgres()
    with postgres() as server:
        store = Store.open(server.new_database("goes_away"))
        one = filled(store)
        (ada,) = one.joined(1)
        first, second = store.assign(ada, 2)
        receipt = say(store, ada, first)
        server.stop("immediate")
        with pytest.raises(StoreUnavailable, match=r"The question store postgresql\+psycopg://tests:\*\*\*@"):
            say(store, ada, second)
        server.start()
        assert say(store, ada, second).event > receipt.event
        assert len(store.answers(one.study)) == 2
        store.close()


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "labels.sqlite"
    store = Store.open(str(path))
    one = filled(store)
    (ada,) = one.joined(1)
    first, second = store.assign(ada, 2)
    receipt = say(store, ada, first)
    full = store.database.engine.raw_connection()  # SQLite's own way to have no room
    (pages,) = full.cursor().execute("PRAGMA page_count").fetchone()
    full.close()

    def limit(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}")

    event.listen(store.database.engine, "checkout", limit)
    with pytest.raises(StoreUnavailable, match="cannot be written: the disk is full"):
        for _ in range(100):
            say(store, ada, second, "note", {"text": "x" * 10_000})
    event.remove(store.database.engine, "checkout", limit)
    noted = len(store.history(ada)) - 1
    store.close()
    with Store.open(str(path)) as again:
        assert again.answers(one.study)[0].event == receipt.event
        assert len(again.history(ada)) == 1 + noted
        assert say(again, ada, second).is_new
