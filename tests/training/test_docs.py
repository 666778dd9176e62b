"""What docs/python.md shows works, and what it says of settings and hooks is so."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from pages import DOCS, run_examples

from prefgym.training.callbacks import Callback
from prefgym.training.config import TrainCfg
from prefgym.training.run import Result, Run

PAGE = (DOCS / "python.md").read_text()


@pytest.mark.slow  # five small trainings
def test_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each trains, in InvertedPendulum; the callback may stop one of them."""
    monkeypatch.setenv("MUJOCO_GL", "disabled")  # tests of the report draw its videos
    monkeypatch.setattr("prefgym.training.config.usable_cpus", lambda: 1)
    names = run_examples("python.md", tmp_path)
    assert len(names["returns"]) == 2
    assert names["action"].shape == (1,)


def test_settings_are_those_of_the_configuration() -> None:
    """The first table names fields of `TrainCfg`."""
    shown = re.findall(r"^\| `(\w+)` \|", PAGE.partition("## Settings")[2].partition("## Parts")[0], re.M)
    assert len(shown) == 10
    assert set(shown) <= {field.name for field in fields(TrainCfg)}


def test_every_hook_is_listed() -> None:
    shown = re.findall(r"^\| `(on_\w+)\(", PAGE, re.M)
    assert set(shown) == {name for name in vars(Callback) if name.startswith("on_")}


def test_every_attribute_of_a_run_is_listed() -> None:
    """And every field of its result."""
    shown = set(re.findall(r"^\| `run\.(\w+)", PAGE, re.M))
    assert shown == {name for name in vars(Run) if not name.startswith("_")} | {"config", "path"}
    row = next(line for line in PAGE.splitlines() if line.startswith("| `run.result`"))
    assert set(re.findall(r"`(\w+)`", row)) == {field.name for field in fields(Result)}
