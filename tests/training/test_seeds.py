"""Several seeds of one configuration: one folder, resumable, and no seed lost to another."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from commands import TINY, run
from tiny import POLE, tiny_cfg, tiny_run, tiny_settings

import prefgym
from prefgym import Comparison, Preferences, Queries, RaterInfo
from prefgym.common.errors import UserError
from prefgym.runs.activity import activity_of
from prefgym.runs.folder import RunFolder
from prefgym.runs.manifest import has_finished
from prefgym.runs.seeds import read_seeds
from prefgym.training.config import TrainCfg
from prefgym.training.seeds import train_seeds


def tiny_seeds(seeds: str | Iterable[int], **changes: Any) -> list[prefgym.Run]:  # noqa: ANN401 - as `train`
    """Train several seeds in this process, without reports."""
    return prefgym.train(**tiny_settings(**{"report": False, **changes}), seeds=seeds)


def pause() -> None:
    """Leave the processor to others for a moment."""
    threading.Event().wait(0.05)


class Counting:
    """A rater that prefers the first option, and counts what it answered."""

    def __init__(self) -> None:
        self.num_answered = 0

    def __call__(self, queries: Queries) -> Preferences:
        """Answer."""
        self.num_answered += len(queries)
        choice = queries.query_id * 0
        return Preferences.of(
            queries, Comparison.of(choice, num_options=2), RaterInfo(name=f"after {self.num_answered}")
        )


def test_each_seed_is_the_run_of_that_seed(tmp_path: Path) -> None:
    """To the last bit what one run with this seed comes to."""
    runs = tiny_seeds("0,3", out=tmp_path / "both")
    assert [run.path.name for run in runs] == ["seed-0", "seed-3"]
    assert [run.config["seed"] for run in runs] == [0, 3]
    alone = tiny_run(seed=3, report=False, out=tmp_path / "alone")
    assert runs[1].result.returns == alone.result.returns
    assert read_seeds(tmp_path / "both") == (0, 3)


def test_the_same_call_goes_on_with_what_is_missing(
    tmp_path: Path, stopped_at: Callable[..., AbstractContextManager[None]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Seed 0 has finished, seed 1 was cut off at its end, seed 2 is new; the second comes to what a whole one does."""
    out = tmp_path / "seeds"
    tiny_seeds([0], out=out)
    before = (out / "seed-0" / "manifest.json").stat().st_mtime_ns
    with stopped_at(RunFolder, "write_json"):
        tiny_run(seed=1, report=False, out=out / "seed-1")
    assert not has_finished(out / "seed-1")
    runs = tiny_seeds(range(3), out=str(out))
    assert (out / "seed-0" / "manifest.json").stat().st_mtime_ns == before
    assert all(has_finished(run.path) for run in runs) and len(runs) == 3
    assert runs[1].result.returns == tiny_run(seed=1, report=False, out=tmp_path / "whole").result.returns
    told = capsys.readouterr().err
    assert "seed 0: finished before" in told and "3 of 3 seeds have finished" in told


