"""The check of a GPU, on Warp's CPU device: what it measures, what it keeps, and what it counts as short."""

import json
from pathlib import Path

import pytest

pytest.importorskip("mujoco_warp")

from gpu_check import GpuCheckCfg, main
from gpu_report import report


@pytest.mark.slow
def test_parts_are_kept_as_they_come(capsys: pytest.CaptureFixture[str]) -> None:
    """Tiny sizes: a step agrees, no rollout waits, a training counts where time goes; a second call keeps the first."""
    told_first = ("agreement", "sync", "distribution")
    assert main(GpuCheckCfg(device="cpu", tiny=True, only=told_first, out=Path("gpu"))) == 0
    assert main(GpuCheckCfg(device="cpu", tiny=True, only=("speed", "training"), out=Path("gpu"))) > 0
    told = json.loads(Path("gpu/cpu-tiny.json").read_text())
    assert set(told) == {*told_first, "speed", "training"}
    played = told["distribution"]["tasks"]["Hopper"]
    assert played["cpu_mean"] == pytest.approx(played["device_mean"], rel=0.2) and played["cpu_mean"] > 40  # 1 a step
    assert told["agreement"]["tasks"]["HalfCheetah"]["qpos"] < 1e-4
    assert told["sync"]["passed"] == ["HalfCheetah, ppo", "HalfCheetah, sac"]
    assert told["speed"]["tasks"]["HalfCheetah"]["worlds"]["8"]["env"] > 0
    run = told["training"]
    assert (run["num_asked"], run["reached"]) == (20, False)  # nobody runs after a thousand steps
    assert sum(run["shares"].values()) == pytest.approx(1)
    assert {"physics", "policy", "gradients", "reward model", "evaluation", "rest"} == set(run["shares"])
    assert "seconds to a return of 5000" in capsys.readouterr().out


def test_what_falls_short_is_counted() -> None:
    """Three of eight bars are missed: a step that is off, lengths that differ, a ratio of 0.5; and a part failed."""
    slow, fine = ({"env": rate, "bare": 10.0, "ratio": rate / 10} for rate in (5.0, 9.0))
    told = {
        "contract": {"failed": "AssertionError: no"},
        "agreement": {"tasks": {"Ant": {"qpos": 1e-5, "qvel": 2e-4}}},
        "distribution": {"tasks": {"Hopper": {"returns_p": 0.5, "lengths_p": 0.001}}},
        "speed": {"tasks": {"Ant": {"cpu": 1e4, "worlds": {"8": slow, "9": fine}}}},
        "training": {"goal": 5000, "seconds": 100, "reached": True, "shares": {"physics": 0.5, "gradients": 0.4}},
    }  # fmt: skip
    assert report(told) == 4
