"""The configuration of a run: frozen dataclasses, whose field docstrings are the texts of `--help`."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Protocol, cast

import tyro

from prefgym.buffers.recorder import RecorderCfg
from prefgym.common.limits import Count, Envs, Number, Positive, Seed, Threads, check
from prefgym.sim.source import EnvCfg
from prefgym.sim.threads import usable_cpus
from prefgym.training.budget import Counts, ScheduleCfg
from prefgym.training.extension import Extension


class ActingSettings(Protocol):
    """Settings of every agent that acts while it learns."""

    @property
    def num_envs(self) -> int:
        """Return the number of environments that step together."""
        ...

    @property
    def num_steps(self) -> int:
        """Return the steps of each environment in a rollout."""
        ...


class SamplingSettings(Protocol):
    """Settings of every sampler."""

    @property
    def segment_length(self) -> int:
        """Return the length of a segment, in steps."""
        ...


@dataclass(frozen=True, kw_only=True)
class EvalCfg:
    """How the true return is measured."""

    every: Count = 100_000
    """Environment steps between two evaluations; the last policy is always evaluated."""
    episodes: Envs = 10
    """Episodes of each evaluation before the last."""
    final_episodes: Envs = 20
    """Episodes of the last evaluation, which is the result of the run."""
    max_episode_steps: Count | None = None
    """Steps after which an evaluated episode is cut; default: the limit that the environment declares, or else 1000."""
    at_sessions: bool = True
    """Whether the policy is evaluated before the first step as well, and at sessions at least a fifth of `every` after
    the last evaluation; in the first `every` steps, where most is learned, a twentieth."""
    keep: bool = False
    """Whether the policy of each evaluation is kept in `policies/`."""
    copies: bool = True
    """Whether further environments are made for evaluations, film and report. Without, for an environment that exists
    once, such as a robot in real time, the policy is not evaluated."""

    __post_init__ = check


@dataclass(frozen=True, kw_only=True)
class CheckpointCfg:
    """How often the state of a run is saved, so that `--resume` continues from it."""

    every: Count = 100_000
    """Environment steps between two checkpoints."""
    minutes: Positive = 10.0
    """Most minutes between two checkpoints."""
    keep_final: bool = True
    """Whether a finished run keeps its state, so that `--resume RUN --steps N` can give it more steps; a replay buffer
    and the recorded steps take most of its bytes."""

    __post_init__ = check


@dataclass(frozen=True, kw_only=True)
class WarpCfg:
    """Memory for contacts and constraints on a GPU, and compilation; default: the numbers of the task."""

    num_contacts: Count | None = None
    """Contacts per environment, on average."""
    num_constraints: Count | None = None
    """Constraints per environment."""
    compiled: bool | None = None
    """Whether torch compiles the formulas of observation and reward; default: on GPUs."""

    __post_init__ = check


@dataclass(frozen=True, kw_only=True)
class TrainCfg:
    """Train an agent on a reward that is learned from preferences.

    Raises:
        ValueError: If a number lies outside its limits.
    """

    env: str = "prefgym/HalfCheetah-v0"
    """Environment id, `module:EnvId`, or `module:function`: a function or class that makes one environment."""
    env_cfg: Annotated[EnvCfg, tyro.conf.arg(name="env")] = field(default_factory=EnvCfg)
    """Keyword arguments of the environment, and wrappers around it."""
    rater: str = "oracle"
    """Rater that answers the queries: a registered name or `module:Name`; `none` trains on the task reward."""
    agent: str = "ppo"
    """Agent that acts, and learns from the reward: a registered name or `module:Name`."""
    reward: str = "ensemble"
    """Reward learner that is fitted to the answers: a registered name or `module:Name`."""
    sampler: str = "disagreement"
    """Sampler that chooses the segments of each query: a registered name or `module:Name`."""
    preferences: Path | None = None
    """Folder of initial preferences, which `prefgym feedback export` wrote; they do not count against the budget."""
    budget: Count = 500
    """Most queries that are submitted to the rater."""
    budget_counts: Counts = "asked"
    """Whether skipped and failed queries count against the budget, or only answered ones."""
    steps: Count = 1_000_000
    """Environment steps."""
    seed: Seed = 0
    """Seed of every generator."""
    backend: Literal["cpu", "warp"] = "cpu"
    """Simulator of the environments: threads on the CPU, or MuJoCo Warp on `--device`, for thousands of them."""
    device: str = "cpu"
    """Torch device of the networks, such as `cpu` or `cuda`."""
    threads: Threads | None = None
    """Threads of simulation and networks; default: all cores."""
    out: Path | None = None
    """Run folder, which must not exist; default: a new one in `runs/`, named by task, rater and time."""
    report: bool = True
    """Whether the run writes its HTML report, as a page that renews itself while it goes on."""
    schedule: ScheduleCfg = field(default_factory=ScheduleCfg)
    """When sessions are held, and how large they are."""
    recorder: RecorderCfg = field(default_factory=RecorderCfg)
    """How much of the past is recorded."""
    warp: WarpCfg = field(default_factory=WarpCfg)
    """Memory of environments on a GPU."""
    checkpoint: CheckpointCfg = field(default_factory=CheckpointCfg)
    """How often the state to resume from is saved."""
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
    """Command line of the run; empty for a run from Python."""
    extensions: Annotated[tuple[Extension, ...], tyro.conf.Suppress] = ()
    """Extensions of the run by `--resume RUN --steps N`; `steps` and `budget` include them."""

    @property
    def acting(self) -> ActingSettings:
        """Return the settings of the agent, as every agent that acts has them."""
        return cast(ActingSettings, self.agent_cfg)

    @property
    def sampling(self) -> SamplingSettings:
        """Return the settings of the sampler, as every sampler has them."""
        return cast(SamplingSettings, self.sampler_cfg)

    @property
    def num_threads(self) -> int:
        """Return the number of threads."""
        return self.threads or usable_cpus()

    @property
    def title(self) -> str:
        """Return the name of the run, without the time."""
        return _file_name(self.env, self.rater)

    __post_init__ = check


@dataclass(frozen=True, kw_only=True)
class OfflineEvalCfg(EvalCfg):
    """How the true return is measured."""

    every: Count = 5000
    """Updates between two evaluations; the last policy is always evaluated."""


@dataclass(frozen=True, kw_only=True)
class OfflineCheckpointCfg(CheckpointCfg):
    """How often the state of a run is saved, so that `--resume` continues from it."""

    every: Count = 5000
    """Updates between two checkpoints."""


@dataclass(frozen=True, kw_only=True)
class OfflineCfg:
    """Train an agent on recorded preferences, demonstrations, or both.

    Raises:
        ValueError: If a number lies outside its limits.
    """

    agent: str = "cpl"
    """Offline agent: a registered name or `module:Name`."""
    preferences: Path | None = None
    """Folder of preferences, which `prefgym make-preferences` or `prefgym feedback export` wrote."""
    dataset: str | None = None
    """Id of a Minari dataset of demonstrations; default: the steps of the preferences."""
    datasets: Path | None = None
    """Folder of datasets; default: Minari's own."""
    env: str = ""
    """Environment that evaluates the policy; default: that of the preferences, or else of the dataset. `none` trains
    without one: sizes are those of the data."""
    env_cfg: Annotated[EnvCfg, tyro.conf.arg(name="env")] = field(default_factory=EnvCfg)
    """Keyword arguments of the environment, and wrappers around it."""
    action_low: tuple[Number, ...] = ()
    """Smallest action if there is no environment, one number for each of its parts, or one for all; default: the
    smallest that was recorded."""
    action_high: tuple[Number, ...] = ()
    """Largest action, likewise."""
    updates: Count = 10_000
    """Gradient steps."""
    seed: Seed = 0
    """Seed of every generator."""
    device: str = "cpu"
    """Torch device of the networks, such as `cpu` or `cuda`."""
    threads: Threads | None = None
    """Threads of simulation and networks; default: all cores."""
    out: Path | None = None
    """Run folder, which must not exist; default: a new one in `runs/`, named by task, agent and time."""
    checkpoint: OfflineCheckpointCfg = field(default_factory=OfflineCheckpointCfg)
    """How often the state to resume from is saved."""
    eval: OfflineEvalCfg = field(default_factory=OfflineEvalCfg)
    """How the true return is measured."""
    agent_cfg: Annotated[object, tyro.conf.arg(name="agent")] = None
    """Settings of the agent."""
    command: Annotated[tuple[str, ...], tyro.conf.Suppress] = ()
    """Command line of the run; empty for a run from Python."""
    extensions: Annotated[tuple[Extension, ...], tyro.conf.Suppress] = ()
    """Extensions of the run by `--resume RUN --updates N`; `updates` include them."""

    @property
    def num_threads(self) -> int:
        """Return the number of threads."""
        return self.threads or usable_cpus()

    @property
    def title(self) -> str:
        """Return the name of the run, without the time."""
        return _file_name(self.env, self.agent)

    __post_init__ = check


def _file_name(*names: str) -> str:
    """Join names into a valid name of a folder, without namespaces and modules.

    >>> _file_name("prefgym/Hopper-v0", "my_raters:Crouch")
    'Hopper-v0-Crouch'
    """
    last = (re.split(r"[/:]", name)[-1] for name in names)
    return "-".join(re.sub(r"[^\w.-]+", "", name) for name in last)
