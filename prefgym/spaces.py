"""What prefgym asks of observation and action spaces."""

from typing import Any, cast

import gymnasium as gym
import torch
from torch import Tensor


def single_spaces(env: Any) -> tuple[gym.spaces.Box, gym.spaces.Box]:  # noqa: ANN401
    """Return observation and action space of one world of an environment, single or vectorised.

    Raises:
        ValueError: If one of them is no one-dimensional Box, in one sentence.
    """
    observation = getattr(env, "single_observation_space", None) or env.observation_space
    action = getattr(env, "single_action_space", None) or env.action_space
    for name, space in (("observation", observation), ("action", action)):
        if not isinstance(space, gym.spaces.Box) or len(space.shape) != 1:
            raise ValueError(f"prefgym needs a one-dimensional Box {name} space, but this environment has {space}")
    return observation, cast(gym.spaces.Box, action)


def action_bounds(action: gym.spaces.Box) -> tuple[Tensor, Tensor]:
    """Return the smallest and the largest action. Shapes: (A,), (A,)."""
    return torch.as_tensor(action.low), torch.as_tensor(action.high)
