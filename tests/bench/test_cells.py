"""Cells of a table: finished ones have a line, failed ones a sentence, and nothing is run twice."""

import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from prefgym import agents
from prefgym.bench.cells import Line, find_lines, finish, read_lines, run_cells
from prefgym.common.errors import UserError
from prefgym.common.processes import in_processes
from prefgym.common.revision import git_revision
from prefgym.runs.folder import RunFolder
from prefgym.runs.settings import relevant, settings
from prefgym.training.api import train_cfg
from prefgym.training.config import CheckpointCfg, EvalCfg, OfflineCfg, TrainCfg
from prefgym.training.run import run_training


def tiny(steps: int = 100, checkpoint: CheckpointCfg | None = None) -> TrainCfg:
    """Configure a training of two or four rollouts."""
    return train_cfg(
        "prefgym/Reacher-v0",
        rater="none",
        agent=agents.cfg("ppo", num_envs=2, num_steps=50),
        steps=steps,
        threads=1,
        report=False,
        eval=EvalCfg(final_episodes=1),
        checkpoint=checkpoint or CheckpointCfg(),
    )


@dataclass(frozen=True)
class Cell:
    """A number."""

    number: int

    @property
    def name(self) -> str:
        """Name it."""
        return f"cell {self.number}"


def line_of(cell: Cell) -> Line:
    """Fail for one of the cells."""
    if cell.number == 1:
        raise UserError("it does not like that")
    return {"number": cell.number}


def test_finished_cells_have_a_line_and_failed_ones_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "some" / "results.jsonl"
    assert read_lines(results) == []
    tasks = {Cell(n): partial(line_of, Cell(n)) for n in range(3)}
    done = run_cells(tasks, results, 0, lambda line: f"came to {line['number']}")
    assert done == {Cell(0): {"number": 0}, Cell(2): {"number": 2}}
    assert read_lines(results) == [{"number": 0}, {"number": 2}]
    printed = capsys.readouterr().out.splitlines()
    assert printed == ["cell 0: came to 0", "cell 1: it does not like that", "cell 2: came to 2"]


def test_cells_run_in_processes_of_their_own() -> None:
    """One that is killed takes no other with it."""
    ended = dict(in_processes({"pid": os.getpid, "killed": partial(os._exit, 1)}, 2))
    assert ended["pid"].result() != os.getpid()
    assert ended["killed"].exception() is not None


def test_a_run_is_made_once(tmp_path: Path) -> None:
    """A folder of a run that was cut off is removed first."""
    folder = tmp_path / "runs" / "one"
    folder.mkdir(parents=True)
    (folder / "rest").touch()
    first = finish(folder, tiny())
    assert not (folder / "rest").exists()
    assert first["steps"] == 100
    assert "after 100 steps" in (tmp_path / "runs" / "one.log").read_text()
    before = (folder / "result.json").stat().st_mtime_ns
    assert finish(folder, tiny()) == first
    assert (folder / "result.json").stat().st_mtime_ns == before
    assert first["git_revision"] == json.loads((folder / "manifest.json").read_text())["git_revision"]


@pytest.mark.parametrize("is_ours", [True, False])
def test_a_run_of_the_same_commit_is_resumed(
    is_ours: bool, stopped_at: Callable[..., AbstractContextManager[None]]
) -> None:
    """It comes to what a whole one comes to; a run of another commit begins anew."""
    cfg = tiny(steps=200, checkpoint=CheckpointCfg(every=100))
    with stopped_at(RunFolder, "write_json"):
        run_training(replace(cfg, out=Path("stopped")))
    Path("stopped.log").write_text(f"{git_revision() if is_ours else 'another'}\n")
    begun_ns = Path("stopped", "config.yaml").stat().st_mtime_ns
    assert finish(Path("stopped"), cfg)["returns"] == finish(Path("whole"), cfg)["returns"]
    assert (Path("stopped", "config.yaml").stat().st_mtime_ns == begun_ns) == is_ours
    assert Path("stopped.log").read_text().startswith(f"{git_revision()}\n")


def test_a_training_that_fails_raises(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere"):
        finish(tmp_path / "one", OfflineCfg(env="prefgym/Reacher-v0", preferences=Path("nowhere")))


def test_a_line_is_of_the_cell_whose_settings_it_has() -> None:
    """Settings that a line lacks came later; the last line counts."""
    wanted: dict[str, Line] = {name: {"arm": name, "settings": {"seed": "0", "new": "1"}} for name in ("a", "b")}
    lines: list[Line] = [
        {"arm": "a", "settings": {"seed": "0"}, "result": 1},
        {"arm": "a", "settings": {"seed": "0", "new": "1"}, "result": 2},
        {"arm": "a", "settings": {"seed": "1"}, "result": 3},
        {"arm": "b", "settings": {"seed": "0", "new": "2"}, "result": 4},
    ]
    assert find_lines(lines, wanted) == {"a": lines[1]}


def test_a_line_may_have_what_the_run_has_set() -> None:
    """A cell leaves the number of options to the kind of feedback, and the run has made it 2; another asks for 3."""
    line: Line = {"arm": "a", "settings": {"sampler_cfg.num_options": "2"}}
    for asked, found in (("None", {"a": line}), ("2", {"a": line}), ("3", {})):
        assert find_lines([line], {"a": {"arm": "a", "settings": {"sampler_cfg.num_options": asked}}}) == found


def test_without_a_rater_it_does_not_matter_how_rewards_are_fitted() -> None:
    """Of these settings only environment and agent took part; with a rater all did."""
    given = {"env": "a", "rater": "none", "budget": "500", "schedule.last": "0.7", "reward_cfg.fit.crop": "0.0"}
    given |= {"agent_cfg.gamma": "0.99"}
    assert relevant(given) == {"env": "a", "rater": "none", "agent_cfg.gamma": "0.99"}
    assert relevant(given | {"rater": "oracle"}) == given | {"rater": "oracle"}


def test_settings_are_flat() -> None:
    """Files and checkpoints change no result."""
    flat = settings(replace(tiny(), out=Path("here")))
    assert (flat["rater"], flat["agent_cfg.num_envs"], flat["eval.final_episodes"]) == ("none", "2", "1")
    assert not {"out", "report", "checkpoint.every", "command"} & flat.keys()
