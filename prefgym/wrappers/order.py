"""The order of wrappers: which ones may be beneath those that record preferences."""

from collections.abc import Iterator
from typing import Any, TypeAlias

import gymnasium as gym
from gymnasium.vector import VectorEnv

AnyEnv: TypeAlias = gym.Env[Any, Any] | VectorEnv[Any, Any, Any]

_MOVES = "its statistics move, so that {what} recorded at different times could not be compared: put it around"
_TWICE = "the task reward is hidden already, and its reward is no task reward: wrap once"
_BENEATH = {
    "Autoreset": "it begins an episode within a step, which would be recorded as part of the last one: leave it out",
    "NormalizeReward": _MOVES.format(what="task rewards"),
    "NormalizeObservation": _MOVES.format(what="observations"),
    "PreferenceEnv": _TWICE,
    "PreferenceVectorEnv": _TWICE,
}
"""Wrappers, single and vectorised, that must not be beneath ours, and the reasons."""


def check_order(env: AnyEnv) -> None:
    """Check the layers beneath a wrapper that records preferences, those of the first of several environments, too.

    Raises:
        ValueError: If a wrapper belongs around ours, or a layer is no Gymnasium environment.
    """
    if not isinstance(env, (gym.Env, VectorEnv)):  # pyright: ignore[reportUnnecessaryIsInstance] - users wrap anything
        around = "wrappers of Stable-Baselines3 go around prefgym.sb3.VecEnv"
        raise ValueError(f"prefgym wraps Gymnasium's environments, not {type(env).__name__}; {around}")
    for layer in layers(env):
        name = type(layer).__name__
        if name in _BENEATH:
            raise ValueError(f"{name} cannot be beneath a wrapper that records preferences: {_BENEATH[name]}")
        if getattr(layer, "returns_metric", False):
            raise ValueError(
                "what evaluation counts must not be recorded, or raters would see it: make the "
                "environment with reward='recorded'"
            )


def layers(env: AnyEnv) -> Iterator[AnyEnv]:
    """List an environment and the layers beneath it, those of the first of several environments, too."""
    layer: AnyEnv | None = env
    while layer is not None:
        yield layer
        each = getattr(layer, "envs", None)  # of Gymnasium's SyncVectorEnv
        layer = each[0] if each else getattr(layer, "env", None)


def hides_reward(env: AnyEnv) -> bool:
    """Return whether a wrapper hides the task reward, by its attribute `hides_task_reward`."""
    return any(getattr(layer, "hides_task_reward", False) for layer in layers(env))
