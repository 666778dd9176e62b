"""How well ways to fit a preference model predict answers."""

from pathlib import Path

import pytest
from commands import command
from compare_circle_fits import CompareCircleFitsCfg, judge, main

from prefgym.rewards.fit import FitCfg
from prefgym.rewards.preference_model import PreferenceModelCfg

RUN = [
    *("train", "--env", "prefgym/HalfCheetah-v0", "--steps", "2560", "--budget", "200", "--threads", "1"),
    *("--segment-length", "20", "--agent.num-envs", "8", "--agent.num-steps", "20", "--schedule.num-sessions", "4"),
    *("--eval.episodes", "1", "--eval.final-episodes", "1", "--no-report", "--out", "run"),
]


def test_a_good_way_predicts_more_than_one_that_shrinks_all_to_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(*RUN) == 0
    ways = (FitCfg(weight_decay=decay, gradient_steps=200) for decay in (0.3, 300.0))
    good, none = (judge(Path("run"), PreferenceModelCfg(num_members=1, fit=way), 150, 50) for way in ways)
    assert good[0] > 0.65 and good[0] > none[0]
    assert good[1] > 0.3
    few = {"weight_decays": (1.0,), "gradient_steps": (5,), "num_cycles": (0, 1)}
    main(CompareCircleFitsCfg(runs=(Path("run"),), answers=40, **few))
    assert "answers predicted" in capsys.readouterr().out
