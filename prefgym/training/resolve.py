"""Resolve the parts of a run: names, configurations, classes and objects become one configuration."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass, replace
from pathlib import Path
from types import FunctionType
from typing import cast

import gymnasium as gym

from prefgym.common.errors import UserError
from prefgym.common.names import did_you_mean
from prefgym.common.registry import Kind, NoSettings, registry_of
from prefgym.core.capabilities import Capability, capabilities_of
from prefgym.core.preferences import Preferences
from prefgym.core.protocols import Agent, Learner, Rater, Sampler
from prefgym.core.queries import Queries
from prefgym.data.feedback import read_manifest
from prefgym.data.minari import dataset_folder, played_in
from prefgym.evaluation.envs import NO_ENV
from prefgym.runs.config_file import check_call
from prefgym.sim.source import EnvSource
from prefgym.training.config import OfflineCfg, TrainCfg

PARTS: tuple[Kind, ...] = ("rater", "agent", "sampler", "reward")
"""Kinds of parts of an online run."""

NEEDED: dict[Kind, str] = {"agent": "num_envs", "sampler": "segment_length"}
"""The setting that a run reads of each agent and sampler."""

Answering = Callable[[Queries], Preferences]
"""A plain function, or an object with `__call__`, that answers queries at once."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Objects:
    """Parts that the caller passed as objects; they replace those that the configuration names."""

    rater: Rater | Answering | None = None
    """Rater, or a function that answers queries."""
    reward: Learner | None = None
    """Reward learner."""
    sampler: Sampler | None = None
    """Sampler of queries."""
    agent: Agent | None = None
    """Agent."""
    env: EnvSource | None = None
    """Builder of the environments."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Resolved:
    """A resolved part: its name and configuration, or the object itself."""

    name: str
    """Registered name, `module:Name`, or `Name()` of an object."""
    cfg: object
    """Configuration of the part."""
    part: object = None
    """The object, if the caller passed one."""


def resolve(kind: Kind, choice: object, env_id: str = "") -> Resolved:
    """Resolve a part from a name, a configuration, a class or an object.

    Args:
        kind: Kind of part.
        choice: A registered name or `module:Name`; a configuration; a class or function; or an object.
        env_id: Environment id, for defaults that were tuned for a task; a configuration is not changed.

    Raises:
        UserError: If a class cannot be imported by its name.
        UnknownNameError: If no part has this name or this type of configuration.
    """
    registry = registry_of(kind)
    if isinstance(choice, str):
        name = registry.canonical(choice)
        return Resolved(name=name, cfg=registry.cfg(name, env=env_id))
    if isinstance(choice, type | FunctionType) and _is_importable(choice):
        name = f"{choice.__module__}:{choice.__qualname__}"
        return Resolved(name=name, cfg=registry.cfg(name))
    if isinstance(choice, type):
        raise UserError(
            f"the {kind} {choice.__qualname__} cannot be imported from {choice.__module__}: pass an object."
        )
    if is_dataclass(choice) and not callable(choice):
        return Resolved(name=registry.name_of(choice), cfg=choice)
    named: type[object] | FunctionType = choice if isinstance(choice, FunctionType) else type(cast(object, choice))
    name = f"{named.__qualname__.rpartition('.')[2]}()"
    return Resolved(name=name, cfg=settings_of(kind, choice), part=cast(object, choice))


def settings_of(kind: Kind, part: object) -> object:
    """Return the settings of an object: `cfg` of agents and samplers, which a run reads; none of the other kinds."""
    return getattr(part, "cfg", NoSettings()) if kind in NEEDED else NoSettings()


def _is_importable(choice: type[object] | FunctionType) -> bool:
    """Return whether module and name lead to a class or function; those of a lambda do not."""
    return getattr(sys.modules.get(choice.__module__), choice.__qualname__, None) is choice


def resolve_train(cfg: TrainCfg, **choices: object) -> tuple[TrainCfg, Objects]:
    """Put the parts of a run into its configuration.

    Args:
        cfg: Configuration without its parts.
        **choices: Parts by kind: rater, agent, sampler, reward; and env, an `EnvSource` without an importable name.

    Returns:
        The resolved configuration, and the parts that are objects.

    Raises:
        UserError: If the environment is unknown, or the agent is an offline agent.
        UnknownNameError: If a part is unknown.
    """
    source = choices.get("env")
    assert source is None or isinstance(source, EnvSource)
    if source is None:
        check_env(EnvSource.of(cfg.env, cfg.env_cfg))
    found = {kind: resolve(kind, choices[kind], cfg.env) for kind in PARTS}
    agent = found["agent"]
    if agent.part is None and is_offline(agent.name):
        raise UserError(
            f"agent {agent.name!r} learns from recorded data, and does not act: train it with prefgym train-offline."
        )
    for kind, setting in NEEDED.items():
        if not hasattr(found[kind].cfg, setting):
            raise UserError(f"{kind} {found[kind].name!r} has no cfg.{setting}, which every {kind} needs.")
        if not is_dataclass(found[kind].cfg):
            name = type(found[kind].cfg).__name__
            raise UserError(f"cfg of the {kind} {found[kind].name!r} is of {name}, and must be a dataclass.")
    names = {kind: part.name for kind, part in found.items()}
    settings = {f"{kind}_cfg": part.cfg for kind, part in found.items()}
    ready = {kind: part.part for kind, part in found.items()} | {"env": source}
    return replace(cfg, **names, **settings), Objects(**ready)  # pyright: ignore[reportArgumentType] - kinds are fields


def resolve_offline(cfg: OfflineCfg, agent: object) -> OfflineCfg:
    """Put the agent, and the environment of the data, into the configuration of an offline run.

    Raises:
        UserError: If there are no data, their environment is unknown, or the agent is an online agent.
        UnknownNameError: If the agent is unknown.
    """
    name = resolve("agent", agent).name
    if not is_offline(name):
        raise UserError(f"agent {name!r} acts while it learns: train it with prefgym train.")
    if cfg.preferences is None and cfg.dataset is None:
        raise UserError("there is nothing to learn from: give --preferences FOLDER, --dataset ID, or both.")
    env = cfg.env or env_of_data(cfg.preferences, cfg.dataset, cfg.datasets)
    if not env:
        raise UserError(f"the dataset {cfg.dataset} does not name its environment: pass --env ID.")
    if env == NO_ENV:
        cfg = replace(cfg, eval=replace(cfg.eval, copies=False))
    else:
        try:
            check_env(EnvSource.of(env, cfg.env_cfg))
        except UserError as error:
            if cfg.env:
                raise
            raise UserError(f"{error}; --env none trains without an environment to evaluate in.") from error
    return replace(cfg, env=env, agent=name, agent_cfg=resolve("agent", agent, env).cfg)


def is_offline(agent: str) -> bool:
    """Return whether a registered agent learns from recorded data.

    Raises:
        UnknownNameError: If it is not registered.
    """
    return Capability.OFFLINE in capabilities_of(registry_of("agent").get(agent))


def env_of_data(preferences: Path | None, dataset: str | None, datasets: Path | None) -> str:
    """Return the environment id of preferences, or else of a dataset; empty if neither has one."""
    if preferences is not None:
        env, file = read_manifest(preferences)["env"], preferences
    elif dataset is not None:
        env, file = played_in(dataset, datasets), dataset_folder(dataset, datasets)
    else:
        return ""
    check_call(env, file)  # reading a file imports no module
    return env


def check_env(env: EnvSource | str) -> None:
    """Check that an environment and its wrappers exist.

    Raises:
        UserError: If the id is not registered, or a module has no such name.
    """
    source = EnvSource.of(env)
    try:
        source.check()
    except gym.error.Error:
        near = did_you_mean(source.name, list(gym.registry), "prefgym list envs shows ours")
        raise UserError(f"unknown environment {source.name!r}: {near}") from None
