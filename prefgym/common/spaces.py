"""Observation and action spaces: requirements, bounds, and serialisation."""

from dataclasses import dataclass
from typing import Any, Self, cast

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor


def single_spaces(env: Any) -> tuple[gym.spaces.Box, gym.spaces.Box]:  # noqa: ANN401
    """Return the observation and action space of a single environment, also of a vectorised one.

    Raises:
        ValueError: If one of them is not a one-dimensional Box.
    """
    observation = getattr(env, "single_observation_space", None) or env.observation_space
    action = getattr(env, "single_action_space", None) or env.action_space
    for name, space in (("observation", observation), ("action", action)):
        if not isinstance(space, gym.spaces.Box) or len(space.shape) != 1:
            raise ValueError(f"prefgym needs a one-dimensional Box {name} space, but this environment has {space}")
    return observation, cast(gym.spaces.Box, action)


def device_of(env: Any) -> torch.device | None:  # noqa: ANN401
    """Return the device of environments that take and return tensors; None for environments of NumPy arrays."""
    metadata: dict[str, Any] = getattr(env, "metadata", None) or {}
    return metadata.get("device")


def check_arrays(env: Any, name: str) -> None:  # noqa: ANN401
    """Check that environments return NumPy arrays, for agents without support of tensors.

    Raises:
        ValueError: If they return tensors on a device.
    """
    if device_of(env) is not None:
        raise ValueError(
            f"{name} needs environments that return NumPy arrays, not tensors on a device: use backend='cpu'"
        )


def action_bounds(action: gym.spaces.Box) -> tuple[Tensor, Tensor]:
    """Return the smallest and the largest action, as float32. Shapes: (A,), (A,)."""
    return torch.as_tensor(action.low, dtype=torch.float32), torch.as_tensor(action.high, dtype=torch.float32)


def denormalize_action(action: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Map actions from -1..1 to low..high. Shape as given."""
    return (low + (action + 1) / 2 * (high - low)).clamp(low, high)  # rounding may leave the bounds


def normalize_action(action: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Map actions from low..high to -1..1. Shape as given."""
    return 2 * (action - low) / (high - low) - 1


@dataclass(frozen=True)
class Spaces:
    """The spaces of one environment, without the environment: enough to make an agent that only predicts."""

    single_observation_space: gym.spaces.Box
    single_action_space: gym.spaces.Box

    @classmethod
    def of(cls, env: Any) -> Self:  # noqa: ANN401
        """Read the spaces of an environment, single or vectorised."""
        return cls(*single_spaces(env))

    def card(self) -> dict[str, dict[str, list[float | None]]]:
        """Return the bounds for JSON, with null for an infinite one."""

        def bounds(space: gym.spaces.Box) -> dict[str, list[float | None]]:
            sides = (("low", space.low), ("high", space.high))
            return {name: [float(x) if np.isfinite(x) else None for x in side] for name, side in sides}

        return {"observation": bounds(self.single_observation_space), "action": bounds(self.single_action_space)}

    @classmethod
    def of_card(cls, card: dict[str, dict[str, list[float | None]]]) -> Self:
        """Restore spaces from the output of `card`; all bounds are float32."""

        def space(bounds: dict[str, list[float | None]]) -> gym.spaces.Box:
            low, high = (
                np.array([without if x is None else x for x in bounds[name]], np.float32)
                for name, without in (("low", -np.inf), ("high", np.inf))
            )
            return gym.spaces.Box(low, high, dtype=np.float32)

        return cls(space(card["observation"]), space(card["action"]))
