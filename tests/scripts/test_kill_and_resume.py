"""A run that was killed comes to what it would have come to."""

import os
from pathlib import Path

import pytest
from kill_and_resume import WORK, KillAndResumeCfg, differences, main

from prefgym.common.files import sync


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


def test_a_power_cut_leaves_what_was_synced() -> None:
    """The content at the last sync, and no name that its folder was not synced with."""
    from kill_and_resume import Disk

    before = os.fsync
    try:
        folder = Path("run").absolute()
        (folder / "below").mkdir(parents=True)
        disk = Disk(folder)
        for name in ("synced", "unnamed", "below/lost"):
            (folder / name).write_text("first")
        for path in (folder / "synced", folder, folder.parent):
            sync(path)
        (folder / "synced").write_text("second")
        (folder / "late").write_text("late")
        disk.write(Path("left"))
    finally:
        os.fsync = before
    left = {str(path.relative_to("left")): path.is_file() and path.read_text() for path in Path("left").rglob("*")}
    assert left == {"below": False, "synced": "first", "unnamed": ""}


def test_what_differs_is_named() -> None:
    """Of a policy and metrics, the one whose bytes differ; clock readings do not count."""
    for name, weight, elapsed in (("one", b"1", 1.0), ("other", b"2", 2.0)):
        (Path(name) / "checkpoints" / "final").mkdir(parents=True)
        (Path(name) / "checkpoints" / "final" / "policy.safetensors").write_bytes(weight)
        (Path(name) / "metrics.jsonl").write_text(f'{{"steps": 1, "time/time_elapsed": {elapsed}}}\n')
    assert differences(Path("one"), Path("other")) == ["checkpoints/final/policy.safetensors"]
    (Path("other") / "metrics.jsonl").write_text('{"steps": 2}\n')
    assert differences(Path("one"), Path("other")) == ["checkpoints/final/policy.safetensors", "metrics.jsonl"]
