"""What docs/envs.md says is true."""

import re
from pathlib import Path

import pytest
from pages import run_examples

from prefgym.envs import TASKS
from prefgym.sim.vector_env import PoolVectorEnv

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "envs.md").read_text()


@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
def test_examples_run(tmp_path: Path) -> None:
    run_examples("envs.md", tmp_path)


def test_terms_and_units_are_those_of_the_tasks() -> None:
    """The table of reward terms has each factor of each task, in order, with its unit."""
    shown = re.findall(r"^\| (\w+) \| `(\w+)` \| (\S+) \|", PAGE, re.M)
    assert shown == [(task, f.name, f.unit) for task, spec in sorted(TASKS.items()) for f in spec.factors]


def test_sizes_and_limits_are_those_of_the_tasks() -> None:
    """The table of tasks has sizes, ranges, durations and time limits."""
    shown = re.findall(r"^\| (\w+) \| (\d+) \| (\d+) \| ±(\S+) \| (\S+) \| (\d+) \|", PAGE, re.M)
    actual: list[tuple[str, ...]] = []
    for name, task in sorted(TASKS.items()):
        env = PoolVectorEnv(task)
        obs, action = env.observation_space.shape, env.action_space.shape
        assert obs is not None
        assert action is not None
        high = env._worlds.action_space().high[0]
        row = obs[1], action[1], f"{high:g}", f"{task.dt:g}", task.max_episode_steps
        actual.append((name, *map(str, row)))
    assert shown == actual
