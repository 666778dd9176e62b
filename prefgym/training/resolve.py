"""From what people name to a resolved configuration: each part by name, by configuration or as an object."""

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
from prefgym.runs.config_file import check_call
from prefgym.sim.source import EnvSource
from prefgym.training.config import OfflineCfg, TrainCfg

PARTS: tuple[Kind, ...] = ("rater", "agent", "sampler", "reward")
"""The kinds of parts of a run that acts."""

NEEDED: dict[Kind, str] = {"agent": "num_envs", "sampler": "segment_length"}
"""The setting that a run reads of each agent and sampler."""

Answering = Callable[[Queries], Preferences]
"""A plain function, or an object with `__call__`, that answers queries at once."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Objects:
    """Parts that were handed over ready-made, in the place of those that the configuration names."""

    rater: Rater | Answering | None = None
    """Answers queries."""
    reward: Learner | None = None
    """Is fitted to the answers."""
    sampler: Sampler | None = None
    """Chooses segments to ask about."""
    agent: Agent | None = None
    """Acts and learns."""
    env: EnvSource | None = None
    """Makes the environments."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Resolved:
    """What one part was resolved to."""

    name: str
    """As registered, `module:Name`, or `Name()` of an object."""
    cfg: object
    """Its configuration."""
    part: object = None
    """The part itself, if it was handed over."""


def resolve(kind: Kind, choice: object, env_id: str = "") -> Resolved:
    """Resolve a part that was named, configured or handed over.

    Args:
        kind: Kind of part.
        choice: A registered name or `module:Name`; a configuration; a class or function; or an object.
        env_id: Environment id, for settings that were tuned for a task; those of a configuration stay as they are.

    Raises:
        UnknownNameError: If the name or the configuration belongs to no part.
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
            f"the {kind} {choice.__qualname__} cannot be imported from {choice.__module__}: give an object."
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
    """Return whether a class or function can be found again by its module and name; a lambda cannot."""
    return getattr(sys.modules.get(choice.__module__), choice.__qualname__, None) is choice


def resolve_train(cfg: TrainCfg, **choices: object) -> tuple[TrainCfg, Objects]:
    """Put the parts of a run into its configuration.

    Args:
        cfg: Everything else, `env` among it.
        **choices: The parts by kind: rater, agent, sampler, reward; and env, if its name does not lead to it.

    Raises:
        UserError: If the environment is unknown, or the agent learns offline.
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
            f"agent {agent.name!r} learns from recorded data, and does not act: prefgym train-offline trains it."
        )
    for kind, setting in NEEDED.items():
        if not hasattr(found[kind].cfg, setting):
            raise UserError(f"{kind} {found[kind].name!r} has no cfg.{setting}, which every {kind} needs.")
    names = {kind: part.name for kind, part in found.items()}
    settings = {f"{kind}_cfg": part.cfg for kind, part in found.items()}
    ready = {kind: part.part for kind, part in found.items()} | {"env": source}
    return replace(cfg, **names, **settings), Objects(**ready)  # pyright: ignore[reportArgumentType] - kinds are fields


def resolve_offline(cfg: OfflineCfg, agent: object) -> OfflineCfg:
    """Put the agent into the configuration of an offline run, and the environment that its data are of.

    Raises:
        UserError: If there are no data, they do not say their environment, it is unknown, or the agent acts.
        UnknownNameError: If the agent is unknown.
    """
    name = resolve("agent", agent).name
    if not is_offline(name):
        raise UserError(f"agent {name!r} acts while it learns: prefgym train trains it.")
    if cfg.preferences is None and cfg.dataset is None:
        raise UserError("there is nothing to learn from: give --preferences FOLDER, --dataset ID, or both.")
    env = cfg.env or env_of_data(cfg.preferences, cfg.dataset, cfg.datasets)
    if not env:
        raise UserError(f"the dataset {cfg.dataset} does not say what it was played in: say so with --env.")
    check_env(EnvSource.of(env, cfg.env_cfg))
    return replace(cfg, env=env, agent=name, agent_cfg=resolve("agent", agent, env).cfg)


def is_offline(agent: str) -> bool:
    """Return whether a registered agent learns from recorded data.

    Raises:
        UnknownNameError: If it is not registered.
    """
    return Capability.OFFLINE in capabilities_of(registry_of("agent").get(agent))


def env_of_data(preferences: Path | None, dataset: str | None, datasets: Path | None) -> str:
    """Return the id of the environment that preferences, or else a dataset, are of; empty if neither says it."""
    if preferences is not None:
        env, file = read_manifest(preferences)["env"], preferences
    elif dataset is not None:
        env, file = played_in(dataset, datasets), dataset_folder(dataset, datasets)
    else:
        return ""
    check_call(env, file)  # reading a file imports no module
    return env


def check_env(env: EnvSource | str) -> None:
    """Look an environment up, and its wrappers.

    Raises:
        UserError: If it is not registered, or a module lacks a name.
    """
    source = EnvSource.of(env)
    try:
        source.check()
    except gym.error.Error:
        near = did_you_mean(source.name, list(gym.registry), "prefgym list envs shows ours")
        raise UserError(f"unknown environment {source.name!r}: {near}") from None
