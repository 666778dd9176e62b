"""The examples of the README run as they stand there."""

import re
import runpy
from pathlib import Path
from typing import Any

import torch

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


def test_the_environment_asks_and_then_pays(tmp_path: Path) -> None:
    """After the last example the environment returns the learned reward."""
    names = run(tmp_path, blocks()[2], blocks()[3])
    env = names["env"]
    assert len(names["queries"]) == 8
    env.reset(seed=1)
    assert env.step(env.action_space.sample())[1] != 0.0
