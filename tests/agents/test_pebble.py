"""PEBBLE: distances worked out by hand, and what happens at the first session."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
from gymnasium.vector import VectorEnv

from prefgym.agents import pebble
from prefgym.agents.pebble import Pebble, PebbleCfg, neighbour_distance
from prefgym.core.rollout import Rollout

MakeEnv = Callable[..., VectorEnv[Any, Any, Any]]

SMALL = PebbleCfg(
    num_envs=4,
    num_steps=4,
    random_steps=0,
    batch_size=16,
    hidden=(8,),
    neighbours=1,
    updates_per_step=0,
    reset_updates=3,
)


class Worth:
    """Thinks every step is worth the same."""

    def __init__(self, worth: float) -> None:
        self.worth = worth

    def reward(self, segments: Any) -> torch.Tensor:  # noqa: ANN401
        """Return the worth of each step. Shape: (1, ..., T)."""
        return torch.full((1, *segments.action.shape[:-1]), self.worth)


def led_to(*states: float) -> Rollout:
    """Make a rollout of one environment that led to these states."""
    obs = torch.tensor(states)[:, None, None]
    zeros, no = torch.zeros(len(states), 1), torch.zeros(len(states), 1, dtype=torch.bool)
    return Rollout(
        obs=obs, action=obs, executed=obs, next_obs=obs, reward=zeros, terminated=no, truncated=no, log_prob=zeros
    )


def test_exploring_gives_the_distance_to_what_was_there_before(make_env: MakeEnv) -> None:
    """States 0, 1, 5: distances 1, 1, 4, variance 2; then 7, whose nearest is 5: 2, variance 3/2."""
    agent = Pebble(SMALL, make_env())
    agent.explore(led_to(0.0, 1.0, 5.0))
    assert agent.buffer.steps(0, 3).reward.tolist() == pytest.approx([1 / 2**0.5, 1 / 2**0.5, 4 / 2**0.5])
    agent.explore(led_to(7.0))
    assert agent.buffer.steps(3, 4).reward.tolist() == pytest.approx([2 / 1.5**0.5])


def test_many_distances_are_taken_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = torch.Generator().manual_seed(0)
    states, known = torch.rand(5, 3, generator=draws), torch.rand(50, 3, generator=draws)
    at_once = neighbour_distance(states, known, 4)
    monkeypatch.setattr(pebble, "DISTANCES_AT_ONCE", 20)
    assert torch.equal(neighbour_distance(states, known, 4), at_once)
    assert torch.allclose(at_once, torch.cdist(states, known).sort(1).values[:, 3])


def test_critics_start_afresh_at_the_first_session_only(make_env: MakeEnv) -> None:
    agent = Pebble(SMALL, make_env())
    agent.explore(led_to(0.0, 1.0, 5.0))
    exploring = agent.critics
    agent.relabel(Worth(2.0))  # pyright: ignore[reportArgumentType]
    assert agent.buffer.steps(0, 3).reward.tolist() == [2.0, 2.0, 2.0]
    relabelled = agent.critics
    assert relabelled is not exploring
    assert next(iter(agent.critic_optimizer.state_dict()["state"].values()))["step"] == 3
    agent.relabel(Worth(3.0))  # pyright: ignore[reportArgumentType]
    assert agent.buffer.steps(0, 3).reward.tolist() == [3.0, 3.0, 3.0]
    assert agent.critics is relabelled


def test_it_goes_on_from_its_state(make_env: MakeEnv) -> None:
    """Also over the first session, at which new critics are drawn."""
    env = make_env()
    whole = Pebble(SMALL, env, seed=2)
    whole.explore(led_to(0.0, 1.0, 5.0))
    other = Pebble(SMALL, env, seed=2)
    other.load_state_dict(deepcopy(whole.state_dict()))
    for agent in (whole, other):
        agent.explore(led_to(6.0))
        agent.relabel(Worth(1.0))  # pyright: ignore[reportArgumentType]
    assert all(torch.equal(value, other.weights()[name]) for name, value in whole.weights().items())
