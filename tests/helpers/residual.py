"""What the tests of residual learning share: settings, a base that is wrong, and demonstrations."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from gymnasium.vector import VectorEnv

from prefgym.agents.residual import Residual, ResidualCfg
from prefgym.buffers.recorder import Recorder

MakeEnv = Callable[..., VectorEnv[Any, Any, Any]]

SMALL = ResidualCfg(
    num_steps=4,
    random_steps=64,
    critic_updates=20,
    updates_per_step=1.0,
    batch_size=32,
    num_critics=3,
    hidden=(32,),
    actor_learning_rate=3e-3,
    critic_learning_rate=3e-3,
    gamma=0.0,
)


def biased(obs: np.ndarray) -> np.ndarray:
    """Aim half a unit too high: the actions reach from -2 to 2."""
    return obs + 0.5


def flat(agent: Residual) -> torch.Tensor:
    """Join all weights."""
    return torch.cat([value.double().flatten() for value in agent.weights().values()])


def recorded(num_episodes: int = 6) -> Recorder:
    """Record episodes of 8 steps, that do what is right."""
    draws = np.random.default_rng(0)
    recorder = Recorder(num_episodes, 1, 1)
    obs = draws.uniform(-1, 1, (num_episodes, 1))
    recorder.begin(obs)
    for step in range(8):
        reached = draws.uniform(-1, 1, obs.shape)
        none, all_end = np.zeros(num_episodes, np.bool_), np.full(num_episodes, step == 7)
        recorder.add(obs, np.full(num_episodes, 7.0), reached, none, all_end)
        obs = reached
    return recorder


def of_other_worlds() -> Recorder:
    recorder = Recorder(1, 2, 1)
    recorder.begin(np.zeros((1, 2)))
    none = np.zeros(1, np.bool_)
    recorder.add(np.zeros((1, 1)), np.zeros(1), np.zeros((1, 2)), none, ~none)
    return recorder
