"""The Python interface: `prefgym.train` and `prefgym.train_offline`, which the command line calls too."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, TypedDict, TypeVar, Unpack, overload

from gymnasium.envs.registration import EnvSpec

from prefgym.buffers.recorder import RecorderCfg
from prefgym.common.errors import UserError
from prefgym.common.names import did_you_mean
from prefgym.runs.seeds import parse_seeds
from prefgym.sim.source import EnvCfg, EnvSource, MakeEnv
from prefgym.training.budget import Counts, ScheduleCfg
from prefgym.training.callbacks import Callback
from prefgym.training.config import CheckpointCfg, EvalCfg, OfflineCfg, TrainCfg, WarpCfg
from prefgym.training.resolve import Objects, resolve_offline, resolve_train
from prefgym.training.run import Run, run_offline, run_training
from prefgym.training.seeds import Parts, train_seeds

Cfg = TypeVar("Cfg", TrainCfg, OfflineCfg)


class TrainSettings(TypedDict, total=False):
    """Keyword arguments of `prefgym.train` beside the parts: the fields of `TrainCfg`, which documents them."""

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
    """Keyword arguments of `prefgym.train_offline` beside the agent: the fields of `OfflineCfg`."""

    env_cfg: EnvCfg
    preferences: Path | str | None
    dataset: str | None
    datasets: Path | str | None
    action_low: tuple[float, ...]
    action_high: tuple[float, ...]
    updates: int
    seed: int
    device: str
    threads: int | None
    out: Path | str | None
    checkpoint: CheckpointCfg
    eval: EvalCfg


@overload
def train(
    env: str | EnvSpec | MakeEnv = ...,
    *,
    rater: object = ...,
    reward: object = ...,
    sampler: object = ...,
    agent: object = ...,
    callbacks: Sequence[Callback] = ...,
    seeds: None = None,
    jobs: int = 0,
    **settings: Unpack[TrainSettings],
) -> Run: ...


@overload
def train(
    env: str | EnvSpec | MakeEnv = ...,
    *,
    rater: object = ...,
    reward: object = ...,
    sampler: object = ...,
    agent: object = ...,
    callbacks: Sequence[Callback] = ...,
    seeds: str | Iterable[int],
    jobs: int = 0,
    **settings: Unpack[TrainSettings],
) -> list[Run]: ...


def train(
    env: str | EnvSpec | MakeEnv = TrainCfg.env,
    *,
    rater: object = TrainCfg.rater,
    reward: object = TrainCfg.reward,
    sampler: object = TrainCfg.sampler,
    agent: object = TrainCfg.agent,
    callbacks: Sequence[Callback] = (),
    seeds: str | Iterable[int] | None = None,
    jobs: int = 0,
    **settings: Unpack[TrainSettings],
) -> Run | list[Run]:
    """Train an agent on a reward that is learned from preferences, and write a run folder.

    A part is one of:

    - a registered name, such as `"ppo"`, or `"module:Name"`,
    - a configuration, such as `prefgym.agents.cfg("ppo", gamma=0.99)`,
    - a class,
    - an object.

    Args:
        env: Environment id, `module:EnvId`, `module:function`, an `EnvSpec`, or a function that makes one environment.
        rater: Part that answers queries; a function from `Queries` to `Preferences` is a rater too. `"none"` trains on
            the task reward.
        reward: Reward learner, which is fitted to the answers.
        sampler: Part that chooses the segments of each query.
        agent: Part that acts, and learns from the learned reward.
        callbacks: Hooks for each advance, session and evaluation; see `prefgym.Callback`.
        seeds: Several seeds, such as `range(6)` or `"0-5"`, each a run in the folder `out`; the same call goes on with
            seeds that were stopped or are missing.
        jobs: Of several seeds, processes at the same time; 0 trains one seed after the other in this process.
        **settings: Fields of `TrainCfg`: `budget`, `steps`, `seed`, `out` and so on.

    Returns:
        The run, with its result, policy, reward, preferences and metrics; after Ctrl-C, with those learned so far.
        Of several seeds, a list of them.

    Raises:
        UserError: If the environment is unknown, the parts do not fit each other, or a part returns NaN or infinity;
            of several seeds, after the others have ended.
        UnknownNameError: If a part is not registered.
    """
    if seeds is None:
        if jobs:
            raise UserError("jobs= trains several seeds side by side: pass seeds= with it.")
        return run_training(*_resolved(env, rater, reward, sampler, agent, settings), callbacks=callbacks)
    if "seed" in settings:
        raise UserError("seed= and seeds= name seeds: pass one of them.")
    cfg, objects = _resolved(env, rater, reward, sampler, agent, settings)
    return train_seeds(cfg, parse_seeds(seeds), jobs=jobs, parts=Parts(objects=objects, callbacks=callbacks))


def train_cfg(
    env: str | EnvSpec | MakeEnv = TrainCfg.env,
    *,
    rater: object = TrainCfg.rater,
    reward: object = TrainCfg.reward,
    sampler: object = TrainCfg.sampler,
    agent: object = TrainCfg.agent,
    **settings: Unpack[TrainSettings],
) -> TrainCfg:
    """Return the resolved configuration of `train` with the same arguments, without training.

    Parts are names, configurations or classes, since a configuration cannot hold objects.

    Raises:
        UserError: If a part is an object, or the environment is unknown.
        UnknownNameError: If a part is not registered.
    """
    cfg, objects = _resolved(env, rater, reward, sampler, agent, settings)
    if given := [kind for kind, part in vars(objects).items() if part is not None]:
        raise UserError(
            f"a configuration cannot hold objects: pass {' and '.join(given)} as a name, a configuration or a class."
        )
    return cfg


def train_offline(
    *,
    agent: object = OfflineCfg.agent,
    env: str = "",
    callbacks: Sequence[Callback] = (),
    **settings: Unpack[OfflineSettings],
) -> Run:
    """Train an agent on recorded preferences, demonstrations, or both, and write a run folder.

    Args:
        agent: Offline agent: a name, a configuration or a class.
        env: Id of the environment that evaluates the policy; default: the environment of the data. `"none"` trains
            without one.
        callbacks: Hooks for each advance, session and evaluation; see `prefgym.Callback`.
        **settings: Fields of `OfflineCfg`: `preferences`, `dataset`, `updates`, `seed`, `out` and so on.

    Returns:
        The run, with its result, policy and metrics; after Ctrl-C, with those learned so far.

    Raises:
        UserError: If there are no data, a file of them is damaged, or the agent cannot learn from them.
        UnknownNameError: If the agent is not registered.
    """
    return run_offline(offline_cfg(agent=agent, env=env, **settings), callbacks=callbacks)


def offline_cfg(*, agent: object = OfflineCfg.agent, env: str = "", **settings: Unpack[OfflineSettings]) -> OfflineCfg:
    """Return the resolved configuration of `train_offline` with the same arguments, without training.

    Raises:
        UserError: If there are no data, or they do not name their environment and `env` is empty.
        UnknownNameError: If the agent is not registered.
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
    """Make a configuration from keyword arguments; paths may be text.

    Raises:
        UserError: If a setting is unknown, or lies outside its limits.
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
