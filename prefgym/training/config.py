"""The configuration of a run, and how it is made from names, configurations and objects."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Protocol, cast

import tyro

from prefgym.buffers.recorder import RecorderCfg
from prefgym.common.limits import Count, Positive, Seed, Threads, check
from prefgym.sim.source import EnvCfg
from prefgym.sim.threads import usable_cpus
from prefgym.training.budget import Counts, ScheduleCfg


class ActingSettings(Protocol):
    """Settings that every agent has that acts while it learns."""

    @property
    def num_envs(self) -> int:
        """Return how many environments it acts in at once."""
        ...

    @property
    def num_steps(self) -> int:
        """Return how many steps of each environment a rollout has."""
        ...


class SamplingSettings(Protocol):
    """Settings that every sampler has."""

    @property
    def segment_length(self) -> int:
        """Return the length of a segment, in steps."""
        ...


@dataclass(frozen=True, kw_only=True)
class EvalCfg:
    """How the true return is measured."""

    every: Count = 100_000
    """Environment steps between two evaluations; the last policy is always evaluated."""
    episodes: Count = 10
    """Episodes of each evaluation on the way."""
    final_episodes: Count = 20
    """Episodes of the last one, which is the score."""
    keep: bool = False
    """Whether the policy of each evaluation is kept in `policies/`."""

    __post_init__ = check


@dataclass(frozen=True, kw_only=True)
class CheckpointCfg:
    """How often the state to resume from is saved, so that `--resume` can go on from there."""

    every: Count = 100_000
    """Environment steps between two checkpoints."""
    minutes: Positive = 10.0
    """Minutes after which there is one in any case."""

    __post_init__ = check


@dataclass(frozen=True, kw_only=True)
class WarpCfg:
    """How much room there is in environments on a GPU, and how they are made; tasks know how much they need."""

    num_contacts: Count | None = None
    """Contacts an environment may have on the average."""
    num_constraints: Count | None = None
    """Constraints each environment may have."""
    compiled: bool | None = None
    """Whether torch compiles the formulas of observation and reward; on GPUs unless said."""

    __post_init__ = check


@dataclass(frozen=True, kw_only=True)
class TrainCfg:
    """Train an agent on a reward that is learned from preferences.

    Raises:
        ValueError: If a number lies outside its limits.
    """

    env: str = "prefgym/HalfCheetah-v0"
    """Environment id, or `module:EnvId`, or `module:function` of a function or class that makes one environment."""
    env_cfg: Annotated[EnvCfg, tyro.conf.arg(name="env")] = field(default_factory=EnvCfg)
    """Keyword arguments of the environment, and wrappers around it."""
    rater: str = "oracle"
    """Who answers; `none` trains on the task reward."""
    agent: str = "ppo"
    """Who learns to act."""
    reward: str = "ensemble"
    """What is fitted to the answers."""
    sampler: str = "disagreement"
    """Which segments are asked about."""
    preferences: Path | None = None
    """Preferences to begin with, beside what the rater is asked: a folder that `prefgym feedback export` wrote."""
    budget: Count = 500
    """Queries that may be asked."""
    budget_counts: Counts = "asked"
    """Whether skipped and failed queries count against the budget, or only answered ones."""
    steps: Count = 1_000_000
    """Environment steps."""
    seed: Seed = 0
    """Seed of every generator."""
    backend: Literal["cpu", "warp"] = "cpu"
    """What simulates the environments: processors, or MuJoCo Warp on `--device`, for thousands of them."""
    device: str = "cpu"
    """Where networks are trained."""
    threads: Threads | None = None
    """Threads of simulation and networks; all cores unless said."""
    out: Path | None = None
    """Run folder, which must not exist; named by task, rater and time unless said."""
    report: bool = True
    """Whether the report is written at the end."""
    schedule: ScheduleCfg = field(default_factory=ScheduleCfg)
    """When questions are asked."""
    recorder: RecorderCfg = field(default_factory=RecorderCfg)
    """How much is recorded."""
    warp: WarpCfg = field(default_factory=WarpCfg)
    """How much room there is in environments on a GPU."""
    checkpoint: CheckpointCfg = field(default_factory=CheckpointCfg)
    """How a stopped run can go on."""
    eval: EvalCfg = field(default_factory=EvalCfg)
    """How the true return is measured."""
    rater_cfg: Annotated[object, tyro.conf.arg(name="rater")] = None
    """Settings of the rater."""
    agent_cfg: Annotated[object, tyro.conf.arg(name="agent")] = None
    """Settings of the agent."""
    sampler_cfg: Annotated[object, tyro.conf.arg(name="sampler")] = None
    """Settings of the sampler."""
    reward_cfg: Annotated[object, tyro.conf.arg(name="reward")] = None
    """Settings of the reward learner."""
    command: Annotated[tuple[str, ...], tyro.conf.Suppress] = ()
    """The command line that began the run, if one did."""

    @property
    def acting(self) -> ActingSettings:
        """Return what the settings of every agent have that acts while it learns."""
        return cast(ActingSettings, self.agent_cfg)

    @property
    def sampling(self) -> SamplingSettings:
        """Return what the settings of every sampler have."""
        return cast(SamplingSettings, self.sampler_cfg)

    @property
    def num_threads(self) -> int:
        """Return how many threads are used."""
        return self.threads or usable_cpus()

    @property
    def title(self) -> str:
        """Name the run, but for the time."""
        return _file_name(self.env, self.rater)

    __post_init__ = check


@dataclass(frozen=True, kw_only=True)
class OfflineEvalCfg(EvalCfg):
    """How the true return is measured."""

    every: Count = 5000
    """Updates between two evaluations; the last policy is always evaluated."""


@dataclass(frozen=True, kw_only=True)
class OfflineCheckpointCfg(CheckpointCfg):
    """How often the state to resume from is saved, so that `--resume` can go on from there."""

    every: Count = 5000
    """Updates between two checkpoints."""


@dataclass(frozen=True, kw_only=True)
class OfflineCfg:
    """Train an agent on what is recorded: preferences, demonstrations, or both.

    Raises:
        ValueError: If a number lies outside its limits.
    """

    agent: str = "cpl"
    """Who learns."""
    preferences: Path | None = None
    """What was asked and answered: a folder that `prefgym make-preferences` or `prefgym feedback export` wrote."""
    dataset: str | None = None
    """Id of a Minari dataset whose steps are learned from; those of the preferences unless said."""
    datasets: Path | None = None
    """Folder of datasets; Minari's own unless said."""
    env: str = ""
    """Environment in which the policy is evaluated; that of the preferences or of the dataset unless said."""
    env_cfg: Annotated[EnvCfg, tyro.conf.arg(name="env")] = field(default_factory=EnvCfg)
    """Keyword arguments of the environment, and wrappers around it."""
    updates: Count = 10_000
    """Gradient steps."""
    seed: Seed = 0
    """Seed of every generator."""
    device: str = "cpu"
    """Where networks are trained."""
    threads: Threads | None = None
    """Threads of simulation and networks; all cores unless said."""
    out: Path | None = None
    """Run folder, which must not exist; named by task, agent and time unless said."""
    checkpoint: OfflineCheckpointCfg = field(default_factory=OfflineCheckpointCfg)
    """How a stopped run can go on."""
    eval: OfflineEvalCfg = field(default_factory=OfflineEvalCfg)
    """How the true return is measured."""
    agent_cfg: Annotated[object, tyro.conf.arg(name="agent")] = None
    """Settings of the agent."""
    command: Annotated[tuple[str, ...], tyro.conf.Suppress] = ()
    """The command line that began the run, if one did."""

    @property
    def num_threads(self) -> int:
        """Return how many threads are used."""
        return self.threads or usable_cpus()

    @property
    def title(self) -> str:
        """Name the run, but for the time."""
        return _file_name(self.env, self.agent)

    __post_init__ = check


def _file_name(*names: str) -> str:
    """Join names to one that a folder can have: without what stands before a slash or a colon.

    >>> _file_name("prefgym/Hopper-v0", "my_raters:Crouch")
    'Hopper-v0-Crouch'
    """
    last = (re.split(r"[/:]", name)[-1] for name in names)
    return "-".join(re.sub(r"[^\w.-]+", "", name) for name in last)
