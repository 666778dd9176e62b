"""What tests of the labelling server begin with."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from labelled import Served, running, store_in

from prefgym.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Give an empty store."""
    with store_in(tmp_path) as opened:
        yield opened


@pytest.fixture
def served(store: Store) -> Iterator[Served]:
    """Give a server of the store."""
    with running(store) as given:
        yield given
