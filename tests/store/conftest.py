"""Stores of both kinds: a file of SQLite, and a database in a PostgreSQL server of the tests' own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from postgres import Server, needs_postgres, postgres
from stores import Clock

from prefgym.store.store import Store


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """Give a PostgreSQL server; tests that ask for it are skipped where there is none."""
    needs_postgres()
    with postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of a store that is not there yet, in SQLite and in PostgreSQL."""
    if request.param == "sqlite":
        return str(tmp_path / "labels.sqlite")
    server: Server = request.getfixturevalue("postgres_server")
    return server.empty_database()


@pytest.fixture
def clock() -> Clock:
    """Give a clock that stands still."""
    return Clock()


@pytest.fixture
def open_store(clock: Clock) -> Iterator[Callable[[str], Store]]:
    """Give a function that opens stores, which are closed at the end."""
    opened: list[Store] = []

    def opening(url: str) -> Store:
        opened.append(Store.open(url, clock))
        return opened[-1]

    yield opening
    for store in opened:
        store.close()


@pytest.fixture
def store(url: str, open_store: Callable[[str], Store]) -> Store:
    """Give an empty store, in SQLite and in PostgreSQL."""
    return open_store(url)
