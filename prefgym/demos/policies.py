"""Policies of `prefgym demos`: scripts, trained policies that ship with prefgym, random actions, and those of runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from prefgym.common.errors import UserError
from prefgym.envs.demonstrators import Demonstrator, DemonstratorCfg
from prefgym.evaluation.experts import LEVELS, load_expert
from prefgym.rl.policy_runner import Act, PolicyRunner, in_turn
from prefgym.runs.config_file import read_config
from prefgym.training.load import load_policy

Array = npt.NDArray[Any]


def make_policies(
    env_id: str, names: Sequence[str], action_space: gym.spaces.Box, *, quality: float | None = None, seed: int = 0
) -> Act:
    """Make policies that take the environments in turn.

    Args:
        env_id: Environment id.
        names: Names for `make_policy`.
        action_space: Action space of one environment.
        quality: Quality of the demonstrator; None without one.
        seed: Seed of the first policy; the next ones have the next seeds.

    Raises:
        UserError: For the reasons of `make_policy`, and for a quality without a demonstrator.
    """
    if quality is not None and "demonstrator" not in names:
        raise UserError(f"--quality belongs to --policy demonstrator, not to {' '.join(names)}.")
    acts = [
        make_policy(env_id, name, action_space, quality=quality, seed=seed + number)
        for number, name in enumerate(names)
    ]
    return in_turn(acts)


def make_policy(
    env_id: str, name: str, action_space: gym.spaces.Box, *, quality: float | None = None, seed: int = 0
) -> Act:
    """Make a policy.

    Args:
        env_id: Environment id.
        name: `demonstrator`, `expert`, `medium`, `random` or a run folder.
        action_space: Action space of one environment.
        quality: Quality of the demonstrator; others have none.
        seed: Seed of the policy.

    Raises:
        UserError: If there is no such policy, or it was trained in another environment.
    """
    if name == "demonstrator":
        try:
            demonstrator = Demonstrator(env_id, DemonstratorCfg(quality=1.0 if quality is None else quality), seed=seed)
        except ValueError as error:
            raise UserError(f"{error}.") from None
        return PolicyRunner(demonstrator, deterministic=False).act
    if name == "random":
        if not action_space.is_bounded():
            raise UserError(f"--policy random: actions of {env_id} have no bounds, which uniform actions need.")
        generator = np.random.default_rng(seed)
        return lambda obs, _: generator.uniform(action_space.low, action_space.high, (len(obs), *action_space.shape))
    if name in LEVELS:
        return PolicyRunner(load_expert(env_id, name)).act
    if not Path(name).is_dir():
        raise UserError(f"unknown policy {name!r}: pass demonstrator, expert, medium, random, or a run folder.")
    if (trained_on := read_config(Path(name))["env"]) != env_id:
        raise UserError(f"{name} was trained in {trained_on}, not in {env_id}.")
    return PolicyRunner(load_policy(name)).act


def noisy(act: Act, std: float, action_space: gym.spaces.Box, seed: int) -> Act:
    """Add Gaussian noise to actions, and keep them within bounds and in their type."""
    generator = np.random.default_rng(seed)

    def noisy_act(obs: Array, begins: Array) -> Array:
        action = act(obs, begins)
        action = action + std * generator.standard_normal(action.shape)
        return np.clip(action, action_space.low, action_space.high).astype(action_space.dtype)

    return noisy_act
