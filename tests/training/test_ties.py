"""A warning where a rater finds no reward to judge by."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from tiny import tiny_run, tiny_sampler

from prefgym import Comparison, Preferences, Queries, RaterInfo


class Unrewarded(gym.Env[Any, Any]):
    """An environment that returns one reward at each step."""

    observation_space = action_space = gym.spaces.Box(-1, 1, (1,), np.float32)

    def __init__(self, reward: float) -> None:
        self.paid = reward

    def reset(self, **given: Any) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401
        super().reset(**given)
        return np.zeros(1, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:  # noqa: ANN401
        return np.array(action, np.float32), self.paid, False, False, {}


def first(queries: Queries) -> Preferences:
    """Choose the first option."""
    answers = Comparison.of(torch.zeros(len(queries), dtype=torch.long), queries.num_options)
    return Preferences.of(queries, answers, RaterInfo(name="first"))


@pytest.mark.parametrize("reward", ["ensemble", "win-rate"])
@pytest.mark.parametrize(("paid", "rater", "num_told"), [(0.0, "oracle", 1), (-1.0, "oracle", 1), (0.0, first, 0)])
def test_a_rater_without_a_reward_to_judge_by_is_told_of_at_once(
    reward: str,
    paid: float,
    rater: object,
    num_told: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """After the first session, and not again; a rater that judges by something else calls no ties."""
    env: Any = lambda: gym.wrappers.TimeLimit(Unrewarded(paid), 50)  # noqa: E731
    parts: Any = {"reward": reward, "sampler": "uniform"} if reward == "win-rate" else {"sampler": tiny_sampler()}
    tiny_run(env, rater=rater, report=False, out="run", **parts)
    said = [line for line in capsys.readouterr().err.splitlines() if "are ties, since the task reward" in line]
    assert len(said) == num_told
    assert all(f"of every step is {paid:g}: nothing is learned from these: choose" in line for line in said)
