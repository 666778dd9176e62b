"""How well ways to fit a preference model foresee answers."""

from pathlib import Path

import pytest
from compare_circle_fits import CompareCircleFitsCfg, foreseen, main

from prefgym.cli import main as prefgym
from prefgym.rewards.fit import FitCfg

RUN = [
    *("train", "--env", "prefgym/HalfCheetah-v0", "--steps", "2560", "--budget", "200", "--threads", "1"),
    *("--segment-length", "20", "--agent.num-envs", "8", "--agent.num-steps", "20", "--schedule.num-sessions", "4"),
    *("--eval.episodes", "1", "--eval.final-episodes", "1", "--no-report", "--out", "run"),
]


def test_a_good_way_foresees_more_than_one_that_shrinks_all_to_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        prefgym(RUN)
    good = foreseen(Path("run"), FitCfg(weight_decay=0.3, gradient_steps=200), 200)
    none = foreseen(Path("run"), FitCfg(weight_decay=300.0, gradient_steps=200), 200)
    assert good > 0.7 and good > none
    main(CompareCircleFitsCfg(runs=(Path("run"),), answers=40, weight_decays=(1.0,), gradient_steps=(5,)))
    assert "answers foreseen" in capsys.readouterr().out
