"""How well ways to fit a preference model predict answers."""

from pathlib import Path

import pytest
from compare_circle_fits import CompareCircleFitsCfg, judge, main

from prefgym import agents, samplers
from prefgym.rewards.fit import FitCfg
from prefgym.rewards.preference_model import PreferenceModelCfg
from prefgym.training.api import train
from prefgym.training.budget import ScheduleCfg
from prefgym.training.config import EvalCfg


@pytest.mark.slow
def test_a_good_way_predicts_more_than_one_that_shrinks_all_to_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    train(
        "prefgym/HalfCheetah-v0",
        agent=agents.cfg("ppo", env="prefgym/HalfCheetah-v0", num_envs=8, num_steps=20),
        sampler=samplers.cfg("disagreement", segment_length=20),
        budget=200,
        steps=2560,
        threads=1,
        report=False,
        out="run",
        schedule=ScheduleCfg(num_sessions=4),
        eval=EvalCfg(episodes=1, final_episodes=1),
    )
    ways = (FitCfg(weight_decay=decay, gradient_steps=200) for decay in (0.3, 300.0))
    good, none = (judge(Path("run"), PreferenceModelCfg(num_members=1, fit=way), 150, 50) for way in ways)
    assert good[0] > 0.65 and good[0] > none[0]
    assert good[1] > 0.3
    few = {"weight_decays": (1.0,), "gradient_steps": (5,), "num_cycles": (0, 1)}
    main(CompareCircleFitsCfg(runs=(Path("run"),), answers=40, **few))
    assert "answers predicted" in capsys.readouterr().out
