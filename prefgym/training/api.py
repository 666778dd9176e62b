"""The way in from Python: `prefgym.train` and `prefgym.train_offline`. The command line ends in the same calls."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, TypedDict, TypeVar, Unpack

from gymnasium.envs.registration import EnvSpec

from prefgym.buffers.recorder import RecorderCfg
from prefgym.common.errors import UserError
from prefgym.common.names import did_you_mean
from prefgym.sim.source import EnvCfg, EnvSource, MakeEnv
from prefgym.training.budget import Counts, ScheduleCfg
from prefgym.training.callbacks import Callback
from prefgym.training.config import CheckpointCfg, EvalCfg, OfflineCfg, TrainCfg, WarpCfg
from prefgym.training.resolve import Objects, resolve_offline, resolve_train
from prefgym.training.run import Run, run_offline, run_training

Cfg = TypeVar("Cfg", TrainCfg, OfflineCfg)


class TrainSettings(TypedDict, total=False):
    """What `prefgym.train` takes beside the parts: fields of `TrainCfg`, whose docstrings say what they are."""

    env_cfg: EnvCfg
    preferences: Path | str | None
    budget: int
    budget_counts: Counts
    steps: int
    seed: int
    backend: Literal["cpu", "warp"]
    device: str
    threads: int | None
    out: Path | str | None
    report: bool
    schedule: ScheduleCfg
    recorder: RecorderCfg
    warp: WarpCfg
    checkpoint: CheckpointCfg
    eval: EvalCfg


class OfflineSettings(TypedDict, total=False):
    """What `prefgym.train_offline` takes beside the agent: fields of `OfflineCfg`."""

    env_cfg: EnvCfg
    preferences: Path | str | None
    dataset: str | None
    datasets: Path | str | None
    updates: int
    seed: int
    device: str
    threads: int | None
    out: Path | str | None
    checkpoint: CheckpointCfg
    eval: EvalCfg


def train(
    env: str | EnvSpec | MakeEnv = TrainCfg.env,
    *,
    rater: object = TrainCfg.rater,
    reward: object = TrainCfg.reward,
    sampler: object = TrainCfg.sampler,
    agent: object = TrainCfg.agent,
    callbacks: Sequence[Callback] = (),
    **settings: Unpack[TrainSettings],
) -> Run:
    """Train an agent on a reward that is learned from preferences, and keep everything in a run folder.

    Each part is a name (registered, or `module:Name`), a configuration (`prefgym.agents.cfg("ppo", gamma=0.99)`), a
    class, or an object.

    Args:
        env: Environment id, `module:EnvId`, `module:function`, an `EnvSpec`, or a function that makes one environment.
        rater: Answers queries; a plain function from `Queries` to `Preferences` will do.
        reward: Is fitted to the answers.
        sampler: Chooses segments to ask about.
        agent: Learns to act.
        callbacks: Called at each step, session and evaluation (`prefgym.Callback`).
        **settings: Fields of `TrainCfg`: `budget`, `steps`, `seed`, `out` and so on.

    Returns:
        The run; after Ctrl-C, with what was learned so far.

    Raises:
        UserError: If the parts do not fit, the environment is unknown, or a part gave what is not finite.
        UnknownNameError: If there is no such part.
    """
    return run_training(*_resolved(env, rater, reward, sampler, agent, settings), callbacks=callbacks)


def train_cfg(
    env: str | EnvSpec | MakeEnv = TrainCfg.env,
    *,
    rater: object = TrainCfg.rater,
    reward: object = TrainCfg.reward,
    sampler: object = TrainCfg.sampler,
    agent: object = TrainCfg.agent,
    **settings: Unpack[TrainSettings],
) -> TrainCfg:
    """Return the resolved configuration that `train` would run; parts are names, configurations or classes.

    Raises:
        UserError: If a part is an object, which no configuration holds, or the environment is unknown.
        UnknownNameError: If there is no such part.
    """
    cfg, objects = _resolved(env, rater, reward, sampler, agent, settings)
    if given := [kind for kind, part in vars(objects).items() if part is not None]:
        raise UserError(
            f"a configuration holds no objects: give {' and '.join(given)} by name, configuration or class."
        )
    return cfg


def train_offline(
    *,
    agent: object = OfflineCfg.agent,
    env: str = "",
    callbacks: Sequence[Callback] = (),
    **settings: Unpack[OfflineSettings],
) -> Run:
    """Train an agent on recorded preferences, demonstrations, or both, and keep everything in a run folder.

    Args:
        agent: Learns: a name, a configuration or a class.
        env: Environment id in which the policy is evaluated; that of the data unless said.
        callbacks: Called at each step, session and evaluation (`prefgym.Callback`).
        **settings: Fields of `OfflineCfg`: `preferences`, `dataset`, `updates`, `seed`, `out` and so on.

    Returns:
        The run; after Ctrl-C, with what was learned so far.

    Raises:
        UserError: If there are no data, they are damaged, or the agent cannot learn from them.
        UnknownNameError: If there is no such agent.
    """
    return run_offline(offline_cfg(agent=agent, env=env, **settings), callbacks=callbacks)


def offline_cfg(*, agent: object = OfflineCfg.agent, env: str = "", **settings: Unpack[OfflineSettings]) -> OfflineCfg:
    """Return the resolved configuration that `train_offline` would run.

    Raises:
        UserError: If there are no data, or they do not say their environment.
        UnknownNameError: If there is no such agent.
    """
    return resolve_offline(_with_settings(OfflineCfg, {**settings, "env": env}), agent)


def _resolved(
    env: str | EnvSpec | MakeEnv, rater: object, reward: object, sampler: object, agent: object, settings: TrainSettings
) -> tuple[TrainCfg, Objects]:
    source = EnvSource.of(env, settings.get("env_cfg"))
    cfg = _with_settings(TrainCfg, {**settings, "env": source.name, "env_cfg": source.cfg})
    given = None if source.is_named else source
    return resolve_train(cfg, rater=rater, reward=reward, sampler=sampler, agent=agent, env=given)


def _with_settings(cfg: type[Cfg], settings: dict[str, Any]) -> Cfg:
    """Make a configuration; paths may be text.

    Raises:
        UserError: If a setting is unknown, or outside its limits.
    """
    known = [field.name for field in fields(cfg)]
    for name, value in settings.items():
        if name not in known:
            raise UserError(f"there is no setting {name!r}: {did_you_mean(name, known)}")
        if name in ("preferences", "datasets", "out") and isinstance(value, str):
            settings[name] = Path(value)
    try:
        return cfg(**settings)
    except ValueError as error:
        raise UserError(f"{error}.") from error
