"""Environments for the evaluation of policies, and those of a run folder."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from gymnasium.vector import VectorEnv

from prefgym.common.errors import DamageError, UserError
from prefgym.runs.config_file import read_config
from prefgym.sim.source import DEFAULT_LIMIT, EnvCfg, EnvSource


def make_evaluation_env(
    env: EnvSource | str,
    num_envs: int,
    num_threads: int,
    *,
    render_mode: str | None = None,
    dtype: npt.DTypeLike = np.float32,
) -> VectorEnv[Any, Any, Any]:
    """Make environments that return the task reward, or the metric of a task without one, seeded as Gymnasium's own.

    Args:
        env: Builder of the environments, or a name.
        num_envs: Number of environments.
        num_threads: Threads of environments that prefgym simulates.
        render_mode: Render mode of `gym.make`.
        dtype: Type of observations of environments that prefgym simulates; others have their own.

    Raises:
        gymnasium.error.DependencyNotInstalled: If a package is missing.
        UserError: If the environments cannot be made for another reason.
    """
    return EnvSource.of(env).make_vec(
        num_envs, reward="metric", seeding="parity", num_threads=num_threads, dtype=dtype, render_mode=render_mode
    )


def say_limit(source: EnvSource, max_episode_steps: int | None, flag: str) -> None:
    """Say after how many steps episodes are cut, if the environment declares no limit and nobody has set one.

    Args:
        source: Builder of the environments.
        max_episode_steps: The limit that somebody has set.
        flag: The flag that sets it.
    """
    if max_episode_steps is None and source.max_episode_steps is None:
        cut = f"an episode that is evaluated is cut after {DEFAULT_LIMIT} steps, or after {flag} N"
        print(f"{source.name} declares no limit of steps: {cut}", file=sys.stderr)


NO_ENV = "none"
"""The name of the environment of an offline run that has none."""


def is_evaluated(config: Mapping[str, Any]) -> bool:
    """Return whether environments may be made for the policy of a run, by its configuration."""
    settings: object = config.get("eval")
    copies = cast("Mapping[str, object]", settings).get("copies", True) if isinstance(settings, Mapping) else True
    return bool(copies) and config.get("env") != NO_ENV


def source_of_run(run: Path) -> EnvSource:
    """Return the builder of the environments of a run, by its `config.yaml`.

    Raises:
        UserError: If `run` is no run folder, its configuration is damaged, or it needs a module that the
            user has not imported.
    """
    return source_of_config(read_config(run), run)


def source_of_config(config: Mapping[str, Any], run: Path) -> EnvSource:
    """Return the builder of the environments of a configuration.

    Raises:
        UserError: If the configuration is damaged, or the run has no environment.
    """
    if config.get("env") == NO_ENV:
        raise UserError(f"{run} was trained without an environment: its policy cannot be evaluated or filmed.")
    try:
        return EnvSource.of(config["env"], EnvCfg.from_json(config.get("env_cfg")))
    except ValueError as error:
        raise DamageError(f"{run / 'config.yaml'} is damaged: {error}.") from error
