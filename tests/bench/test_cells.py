"""Cells of a table: what has finished is written down, what failed is told, and what is done is not done again."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from prefgym.bench.cells import Line, call, finish, read_done, read_lines, run_cells
from prefgym.cli.main import main
from prefgym.common.revision import git_revision
from prefgym.runs.folder import RunFolder

TINY = ("train", "--env", "prefgym/Reacher-v0", "--rater", "none", "--agent.num-envs", "2", "--agent.num-steps", "50")
SHORT = (*TINY, "--steps", "100", "--eval.final-episodes", "1", "--threads", "1", "--no-report")


@dataclass(frozen=True)
class Cell:
    """A number."""

    number: int

    @property
    def name(self) -> str:
        """Name it."""
        return f"cell {self.number}"


def test_finished_cells_have_a_line_and_failed_ones_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(cell: Cell) -> Line:
        if cell.number == 1:
            raise RuntimeError("it does not like that")
        return {"number": cell.number}

    results = tmp_path / "some" / "results.jsonl"
    assert read_lines(results) == []
    done = run_cells([Cell(n) for n in range(3)], run, results, 2, lambda line: f"came to {line['number']}")
    assert done == {Cell(0): {"number": 0}, Cell(2): {"number": 2}}
    assert sorted(line["number"] for line in read_lines(results)) == [0, 2]
    assert read_done(results, range(3), lambda number: {"number": number}).keys() == {0, 2}
    told = sorted(capsys.readouterr().out.splitlines())
    assert told == ["cell 0: came to 0", "cell 1: it does not like that", "cell 2: came to 2"]


def test_a_run_is_made_once(tmp_path: Path) -> None:
    """A folder of a run that was cut off is removed first."""
    folder = tmp_path / "runs" / "one"
    folder.mkdir(parents=True)
    (folder / "rest").touch()
    first = finish(folder, *SHORT)
    assert not (folder / "rest").exists()
    assert first["steps"] == 100
    before = (folder / "result.json").stat().st_mtime_ns
    assert finish(folder, *SHORT) == first
    assert (folder / "result.json").stat().st_mtime_ns == before
    assert first["git_revision"] == json.loads((folder / "manifest.json").read_text())["git_revision"]


@pytest.mark.parametrize("is_ours", [True, False])
def test_a_run_that_the_same_commit_has_begun_is_gone_on_with(
    is_ours: bool, stopped_at: Callable[..., AbstractContextManager[None]]
) -> None:
    """It comes to what a whole one comes to; what another commit has begun is begun again."""
    twice = (*SHORT, "--steps", "200", "--checkpoint.every", "100")
    with stopped_at(RunFolder, "write_json"):
        main([*twice, "--out", "stopped"])
    Path("stopped.log").write_text(f"{git_revision() if is_ours else 'another'}\n")
    begun_ns = Path("stopped", "config.yaml").stat().st_mtime_ns
    assert finish(Path("stopped"), *twice)["returns"] == finish(Path("whole"), *twice)["returns"]
    assert (Path("stopped", "config.yaml").stat().st_mtime_ns == begun_ns) == is_ours
    assert Path("stopped.log").read_text().startswith(f"{git_revision()}\n")


def test_what_fails_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"failed, see .*two\.log"):
        finish(tmp_path / "two", *TINY, "--steps", "none")
    assert "none" in (tmp_path / "two.log").read_text()
    with pytest.raises(RuntimeError, match="prefgym list nothing: prefgym: say what to list"):
        call("list", "nothing")
