"""Raters go on where they were stopped: a run that is resumed learns the same reward."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from tiny import tiny_run

from prefgym import raters
from prefgym.runs.folder import RunFolder
from prefgym.training.budget import ScheduleCfg
from prefgym.training.run import Run

SETTINGS: dict[str, Any] = {
    **{"env": "prefgym/Hopper-v0", "steps": 1000, "budget": 30, "report": False},
    "schedule": ScheduleCfg(num_sessions=5, last=0.9),
}
RATERS = (
    "heron",
    "cyclic",
    "turning",
    "peak-end",
    "mixture",
    "drifting",
    "regret",
    "hindsight",
    "safety",
    "weighted",
    "foresight",
)


STATED = {
    "ranking": raters.cfg("partial-return", gives="ranking"),
    "rating": raters.cfg("partial-return", gives="rating"),
    "thumbs": raters.cfg("thumbs", reacting=0.7),
    "mark": raters.cfg("weighted", gives="mark", mark_length=2),
    "apart": raters.cfg("principles", apart=True, gives="thumbs", principles={"fast": "forward:above:0.1"}),
}


@pytest.mark.parametrize("rater", [*RATERS, *STATED])
def test_a_resumed_run_learns_the_same(rater: str, stopped_at: Callable[..., AbstractContextManager[None]]) -> None:
    """From the last of its checkpoints, after which there is another session."""
    tiny_run(**SETTINGS, rater=STATED.get(rater, rater), out="whole")
    with stopped_at(RunFolder, "write_json"):
        tiny_run(**SETTINGS, rater=STATED.get(rater, rater), out="stopped")
    Run("stopped").resume("previous")
    kept = Path("checkpoints/final/reward.safetensors"), Path("preferences/preferences.safetensors")
    for name in kept:
        assert (Path("whole") / name).read_bytes() == (Path("stopped") / name).read_bytes()
