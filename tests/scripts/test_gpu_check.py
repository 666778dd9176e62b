"""The check of a GPU, on Warp's CPU device: what it measures, what it keeps, and what it counts as short."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("mujoco_warp")

import gpu_check
from gpu_check import GpuCheckCfg, Stopwatch, main, report


def test_parts_are_kept_as_they_come(capsys: pytest.CaptureFixture[str]) -> None:
    """Tiny sizes: a step agrees, no rollout waits, a training counts where time goes; a second call keeps the first."""
    assert main(GpuCheckCfg(device="cpu", tiny=True, only=("agreement", "sync"), out=Path("gpu"))) == 0
    assert main(GpuCheckCfg(device="cpu", tiny=True, only=("speed", "training"), out=Path("gpu"))) > 0
    told = json.loads(Path("gpu/cpu-tiny.json").read_text())
    assert set(told) == {"agreement", "sync", "speed", "training"}
    assert told["agreement"]["tasks"]["HalfCheetah"]["qpos"] < 1e-4
    assert told["speed"]["tasks"]["HalfCheetah"]["worlds"]["8"]["env"] > 0
    run = told["training"]
    assert (run["num_asked"], run["reached"]) == (20, False)  # nobody runs after a thousand steps
    assert sum(run["shares"].values()) == pytest.approx(1)
    assert {"physics", "policy", "gradients", "reward model", "evaluation", "rest"} == set(run["shares"])
    assert "seconds to a return of 5000" in capsys.readouterr().out


def test_time_within_a_part_counts_for_the_innermost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds of which three belong to physics, and one of these to a policy: 7, 2 and 1."""
    now = iter([0.0, 4.0, 5.0, 6.0, 7.0, 10.0])
    monkeypatch.setattr(gpu_check, "time", SimpleNamespace(perf_counter=lambda: next(now)))
    watch = Stopwatch(lambda: None)
    with watch("rest"), watch("physics"), watch("policy"):
        pass
    assert dict(watch.seconds) == {"policy": 1.0, "physics": 2.0, "rest": 7.0}


def test_time_counts_where_a_part_ends_with_an_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    """As that of an evaluation in which the goal is reached: 4 - 1 seconds, and 5 - 0 less these."""
    now = iter([0.0, 1.0, 4.0, 5.0])
    monkeypatch.setattr(gpu_check, "time", SimpleNamespace(perf_counter=lambda: next(now)))
    watch = Stopwatch(lambda: None)
    with pytest.raises(gpu_check.Reached), watch("rest"), watch("evaluation"):
        raise gpu_check.Reached
    assert dict(watch.seconds) == {"evaluation": 3.0, "rest": 2.0}


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
