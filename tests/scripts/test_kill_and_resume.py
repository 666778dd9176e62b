"""A run that was killed comes to what it would have come to."""

from pathlib import Path
from typing import Any

import pytest
from kill_and_resume import KillAndResumeCfg, differences, main

WRITING = ("noting answers", "logging", "saving", "tidying up", "finishing")
"""The kinds of work that leave different files behind."""


def told_of(capsys: pytest.CaptureFixture[str], work: tuple[str, ...], **settings: Any) -> str:  # noqa: ANN401
    """Kill a run once in each kind of work; return what is said of the runs that come to the same."""
    assert main(KillAndResumeCfg(work=work, moments=len(work), **settings)) == 0
    told = capsys.readouterr().out
    assert told.count(": equal") == len(work) == sum(told.count(f"killed while {name}, ") for name in work)
    return told


@pytest.mark.slow  # a sample of `make soak`
@pytest.mark.parametrize(
    ("agent", "work"),
    [
        ("ppo", ("acting", "asking", *WRITING)),
        ("pebble", ("fitting", "relabelling")),
        ("sb3-sac", ("learning", "relabelling")),
    ],
)
def test_killed_runs_come_to_the_same(agent: str, work: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """Real runs with raters who answer late."""
    told = told_of(capsys, work, agents=(agent,), raters=("late-oracle",))
    assert told.count("resumed from step-") >= len(work) / 2


@pytest.mark.slow
@pytest.mark.parametrize(("agent", "work"), [("ppo", WRITING), ("cpl", WRITING[1:])])
def test_runs_that_lost_power_come_to_the_same(
    agent: str, work: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Of their folders only what was synced is left, policies on the way included; `cpl` learns offline."""
    told = told_of(capsys, work, agents=(agent,), raters=("oracle",), power_cut=True)
    assert told.count("resumed from step-") >= len(work) / 3


@pytest.mark.slow
def test_a_run_in_an_environment_of_others_keeps_what_was_synced(capsys: pytest.CaptureFixture[str]) -> None:
    """Its answers are exported; its policy and metrics are there as of a checkpoint, without the power as well."""
    work = WRITING[:3]
    told = told_of(capsys, work, agents=("ppo",), raters=("late-oracle",), env="Pendulum-v1", power_cut=True)
    assert told.count(" answers exported") >= len(work) / 2 and told.count("policy of step ") >= len(work) / 2


def test_what_differs_is_named() -> None:
    """Of a policy and metrics, the one whose bytes differ; clock readings do not count."""
    for name, weight, elapsed in (("one", b"1", 1.0), ("other", b"2", 2.0)):
        (Path(name) / "checkpoints" / "final").mkdir(parents=True)
        (Path(name) / "checkpoints" / "final" / "policy.safetensors").write_bytes(weight)
        (Path(name) / "metrics.jsonl").write_text(f'{{"steps": 1, "time/time_elapsed": {elapsed}}}\n')
    assert differences(Path("one"), Path("other")) == ["checkpoints/final/policy.safetensors"]
    (Path("other") / "metrics.jsonl").write_text('{"steps": 2}\n')
    assert differences(Path("one"), Path("other")) == ["checkpoints/final/policy.safetensors", "metrics.jsonl"]
