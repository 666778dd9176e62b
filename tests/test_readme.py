"""The examples of the README run as they stand there."""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import TINY, command

import prefgym
from prefgym.core.preferences import Preferences
from prefgym.core.queries import Queries
from prefgym.testing import example_segments

README = (Path(__file__).resolve().parents[1] / "README.md").read_text()


def blocks() -> list[str]:
    """Return the Python examples in order."""
    return re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def run(folder: Path, *sources: str) -> dict[str, Any]:
    """Run examples one after the other and return what they defined."""
    script = folder / "readme.py"
    script.write_text("\n".join(sources))
    return runpy.run_path(str(script))


def test_the_rater_prefers_the_lower_torso(tmp_path: Path) -> None:
    """Heights 1 and 2 over valid steps: the first is chosen, whatever the padding holds."""
    options = example_segments(1, 2, num_steps=4)
    options.obs[..., 0] = torch.tensor([1.0, 2.0])[:, None]
    answers = run(tmp_path, blocks()[0])["Crouch"]()(Queries.of(options))
    assert isinstance(answers, Preferences)
    assert answers.answers.choice.tolist() == [[1.0, 0.0]]


def test_the_rater_is_fifteen_lines_long() -> None:
    """As the heading says; blank lines are not counted."""
    assert len([line for line in blocks()[0].splitlines() if line.strip()]) <= 15


@pytest.mark.slow  # a training with its report
def test_the_rater_trains_from_python(tmp_path: Path) -> None:
    """As it stands there, but for fewer steps and answers."""
    source = blocks()[1].replace("steps=200_000", "steps=5000").replace("budget=300", "budget=10")
    names = run(tmp_path, blocks()[0], source)
    assert (names["run"].config["rater"], len(names["run"].preferences)) == ("Crouch()", 10)
    assert names["action"].shape == (6,) and (names["run"].path / "report.html").is_file()


def test_the_rater_trains_from_the_command_line(tmp_path: Path) -> None:
    """The command is the one that the page shows; the class stands in a module of the present folder."""
    assert "prefgym train --rater crouch:Crouch" in README
    (tmp_path / "crouch.py").write_text(blocks()[0])
    assert command("train", *TINY, "--rater", "crouch:Crouch", "--out", "run", "--no-report") == 0
    preferences = prefgym.Run("run").preferences
    assert preferences is not None and [info.name for info in preferences.raters] == ["crouch"]


def test_the_environment_asks_and_then_pays(tmp_path: Path) -> None:
    """After the last example the environment returns the learned reward."""
    names = run(tmp_path, blocks()[2], blocks()[3])
    env = names["env"]
    assert len(names["queries"]) == 8
    env.reset(seed=1)
    assert env.step(env.action_space.sample())[1] != 0.0
