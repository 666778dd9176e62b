"""Rounds of updates: how many there are, what they are told, and when they begin."""

from dataclasses import dataclass

import gymnasium as gym
import pytest
import torch
from torch import Tensor, nn

from prefgym.core.arrays import Env
from prefgym.core.rollout import Rollout
from prefgym.rl.off_policy import ReplayAgent


@dataclass(frozen=True, kw_only=True)
class CountingCfg:
    """As small as can be."""

    num_envs: int = 2
    num_steps: int = 5
    random_steps: int = 20
    updates_per_step: float = 7.0


class Counting(ReplayAgent[CountingCfg, int]):
    """Learns nothing, and counts."""

    name, default, metric_names = "counting", CountingCfg(), ("number", "odd")

    def __init__(self, env: Env, updates_per_step: float = 7.0) -> None:
        super().__init__(CountingCfg(updates_per_step=updates_per_step), env)
        self.drawn: list[int] = []
        self.remembered = 0

    def act(self, obs: Tensor, deterministic: bool = False) -> tuple[Tensor, Tensor]:
        return torch.zeros(len(obs), self.action_dim), torch.zeros(len(obs))

    def remember(self, rollout: Rollout) -> int:
        self.remembered += rollout.num_steps
        return self.remembered

    def sample_batches(self, num_batches: int) -> list[int]:
        self.drawn.append(num_batches)
        return list(range(num_batches))

    def step(self, batch: int) -> Tensor:
        return torch.tensor([float(self.num_updates), 1.0 if self.num_updates % 2 else torch.nan])

    def nets(self) -> dict[str, nn.Module]:
        return {}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {}


@pytest.fixture
def agent() -> Counting:
    """Make one in two worlds."""
    return Counting(gym.make_vec("prefgym/Reacher-v0", 2, reward="task", autoreset_mode="SameStep", dtype="float32"))


def test_updates_begin_when_enough_is_remembered(agent: Counting) -> None:
    """Rollouts of ten steps: the second one makes twenty, and seven updates for each of its steps follow."""
    agent.env.reset(seed=0)
    rollout = agent.collect(agent.env)
    assert agent.update(rollout, 0.0) == {}
    told = agent.update(rollout, 0.5)
    assert (agent.num_updates, agent.drawn) == (70, [64, 6])
    # 0 .. 69, and of what was told in every second update only, the mean over these
    assert told == {"train/number": pytest.approx(34.5), "train/odd": 1.0}
    assert agent.explore(rollout) == {} and agent.num_updates == 70


def test_less_than_an_update_for_each_rollout_adds_up(agent: Counting) -> None:
    """0.03 of each of ten steps, from the twentieth on: 0.6, 0.9, 1.2, 1.5, 1.8, 2.1 updates are due in all."""
    agent.env.reset(seed=0)
    rollout = agent.collect(agent.env)
    seldom = Counting(agent.env, updates_per_step=0.03)
    counts: list[int] = []
    for _ in range(7):
        seldom.update(rollout, 0.0)
        counts.append(seldom.num_updates)
    assert counts == [0, 0, 0, 1, 1, 1, 2]


def test_what_was_never_told_is_left_out(agent: Counting) -> None:
    assert agent.improve(0) == {}
    assert agent.improve(1) == {"train/number": 0.0}
    other = Counting(agent.env)
    other.load_state_dict(agent.state_dict())
    assert other.num_updates == 1
    loaded = Counting(agent.env)
    loaded.load_weights(agent.weights())
    assert loaded.num_updates == 1
