"""A run is given more steps and queries: it goes on as one run, stopped or finished."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from commands import run
from tiny import tiny_run, tiny_sampler, tiny_settings

import prefgym
from prefgym import agents
from prefgym.common.errors import UserError
from prefgym.common.files import write_sealed_text
from prefgym.runs.checkpoints import Checkpoints
from prefgym.runs.folder import RunFolder, read_config
from prefgym.runs.seeds import write_seeds
from prefgym.training.budget import Schedule, ScheduleCfg
from prefgym.training.config import CheckpointCfg
from prefgym.training.extension import Course, Extension
from prefgym.training.loop import Loop
from prefgym.training.run import Run

POLICY = Path("checkpoints/final/policy.safetensors")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a run of 600 steps and 10 queries that has finished."""
    return tiny_run(report=False, out=tmp_path_factory.mktemp("extension") / "run").path


@pytest.fixture(scope="module")
def longer(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the same run with 400 steps and 6 queries more."""
    out = Path(shutil.copytree(finished, tmp_path_factory.mktemp("longer") / "run"))
    return Run(out).resume(steps=400, budget=6).path


def lines(folder: Path) -> list[dict[str, float]]:
    """Return the metrics, without the readings of the clock."""
    clock = ("time/time_elapsed", "time/fps")
    rows = (json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines())
    return [{name: value for name, value in row.items() if name not in clock} for row in rows]


def test_a_finished_run_goes_on_as_one_run(finished: Path, longer: Path) -> None:
    """Rollouts of 200 steps: sessions end at 800 and 1000, the learning rate is 0.001 and then half of it."""
    result = Run(longer).result
    assert (result.steps, result.num_asked, result.num_answered, result.interrupted) == (1000, 16, 16, False)
    config = Run(longer).config
    extension = {"at": 600, "old_steps": 600, "old_budget": 10, "had_finished": True}
    assert (config["steps"], config["budget"], config["extensions"]) == (1000, 16, [extension])
    rows = lines(longer)
    assert rows[: len(lines(finished))] == lines(finished)
    later = {row["time/total_timesteps"]: row for row in rows[len(lines(finished)) : -1]}
    assert [later[step]["feedback/num_asked"] for step in (800, 1000)] == [13, 16]
    assert [later[step]["train/learning_rate"] for step in (800, 1000)] == pytest.approx([0.001, 0.0005])
    preferences = Run(longer).preferences
    assert preferences is not None and preferences.query_id.tolist() == list(range(16))
    assert (longer / POLICY).read_bytes() != (finished / POLICY).read_bytes()


def test_an_extension_that_is_killed_goes_on(finished: Path, longer: Path, tmp_path: Path, stopped_at: Any) -> None:  # noqa: ANN401
    """Before anything is saved, after a checkpoint, and when all but the manifest is written."""
    out = Path(shutil.copytree(finished, tmp_path / "run"))
    with stopped_at(Loop, "run_to_end"):
        Run(out).resume(steps=400, budget=6)
    with stopped_at(RunFolder, "write_json"):
        Run(out).resume()
    shutil.rmtree(out / "checkpoints" / "step-000000001000")  # the checkpoint at 800 steps is left
    with stopped_at(RunFolder, "write_json"):
        Run(out).resume()
    assert Checkpoints(out / "checkpoints").steps() == 1000
    Run(out).resume()
    assert (out / POLICY).read_bytes() == (longer / POLICY).read_bytes()
    assert lines(out) == lines(longer)


def test_the_same_command_again_gives_no_more(finished: Path, tmp_path: Path, stopped_at: Any) -> None:  # noqa: ANN401
    """An extension under which nothing was saved is replaced by the next one."""
    out = Path(shutil.copytree(finished, tmp_path / "run"))
    with stopped_at(Loop, "run_to_end"):
        Run(out).resume(steps=400, budget=6)
    with stopped_at(Loop, "run_to_end"):
        Run(out).resume(steps=200)
    config = read_config(out)
    assert (config["steps"], config["budget"], len(config["extensions"])) == (800, 10, 1)


def test_a_stopped_run_is_given_more_as_well(tmp_path: Path, stopped_at: Any) -> None:  # noqa: ANN401
    """Stopped at 600 of 800 steps and given 200 more: the learning rate is (1 - 600/800) of its first, then half."""
    out = tmp_path / "run"
    with stopped_at(Loop, "_evaluate_last"):
        rare = prefgym.training.config.EvalCfg(every=700, final_episodes=1, at_sessions=False)
        tiny_run(steps=800, report=False, out=out, eval=rare)
    assert Checkpoints(out / "checkpoints").steps() == 600
    assert Run(out).resume(steps=200).result.steps == 1000
    rates = {row["time/total_timesteps"]: row.get("train/learning_rate") for row in lines(out)[:-1]}
    assert [rates[800.0], rates[1000.0]] == pytest.approx([0.00025, 0.000125])
    assert read_config(out)["extensions"][0]["had_finished"] is False


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"budget": 5}, "has no steps left in which to use answers: pass --steps N as well"),
        ({"steps": -1}, "a run cannot go on for -1 steps and 0 queries: pass 1 or more"),
    ],
)
def test_what_cannot_be_given_is_refused(given: dict[str, Any], sentence: str, finished: Path) -> None:
    with pytest.raises(UserError, match=sentence):
        Run(finished).resume(**given)
    assert (finished / "manifest.json").is_file()


def test_a_run_without_its_final_state_says_so(tmp_path: Path) -> None:
    """One that was told not to keep it, and one on the task reward that is given queries."""
    cfg = CheckpointCfg(keep_final=False)
    ended = prefgym.train(**tiny_settings(rater="none", report=False, checkpoint=cfg, out=tmp_path / "run"))
    assert not list((tmp_path / "run" / "checkpoints").glob("step-*"))
    with pytest.raises(UserError, match="has finished, and kept no state to go on from"):
        ended.resume(steps=200)
    ended = prefgym.train(**tiny_settings(rater="none", report=False, out=tmp_path / "kept"))
    with pytest.raises(UserError, match="asks no rater: leave the budget out"):
        ended.resume(steps=200, budget=5)


def test_the_command_line_gives_more(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = Path(shutil.copytree(finished, tmp_path / "run"))
    code, output, error = run(capsys, "train", "--resume", str(out), "--steps", "200", "--budget", "4")
    assert (code, "after 800 steps and 14 queries" in output) == (0, True)
    assert f"{out} goes on at 600 steps, to 800 steps and 14 queries in all" in error
    assert "the learning rate begins again at its first value, and falls to 0 at the new end" in error


def test_sessions_of_an_extension_replace_those_to_come() -> None:
    """Ends of sessions: 100, 300, 500 of 1000 steps; stopped at 400, and given 1000 steps: 560, 880, 1200 of 2000."""
    cfg = ScheduleCfg(num_sessions=3, first=0.1, last=0.5, spacing=1.0)
    stopped = Extension(at=400, old_steps=1000, old_budget=90, had_finished=False)
    schedule = Schedule(cfg, 120, 2000, [stopped])
    assert schedule.times == [100, 300, 560, 880, 1200]
    schedule.num_done = 2
    assert schedule.due(500, left=60) == 0
    assert (schedule.due(560, left=60), schedule.due(1200, left=60)) == (20, 60)
    assert Schedule(cfg, 90, 2000, [Extension(at=1000, old_steps=1000, old_budget=90, had_finished=True)]).times == [
        *(100, 300, 500)
    ]


def test_matches_of_an_extension_are_spread_over_it() -> None:
    """Of 100 queries in 1000 steps and 50 in 1000 more, 125 are due halfway through the extension."""
    course = Course(2000, 150, [Extension(at=1000, old_steps=1000, old_budget=100, had_finished=True)])
    assert [course.due(steps) for steps in (500, 1000, 1500, 2000, 3000)] == [50, 100, 125, 150, 150]


def test_steps_that_are_not_sampled_again_are_not_kept(tmp_path: Path) -> None:
    """Of three rollouts of 50 steps of four environments, the sampler looks at the last 240 steps: at two of them."""
    sampler = tiny_sampler(recent_steps=240)
    ended = tiny_run(sampler=sampler, report=False, out=tmp_path / "run")
    shards = sorted(path.name for path in (tmp_path / "run" / "checkpoints" / "shards").iterdir())
    assert shards == ["000001.safetensors", "000002.safetensors"]
    assert ended.resume(steps=200, budget=4).result.num_answered == 14


def test_an_offline_run_is_given_more_updates(
    tmp_path: Path, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It goes on with its optimiser and its data; 300 updates in all are those of the result."""
    pytest.importorskip("pyarrow")
    out = str(tmp_path / "offline")
    flags = ("--agent", "sft", "--agent.actor.hidden", "8", "--updates", "200", "--eval.final-episodes", "1")
    assert run(capsys, "feedback", "export", str(finished), "prefs")[0] == 0
    assert run(capsys, "train-offline", "--preferences", "prefs", *flags, "--threads", "1", "--out", out)[0] == 0
    code, output, error = run(capsys, "train-offline", "--resume", out, "--updates", "100")
    assert (code, "after 300 updates" in output) == (0, True)
    assert f"{out} goes on at 200 updates, to 300 updates in all" in error
    assert (Run(out).result.steps, Run(out).config["updates"]) == (300, 300)
    with pytest.raises(UserError, match="asks no rater"):
        Run(out).resume(steps=100, budget=5)


def test_seeds_are_given_more_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    write_seeds(Path("seeds"), (0, 1))
    code, _, error = run(capsys, "train", "--resume", "seeds", "--steps", "200")
    assert (code, "seeds has several seeds: give each one more, as in --resume seeds/seed-0" in error) == (2, True)


@pytest.mark.slow  # four trainings, and four more
@pytest.mark.parametrize(
    "changes",
    [
        {"agent": agents.cfg("sac", num_envs=2, num_steps=20, random_steps=40)},
        {"agent": agents.cfg("pebble", num_envs=2, num_steps=20)},
        {"reward": "win-rate", "sampler": "uniform"},
    ],
    ids=["sac", "pebble", "win-rate"],
)
def test_other_agents_and_learners_go_on(changes: dict[str, Any], stopped_at: Any) -> None:  # noqa: ANN401
    """Killed on the way, they come to the same bytes."""
    for name in ("whole", "killed"):
        prefgym.train(**tiny_settings(report=False, out=name, **changes))
    Run("whole").resume(steps=400, budget=6)
    with stopped_at(Loop, "_evaluate_last"):
        Run("killed").resume(steps=400, budget=6)
    result = Run("killed").resume().result
    assert (result.steps, result.num_asked) == (1000, 16)
    assert (Path("killed") / POLICY).read_bytes() == (Path("whole") / POLICY).read_bytes()
    assert lines(Path("killed")) == lines(Path("whole"))


@pytest.mark.parametrize("extensions", [3, [3], [{"at": 1}], [{"at": "x", "old_steps": 1, "had_finished": True}]])
def test_extensions_of_a_stranger_are_checked(extensions: object, finished: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(finished, tmp_path / "run"))
    config = yaml.safe_dump({**read_config(out), "extensions": extensions})
    write_sealed_text(out / "config.yaml", config)
    with pytest.raises(UserError, match="cannot be resumed: its configuration is not one of this version"):
        Run(out).resume(steps=200)
