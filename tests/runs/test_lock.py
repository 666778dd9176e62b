"""The lock of a run folder: what it names is read as data."""

from pathlib import Path

import pytest

from prefgym.runs.lock import LOCK, holder_of, is_held, lock, unlock


@pytest.mark.parametrize(
    "text", ["", "x", "[" * 1000, "[]", "{}", '{"pid": Infinity, "host": 1}', '{"pid": null, "host": ""}']
)
def test_a_lock_that_names_no_process_names_nobody(text: str, tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text(text)
    assert holder_of(tmp_path) is None and not is_held(tmp_path)


def test_a_lock_names_the_process_that_holds_it(tmp_path: Path) -> None:
    held = lock(tmp_path)
    assert holder_of(tmp_path) is not None and is_held(tmp_path)
    unlock(held)
    assert holder_of(tmp_path) is None and not is_held(tmp_path)
