"""What a run takes is said: answers and bytes before it starts, minutes when the speed is known."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tiny import tiny_cfg, tiny_ppo, tiny_run, tiny_sampler, tiny_settings

import prefgym
from prefgym import agents
from prefgym.training.config import CheckpointCfg
from prefgym.training.estimate import DiskUse, Estimate, before_it_starts, disk_use
from prefgym.training.online import build

REACHER = "prefgym/Reacher-v0"


def loop(steps: int) -> Any:  # noqa: ANN401
    """Make what an estimate looks at of a training of 100,000 steps."""
    return cast(Any, SimpleNamespace(steps=steps, total=100_000, source=SimpleNamespace(unit="steps")))


def test_minutes_are_measured_from_the_first_update(capsys: pytest.CaptureFixture[str]) -> None:
    """From 10,000 steps at 1 s to 13,000 at 4 s, 1,000 a second: 87,000 steps take 87 s; it is said once."""
    clock = iter([1.0, 1.5, 4.0])
    estimate = Estimate("at most 5 answers", clock=lambda: next(clock))
    estimate.on_start(loop(0))
    for steps, metrics in (
        (5_000, {}),
        (10_000, {"train/loss": 1.0}),
        (11_000, {"train/loss": 1.0}),
        (13_000, {"train/loss": 1.0}),
        (20_000, {"train/loss": 1.0}),
    ):
        estimate.on_step(loop(steps), cast(Any, metrics))
    assert capsys.readouterr().err == (
        "100,000 steps, at most 5 answers\nabout 87 seconds more, at 1,000 steps a second\n"
    )


def test_bytes_are_those_of_rows_answers_and_replay_buffer() -> None:
    """Worked out by hand for Reacher with SAC.

    A row has 10 observations, 2 actions and 2 factors of 4 bytes, a reward of 8, and 8 + 1 numbers of state, which are
    counted from the recorder. 20 answers about two segments of 5 steps have 20 * 2 * 6 rows. A step of the replay
    buffer has 2 * 10 + 2 + 3 numbers of 4 bytes.
    """
    cfg = tiny_cfg(
        REACHER,
        agent=agents.cfg("sac", num_envs=2, num_steps=4, capacity_steps=1000),
        steps=5000,
        budget=20,
        sampler=tiny_sampler(recent_steps=400),
        checkpoint=CheckpointCfg(every=200),
    )
    parts = build(cfg)
    assert parts.recorder is not None
    row = parts.recorder.row_bytes
    answers, replay = 20 * 2 * 6 * row, 1000 * 25 * 4
    assert disk_use(cfg, parts) == DiskUse(
        running=5000 * row + 2 * (replay + 2 * answers) + answers, kept=600 * row + replay + 2 * answers + answers
    )
    assert before_it_starts(cfg, parts).startswith("at most 20 answers, about ")


def test_a_run_takes_about_what_was_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a run of 12,000 steps, whose networks are small, to a quarter; the line is the first one."""
    settings = tiny_settings(
        REACHER, agent=tiny_ppo(REACHER, num_steps=500), steps=12_000, budget=200, report=False, out=tmp_path / "run"
    )
    settings["checkpoint"] = CheckpointCfg(every=3000)
    cfg = tiny_cfg(REACHER, **{name: value for name, value in settings.items() if name != "env"})
    said = disk_use(cfg, build(cfg))
    ended = prefgym.train(**settings)
    found = sum(
        file.stat().st_size
        for folder in ("checkpoints", "preferences")
        for file in (ended.path / folder).rglob("*.safetensors")
    )
    assert found == pytest.approx(said.kept, rel=0.25)
    assert capsys.readouterr().err.splitlines()[0].startswith("12,000 steps, at most 200 answers, about ")


def test_a_run_on_the_task_reward_needs_no_answers(capsys: pytest.CaptureFixture[str]) -> None:
    tiny_run(rater="none", report=False, checkpoint=CheckpointCfg(keep_final=False), out="run")
    told = "600 steps, no answers, about 0 MB on disk while it runs, and 0 MB at its end"
    assert told in capsys.readouterr().err
