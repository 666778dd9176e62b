"""A task whose best policy is known: repeat the observation."""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv


class Aim(gym.Env[np.ndarray, np.ndarray]):
    """Pay how close the action is to the observation; an episode lasts 8 steps."""

    observation_space = gym.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gym.spaces.Box(-2, 2, (1,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, Any]:
        """Draw a first target."""
        super().reset(seed=seed)
        self._step = 0
        return self._draw(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Pay minus the squared error."""
        reward = -float((action[0] - self._target) ** 2)
        self._step += 1
        return self._draw(), reward, False, self._step == 8, {}

    def _draw(self) -> np.ndarray:
        self._target = self.np_random.uniform(-1, 1)
        return np.array([self._target], np.float32)


MakeEnv = Callable[..., VectorEnv[Any, Any, Any]]


@pytest.fixture
def make_env() -> MakeEnv:
    """Return what makes four worlds of it, seeded with 0."""

    def make(mode: AutoresetMode = AutoresetMode.SAME_STEP) -> VectorEnv[Any, Any, Any]:
        env = SyncVectorEnv([Aim] * 4, autoreset_mode=mode)
        env.reset(seed=0)
        return env

    return make
