"""Capabilities that an environment declares beside Gymnasium's interface: physics states, and a task without a reward.

This is the one place where the two are looked up.
"""

from collections.abc import Mapping
from typing import Any, Protocol, cast

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import VectorEnv

AnyEnv = gym.Env[Any, Any] | VectorEnv[Any, Any, Any]


class HasPhysics(Protocol):
    """One or N environments with physics states, from which pictures are rendered, and factors of their reward."""

    state_size: int
    """Columns of `physics_state`, S."""
    model: Any
    """MuJoCo's model of the states."""
    camera: Mapping[str, Any]
    """Camera of the pictures."""

    def physics_state(self, final: bool = False) -> npt.NDArray[np.float64]:
        """Copy the states; with `final`, those before a reset within the last step. Shape: (N, S)."""
        ...

    def factors(self) -> dict[str, npt.NDArray[Any]]:
        """Return the factors of the last step; empty if they are not known. Shape of each: (N,)."""
        ...


def physics_of(env: AnyEnv) -> HasPhysics | None:
    """Return the layer of an environment that has its physics states: the environment itself, or the `World` around it.

    An environment of another package declares them by the methods `physics_state` and `factors` and the number
    `state_size`; an attribute of one of these names alone means something else there. A `World` has all three in any
    case, and its `has_physics` is whether MuJoCo simulates the wrapped environment.

    Returns:
        None without physics states.
    """
    for layer in (env.unwrapped, env):
        methods = (getattr(layer, name, None) for name in ("physics_state", "factors"))
        if all(map(callable, methods)) and getattr(layer, "has_physics", True) and _is_count(layer):
            return cast(HasPhysics, layer)
    return None


def _is_count(layer: object) -> bool:
    return isinstance(getattr(layer, "state_size", None), int | np.integer)


def task_description_of(env: AnyEnv) -> str:
    """Return the task in words, where it has no reward; otherwise nothing."""
    return env.metadata.get("task_description", "")


def has_task_reward(env: AnyEnv) -> bool:
    """Return whether a task has a reward; one without is described in words instead."""
    return not task_description_of(env)
