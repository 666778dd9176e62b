"""Raters go on where they were stopped: a run that is resumed learns the same reward."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from commands import TINY, command

from prefgym.cli.main import main
from prefgym.runs.folder import RunFolder

SESSIONS = ("--budget", "30", "--schedule.num-sessions", "5", "--schedule.last", "0.9")
FLAGS = (*TINY, "--env", "prefgym/Hopper-v0", "--steps", "1000", *SESSIONS, "--no-report")
RATERS = ("heron", "cyclic", "turning", "peak-end", "mixture", "drifting", "regret", "hindsight", "safety")


@pytest.mark.parametrize("rater", RATERS)
def test_a_resumed_run_learns_the_same(rater: str, stopped_at: Callable[..., AbstractContextManager[None]]) -> None:
    """From the last of its checkpoints, after which there is another session."""
    assert command("train", *FLAGS, "--rater", rater, "--out", "whole") == 0
    with stopped_at(RunFolder, "write_json"):
        main(["train", *FLAGS, "--rater", rater, "--out", "stopped"])
    assert command("train", "--resume", "stopped", "--resume-from", "previous") == 0
    kept = Path("checkpoints/final/reward.safetensors"), Path("preferences/preferences.safetensors")
    for name in kept:
        assert (Path("whole") / name).read_bytes() == (Path("stopped") / name).read_bytes()
