"""What the pages in docs/agents show is so."""

import re
from ast import literal_eval
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from pages import run_examples

from prefgym import agents
from prefgym.agents.tuned import tuned
from prefgym.envs import TASKS

ROOT = Path(__file__).resolve().parents[2]
PAGES = {path.stem: path.read_text() for path in sorted((ROOT / "docs" / "agents").glob("*.md"))}


def settings(page: str) -> dict[str, dict[str, Any]]:
    """Read the table of settings, column by column; empty cells are left out."""
    header, *rows = re.findall(r"^\| (?:setting|`\w+`) \|.*$", page.partition("## Settings")[2], re.M)
    names = header.strip("| ").split(" | ")[1:]
    columns: dict[str, dict[str, Any]] = {name: {} for name in names}
    for row in rows:
        name, *values = (cell.strip(" `") for cell in row.strip("|").split("|"))
        for column, value in zip(columns.values(), values, strict=True):
            if value:
                column[name] = value if value.isalpha() and value.islower() else literal_eval(value)
    return columns


def difference(cfg: Any, base: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return what a configuration has that another one has not."""
    return {name: value for name, value in asdict(cfg).items() if (name, value) not in asdict(base).items()}


def test_every_page_is_here() -> None:
    variants = {"cpl-kl": "cpl", **{name: "sb3" for name in agents.names() if name.startswith("sb3-")}}
    assert set(PAGES) == {variants.get(name, name) for name in agents.names()}


@pytest.mark.slow  # trainings as pages show them
@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
@pytest.mark.parametrize("name", PAGES)
def test_the_examples_run(name: str, tmp_path: Path) -> None:
    """A little training, a prediction, and the weights on disk and back."""
    run_examples(f"agents/{name}.md", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"policy.json", "policy.safetensors"}


@pytest.mark.parametrize("name", ["ppo", "sac", "residual"])
def test_settings_and_what_differs_by_task_are_true(name: str) -> None:
    shown = settings(PAGES[name])
    assert shown.pop("default") == asdict(agents.cfg(name))
    by_task = {task: tuned(f"prefgym/{task}-v0", name) for task in TASKS}
    assert shown == {task: different for task, different in by_task.items() if different}


def test_settings_of_pebble_are_those_beside_sac() -> None:
    assert settings(PAGES["pebble"]) == {"default": difference(agents.cfg("pebble"), agents.cfg("sac"))}
    assert not any(tuned(f"prefgym/{task}-v0", "pebble") for task in TASKS)


def test_settings_of_sb3_and_what_differs_by_algorithm_are_true() -> None:
    shown, default = settings(PAGES["sb3"]), agents.cfg("sb3")
    assert shown.pop("default") == asdict(default)
    presets = [name for name in agents.names() if name.startswith("sb3-")]
    assert shown == {name: difference(agents.cfg(name), default) for name in presets}
