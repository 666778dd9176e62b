"""The programs in examples/ run; each is short."""

import difflib
import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = sorted(path.name for path in (ROOT / "examples").glob("*.py"))
SCRIPTS = ("sb3_script", "sb3_script_preferences")
TINY: dict[str, dict[str, int]] = {
    "looking_rater.py": {"steps": 5000, "budget": 10},
    "offline.py": {"episodes": 4, "queries": 20, "updates": 20},
    "own_environment.py": {"steps": 5000, "budget": 10},
    "own_kinds.py": {"steps": 5000, "budget": 10},
    "own_rater.py": {"steps": 5000, "budget": 10},
    "own_reward_learner.py": {"steps": 5000, "budget": 10},
    "with_sb3.py": {"steps": 800, "sessions": 2, "queries": 8},
    "robot.py": {"queries": 20, "updates": 20},
    "sb3_script.py": {"steps": 300, "episodes": 1},
    "sb3_script_preferences.py": {"steps": 600, "episodes": 1},
    "train.py": {"steps": 5000, "budget": 20},
}


def test_every_program_is_run() -> None:
    """One needs a server: test_label_client.py."""
    assert {*PROGRAMS} == {*TINY, "label_client.py"}


@pytest.mark.slow  # trainings
@pytest.mark.parametrize("program", TINY)
def test_programs_run(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if program != "looking_rater.py":
        monkeypatch.setenv("MUJOCO_GL", "disabled")  # tests of the report draw its videos
    monkeypatch.setattr("prefgym.training.config.usable_cpus", lambda: 1)
    name = program.removesuffix(".py")
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / program)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)  # as if it had been imported from its folder
    spec.loader.exec_module(module)
    assert module.main(**TINY[program]) is not None


def test_a_script_of_sb3_needs_three_more_lines() -> None:
    """Of its 24 lines only the docstring differs; nothing is taken away."""
    plain, learned = ((ROOT / "examples" / f"{name}.py").read_text().splitlines()[1:] for name in SCRIPTS)
    changes = [line for line in difflib.ndiff(plain, learned) if line[0] in "+-" and line[1:].strip()]
    assert len(plain) == 23
    assert len(changes) == 3 and all(line.startswith("+") for line in changes)


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_are_short(program: str) -> None:
    assert len((ROOT / "examples" / program).read_text().splitlines()) <= 40
