"""A run that was killed comes to what it would have come to."""

from pathlib import Path
from typing import Any

import pytest
from kill_and_resume import WORK, KillAndResumeCfg, differences, main


@pytest.mark.slow  # a sample of `make soak`
@pytest.mark.parametrize(("agent", "moments"), [("ppo", len(WORK) - 1), ("pebble", 4), ("sb3-sac", 4)])
def test_killed_runs_come_to_the_same(agent: str, moments: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Real runs, killed in each kind of work (ppo relabels nothing), or in some, with raters who answer late."""
    assert main(KillAndResumeCfg(agents=(agent,), raters=("late-oracle",), moments=moments)) == 0
    told = capsys.readouterr().out
    assert told.count(": equal") == moments
    assert told.count("resumed from step-") >= moments / 2


@pytest.mark.slow
def test_runs_that_lost_power_come_to_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """Of their folders only what was synced is left, policies on the way included."""
    moments = len(WORK) - 1
    assert main(KillAndResumeCfg(agents=("ppo",), raters=("oracle",), moments=moments, power_cut=True)) == 0
    told = capsys.readouterr().out
    assert told.count(": equal") == moments
    assert told.count("resumed from step-") >= moments / 3


@pytest.mark.slow
@pytest.mark.parametrize(("agent", "power_cut", "moments"), [("bc", False, 3), ("cpl", True, 6)])
def test_offline_runs_come_to_the_same(
    agent: str, power_cut: bool, moments: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed, or without power, in the kinds of work that they have."""
    assert main(KillAndResumeCfg(agents=(agent,), moments=moments, power_cut=power_cut)) == 0
    told = capsys.readouterr().out
    assert told.count(": equal") == moments == len({line.split(",")[2] for line in told.splitlines()})
    assert told.count("resumed from step-") >= moments / 2


@pytest.mark.slow
@pytest.mark.parametrize(("power_cut", "moments"), [(False, 3), (True, 4)])
def test_answers_about_environments_of_others_are_exported(
    power_cut: bool, moments: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """All that had been logged when the process was killed, or the power went; policy and metrics of a checkpoint."""
    settings: dict[str, Any] = {"agents": ("ppo",), "raters": ("late-oracle",), "env": "Pendulum-v1"}
    assert main(KillAndResumeCfg(**settings, moments=moments, power_cut=power_cut)) == 0
    told = capsys.readouterr().out
    assert told.count(": equal") == moments
    assert told.count(" answers exported") >= moments / 2 and told.count("policy of step ") >= moments / 2


def test_what_differs_is_named() -> None:
    """Of a policy and metrics, the one whose bytes differ; clock readings do not count."""
    for name, weight, elapsed in (("one", b"1", 1.0), ("other", b"2", 2.0)):
        (Path(name) / "checkpoints" / "final").mkdir(parents=True)
        (Path(name) / "checkpoints" / "final" / "policy.safetensors").write_bytes(weight)
        (Path(name) / "metrics.jsonl").write_text(f'{{"steps": 1, "time/time_elapsed": {elapsed}}}\n')
    assert differences(Path("one"), Path("other")) == ["checkpoints/final/policy.safetensors"]
    (Path("other") / "metrics.jsonl").write_text('{"steps": 2}\n')
    assert differences(Path("one"), Path("other")) == ["checkpoints/final/policy.safetensors", "metrics.jsonl"]