def test_a_seed_that_fails_loses_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What failed is said, and the same call tries it again."""
    out = tmp_path / "seeds"
    with monkeypatch.context() as patch:
        begin = RunFolder.__init__

        def fail_for_seed_1(self: RunFolder, cfg: TrainCfg, *, resume: bool, prepare: Callable[[Path], None]) -> None:
            if cfg.seed == 1:
                raise ZeroDivisionError("the robot disconnected")
            begin(self, cfg, resume=resume, prepare=prepare)

        patch.setattr(RunFolder, "__init__", fail_for_seed_1)
        with pytest.raises(UserError, match="seed 1: ZeroDivisionError: the robot disconnected; 2 of 3 seeds") as told:
            tiny_seeds("0-2", out=out)
    assert f"prefgym train --resume {out} goes on" in str(told.value)
    assert "seed 1: ZeroDivisionError" in capsys.readouterr().err
    code, _, error = run(capsys, "train", "--resume", str(out), "--jobs", "0")
    assert code == 0, error
    assert all(has_finished(out / f"seed-{seed}") for seed in range(3))


def test_other_settings_are_refused(tmp_path: Path) -> None:
    """Rather than mixed into one arm; threads change rounding only."""
    out = tmp_path / "seeds"
    tiny_seeds([0], out=out)
    with pytest.raises(UserError, match="was begun with budget 10, not 12: name another folder"):
        tiny_seeds([0, 1], out=out, budget=12)
    assert len(tiny_seeds([0], out=out, threads=2)) == 1


def test_a_folder_that_is_something_else_is_refused(tmp_path: Path, finished_run: Path) -> None:
    for folder in (tmp_path, finished_run):
        with pytest.raises(UserError, match="is no folder of seeds"):
            tiny_seeds([0], out=folder)


def test_ctrl_c_ends_all_and_keeps(tmp_path: Path) -> None:
    """The seed that ran is kept, the next is not begun, and the same call goes on."""

    class CtrlC(prefgym.Callback):
        def on_session(self, loop: Any, metrics: Any) -> None:  # noqa: ANN401
            raise KeyboardInterrupt

    out = tmp_path / "seeds"
    runs = tiny_seeds("0-1", out=out, callbacks=[CtrlC()])
    assert [run.path.name for run in runs] == ["seed-0"]
    assert runs[0].result.interrupted
    assert [run.result.interrupted for run in tiny_seeds("0-1", out=out)] == [False, False]


def test_each_seed_begins_with_the_rater_as_it_was_given(tmp_path: Path) -> None:
    """Five answers in each of two sessions: the second seed does not count on from the first."""
    rater = Counting()
    runs = tiny_seeds("0-1", rater=rater, out=tmp_path / "seeds")
    for one in runs:
        assert one.preferences is not None
        assert {info.name for info in one.preferences.raters} == {"after 5", "after 10"}
    assert rater.num_answered == 0


@pytest.mark.parametrize("kind", ["agent", "reward"])
def test_parts_that_have_learned_are_refused(kind: str, tmp_path: Path) -> None:
    """Each seed needs new weights."""
    env = gym.make_vec(POLE, num_envs=4)
    part = prefgym.agents.make("ppo", env=env) if kind == "agent" else prefgym.rewards.make("ensemble", env=env)
    env.close()
    with pytest.raises(UserError, match=f"several seeds need a new {kind} each"):
        tiny_seeds("0-1", out=tmp_path / "seeds", **{kind: part})


def test_wrong_calls_are_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="pass one of them"):
        tiny_seeds("0-1", seed=0, out=tmp_path / "seeds")
    with pytest.raises(UserError, match="pass seeds= with it"):
        prefgym.train(**tiny_settings(), jobs=2)
    with pytest.raises(UserError, match="jobs must lie between 0 and 64, not -1"):
        prefgym.train(**tiny_settings(out=tmp_path / "seeds"), seeds="0-1", jobs=-1)
    with pytest.raises(UserError, match="this rater cannot be pickled"):
        prefgym.train(**tiny_settings(rater=lambda queries: queries, out=tmp_path / "seeds"), seeds="0-1", jobs=2)
    assert not (tmp_path / "seeds").exists()


def test_wrong_flags_are_refused_in_a_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for flags, words in (
        (("--seeds", "0-1", "--seed", "3"), "pass one of them"),
        (("--jobs", "2"), "pass --seeds 0-5 with it"),
        (("--seeds", "0-1", "--jobs", "many"), "--jobs many: pass the number of processes"),
        (("--seeds",), "seeds are numbers such as"),
        (("--resume", str(tmp_path), "--seeds", "0-1"), "leave out --seeds"),
    ):
        code, _, error = run(capsys, "train", *flags)
        assert code == 2 and words in error, error


def test_a_folder_without_any_seed_says_what_to_do(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    train_seeds(replace(tiny_cfg(report=False), out=tmp_path / "whole"), [0], jobs=0)
    shutil.copy(tmp_path / "whole" / "seeds.json", tmp_path / "seeds")
    code, _, error = run(capsys, "train", "--resume", str(tmp_path / "seeds"))
    assert code == 2 and "give the command again" in error


@pytest.mark.slow  # three processes
def test_seeds_side_by_side_come_to_what_they_come_to_alone(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """In processes of one thread, whose output is beside the run; the command is noted as it was given."""
    out = tmp_path / "seeds"
    flags = ("train", *TINY, "--seeds", "0-2", "--jobs", "2", "--no-report", "--out", str(out))
    code, _, error = run(capsys, *flags)
    assert code == 0, error
    assert "3 of 3 seeds have finished" in error
    alone = tiny_run(seed=2, report=False, out=tmp_path / "alone")
    assert prefgym.Run(out / "seed-2").result.returns == alone.result.returns
    assert "true return" in (out / "seed-2.log").read_text()
    assert prefgym.Run(out / "seed-1").config["command"] == ["prefgym", *flags]


@pytest.mark.slow  # processes
def test_killed_seeds_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SIGKILL of the command and of a seed: the other stops, and both come to what they come to alone."""
    out, steps = tmp_path / "seeds", 8000
    flags = [*TINY, "--steps", str(steps), "--seeds", "0-1", "--jobs", "2", "--no-report", "--out", str(out)]
    with subprocess.Popen([sys.executable, "-m", "prefgym", "train", *flags], stderr=subprocess.DEVNULL) as command:
        while command.poll() is None and not all(list(out.glob(f"seed-{n}/checkpoints/step-*")) for n in (0, 1)):
            pause()
        command.kill()
    os.kill(json.loads((out / "seed-0" / ".lock").read_text())["pid"], signal.SIGKILL)
    while any(activity_of(out / f"seed-{seed}").state == "running" for seed in (0, 1)):
        pause()
    assert [activity_of(out / f"seed-{seed}").state for seed in (0, 1)] == ["stopped", "stopped"]
    code, _, error = run(capsys, "train", "--resume", str(out), "--jobs", "0")
    assert code == 0, error
    for seed in (0, 1):
        alone = tiny_run(seed=seed, steps=steps, report=False, out=tmp_path / f"alone-{seed}")
        assert prefgym.Run(out / f"seed-{seed}").result.returns == alone.result.returns
