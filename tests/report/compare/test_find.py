"""Runs are found by name, in folders, by patterns; each once."""

from pathlib import Path

import pytest
from compared import write_arm, write_run

import prefgym
from prefgym.common.errors import UserError
from prefgym.report.compare.find import find_runs
from prefgym.runs.seeds import write_seeds


def names(found: list[Path], top: Path) -> list[str]:
    """Return paths relative to a folder."""
    return [path.relative_to(top).as_posix() for path in found]


def test_runs_are_found_in_folders_of_seeds_and_of_runs(tmp_path: Path) -> None:
    """Seeds come in the order of numbers; what is no run is left out."""
    top = tmp_path / "runs"
    for seed in (10, 2, 0):
        write_run(top / "oracle" / f"seed-{seed}", 1.0, seed)
    write_seeds(top / "oracle", (0, 2, 3, 10))  # seed 3 has not begun
    write_run(top / "other", 1.0)
    (top / ".half.part").mkdir()
    (top / "notes").mkdir()
    assert names(find_runs(top), top) == ["oracle/seed-0", "oracle/seed-2", "oracle/seed-10", "other"]
    assert names(find_runs([top / "oracle"]), top) == ["oracle/seed-0", "oracle/seed-2", "oracle/seed-10"]


def test_patterns_and_names_find_each_run_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a-10", "a-9", "b"):
        write_run(tmp_path / name, 1.0)
    assert [str(path) for path in find_runs(["a-*", "b", str(tmp_path / "b")])] == ["a-9", "a-10", "b"]


def test_runs_of_python_are_found(tmp_path: Path) -> None:
    paths = write_arm(tmp_path / "arm", [1.0, 2.0])
    assert find_runs(prefgym.Run(path) for path in paths) == paths


@pytest.mark.parametrize("given", ["nowhere", "no-*", "."])
def test_a_place_without_runs_is_named(given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="is no run folder and has none in it"):
        find_runs([given])


def test_nothing_is_refused() -> None:
    with pytest.raises(UserError, match="there is no run to compare"):
        find_runs([])
