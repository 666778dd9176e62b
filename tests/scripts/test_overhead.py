"""The share of a run that goes into not losing anything."""

import importlib
import sys
from itertools import chain

import pytest
from overhead import PARTS, OverheadCfg, main, measure

from prefgym import agents, rewards, samplers
from prefgym.training.api import train_cfg
from prefgym.training.budget import ScheduleCfg
from prefgym.training.config import CheckpointCfg, EvalCfg


@pytest.fixture(autouse=True)
def untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is timed be as it was after each test, wherever it was imported."""
    for place in (*chain(*PARTS.values()), "prefgym.training.online:train"):
        module, _, path = place.partition(":")
        *owners, name = path.split(".")
        owner = importlib.import_module(module)
        for step in owners:
            owner = getattr(owner, step)
        function = getattr(owner, name)
        for user in [owner, *(m for m in sys.modules.values() if vars(m).get(name) is function)]:
            monkeypatch.setattr(user, name, function)


def test_shares_of_a_real_run(capsys: pytest.CaptureFixture[str]) -> None:
    """With 2000 steps there are two checkpoints on the way and two sessions, each share below the whole."""
    config = train_cfg(
        "prefgym/InvertedPendulum-v0",
        agent=agents.cfg("ppo", num_envs=4, num_steps=50),
        sampler=samplers.cfg("disagreement", segment_length=5),
        reward=rewards.cfg("ensemble", hidden=(8,)),
        budget=10,
        steps=2000,
        threads=1,
        report=False,
        schedule=ScheduleCfg(num_sessions=2),
        checkpoint=CheckpointCfg(every=800),
        eval=EvalCfg(final_episodes=2),
    )
    measure(config)
    *_, saving, log, guards = capsys.readouterr().out.splitlines()
    assert saving.startswith("checkpoints: 3 calls")
    assert log.startswith("log of answers: 2 calls")
    assert guards.startswith("guards: ") and int(guards.split()[1].replace(",", "")) > 100
    assert all(0 < float(line.split("s, ")[-1].partition("%")[0]) < 100 for line in (saving, log, guards))


def test_a_training_that_fails_has_no_shares(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(OverheadCfg(env="nowhere")) == 2
    assert "nowhere" in capsys.readouterr().err
