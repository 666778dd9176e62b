"""A task whose best policy is known: repeat the observation; and preferences about it."""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv

from prefgym.core.preferences import Comparison, Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments


class Aim(gym.Env[np.ndarray, np.ndarray]):
    """Give how close the action is to the observation; an episode lasts 8 steps."""

    observation_space = gym.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gym.spaces.Box(-2, 2, (1,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, Any]:
        """Draw a first target."""
        super().reset(seed=seed)
        self._step = 0
        return self._draw(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Give minus the squared error."""
        reward = -float((action[0] - self._target) ** 2)
        self._step += 1
        return self._draw(), reward, False, self._step == 8, {}

    def _draw(self) -> np.ndarray:
        self._target = self.np_random.uniform(-1, 1)
        return np.array([self._target], np.float32)


def recorded(num_queries: int = 64, num_options: int = 2, num_steps: int = 8) -> Preferences:
    """Make error-free preferences; segments differ in how much of the observation they repeat, from nothing to all."""
    generator = torch.Generator().manual_seed(0)
    shape = (num_queries, num_options)
    obs = torch.rand(*shape, num_steps + 1, 1, generator=generator) * 2 - 1
    share = torch.rand(*shape, 1, 1, generator=generator)
    noise = 0.1 * torch.randn(*shape, num_steps, 1, generator=generator)
    action = share * obs[..., :-1, :] + noise
    reward = -(action - obs[..., :-1, :]).square().squeeze(-1)
    options = Segments(
        obs=obs,
        action=action,
        length=torch.full(shape, num_steps),
        terminated=torch.zeros(shape, dtype=torch.bool),
        truncated=torch.ones(shape, dtype=torch.bool),
        reward=reward,
    )
    answers = Comparison.of(reward.sum(-1).argmax(-1), num_options)
    return Preferences.of(Queries.of(options), answers, RaterInfo(name="oracle"))


MakeEnv = Callable[..., VectorEnv[Any, Any, Any]]


@pytest.fixture
def make_env() -> MakeEnv:
    """Return what makes four environments of it, seeded with 0."""

    def make(mode: AutoresetMode = AutoresetMode.SAME_STEP) -> VectorEnv[Any, Any, Any]:
        env = SyncVectorEnv([Aim] * 4, autoreset_mode=mode)
        env.reset(seed=0)
        return env

    return make


@pytest.fixture
def preferences() -> Preferences:
    """Return 64 error-free preferences about it."""
    return recorded()
