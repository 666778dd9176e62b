"""`prefgym bench sim`: speed of environment steps, against bare MuJoCo steps and against EnvPool."""

import importlib
import importlib.util
import statistics
import time
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from prefgym.common.limits import Envs, Few, Seed, Threads, check
from prefgym.sim.cpu import batch, load_model
from prefgym.sim.vector_env import PoolVectorEnv
from prefgym.wrappers.preference import PreferenceVectorEnv

Actions = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class BenchSimCfg:
    """Time environment steps under random actions, all arms in turn, 20 steps each."""

    tasks: tuple[str, ...] = ("HalfCheetah", "Hopper", "Walker2d", "Ant", "Humanoid")
    """Tasks, without `prefgym/` and version."""
    num_envs: Envs = 64
    """Environments that step together."""
    threads: Threads = 2
    """Threads that step them."""
    rounds: Few = 60
    """Times that every arm takes its 20 steps; medians over rounds are printed."""
    envpool: bool = True
    """Whether EnvPool is measured, if it is installed."""
    seed: Seed = 0
    """Seed of initial states and actions."""

    def __post_init__(self) -> None:
        check(self)
        if not self.tasks:
            raise ValueError("there are no tasks to measure")

    @property
    def envs(self) -> tuple[str, ...]:
        """Return the ids of the tasks."""
        return tuple(f"prefgym/{task}-v0" for task in self.tasks)


STEPS_PER_ROUND = 20
WARM_UP_ROUNDS = 3


class Arm(Protocol):
    """An arm of the comparison, which takes timed steps."""

    def prepare(self) -> None:
        """Prepare a round; not timed."""
        ...

    def run(self, actions: list[Actions]) -> None:
        """Take a step with each of the actions; timed."""
        ...

    def steps(self) -> int:
        """Count the environment steps of the last round, over all worlds."""
        ...


class EnvArm:
    """Whole steps of our environment, autoresets included, with or without recording."""

    def __init__(self, task: str, cfg: BenchSimCfg, *, recording: bool) -> None:
        base = gym.make_vec(
            f"prefgym/{task}-v0",
            cfg.num_envs,
            reward="task",
            num_threads=cfg.threads,
            autoreset_mode="SameStep",
            dtype=np.float32,
        ).unwrapped
        assert isinstance(base, PoolVectorEnv)
        self.base = base
        self._env = PreferenceVectorEnv(self.base) if recording else self.base
        self._env.reset(seed=cfg.seed)

    def prepare(self) -> None:
        """Do nothing: episodes continue."""

    def run(self, actions: list[Actions]) -> None:
        """Step; environments whose episode ends are reset within the step."""
        for action in actions:
            self._env.step(action)

    def steps(self) -> int:
        """Return the steps of all environments, since every one takes every step."""
        return STEPS_PER_ROUND * self.base.num_envs


class BareArm:
    """`mujoco.batch.Batch.step` with the same model and controls, from the states that the other arm had."""

    def __init__(self, other: EnvArm, cfg: BenchSimCfg) -> None:
        self._other, self._task = other.base, other.base.task
        self._batch = batch.Batch(load_model(self._task), cfg.num_envs, cfg.threads)
        self._ctrl = self._batch.bind("ctrl")

    def prepare(self) -> None:
        """Copy the states in which the other arm begins its round."""
        self._batch.state[:] = self._other.snapshot().arrays["state"]

    def run(self, actions: list[Actions]) -> None:
        """Step the physics, and nothing else."""
        for action in actions:
            self._ctrl[:] = action
            self._batch.step(nstep=self._task.frame_skip)

    def steps(self) -> int:
        """Return the steps of all environments, since every one takes every step."""
        return STEPS_PER_ROUND * self._other.num_envs


class EnvPoolArm:
    """Whole steps of EnvPool; the calls that reset an environment are not counted as its steps."""

    def __init__(self, task: str, cfg: BenchSimCfg) -> None:
        envpool: Any = importlib.import_module("envpool")  # which has no types
        make = envpool.make_gymnasium
        self._env = make(f"{task}-v5", num_envs=cfg.num_envs, num_threads=cfg.threads, seed=cfg.seed)
        self._env.reset()
        self._dtype = self._env.action_space.dtype
        self._ended = np.zeros(cfg.num_envs, np.bool_)
        self._num_steps = 0

    def prepare(self) -> None:
        """Do nothing: episodes continue."""

    def run(self, actions: list[Actions]) -> None:
        """Step; environments whose episode ended are reset instead."""
        self._num_steps = 0
        for action in actions:
            _, _, terminated, truncated, _ = self._env.step(action.astype(self._dtype))
            self._num_steps += int((~self._ended).sum())
            self._ended = terminated | truncated

    def steps(self) -> int:
        """Count the calls that were steps."""
        return self._num_steps


def run_bench_sim(cfg: BenchSimCfg) -> dict[str, dict[str, float]]:
    """Print, and return by task and arm, environment steps per second; see `time_task`."""
    with_envpool = cfg.envpool and importlib.util.find_spec("envpool") is not None
    console, rates = Console(), dict[str, dict[str, float]]()
    title = f"{cfg.num_envs} environments, {cfg.threads} threads, random actions, MuJoCo {version('mujoco')}"
    caption = "steps/s, medians; ratios: env / bare Batch.step, recording / bare Batch.step, env / EnvPool"
    table = Table(title=title + (f", EnvPool {version('envpool')}" if with_envpool else ""), caption=caption)
    table.add_column("task")
    for column in ("bare", "env", "ratio", "recording", "ratio", "EnvPool", "ratio"):
        table.add_column(column, justify="right")
    for task in cfg.tasks:
        with console.status(f"timing {task}"):
            rates[task] = row = time_task(task, cfg, with_envpool)
        table.add_row(
            task,
            f"{row['bare']:,.0f}",
            f"{row['env']:,.0f}",
            f"{row['env/bare']:.2f}",
            f"{row['recording']:,.0f}",
            f"{row['recording/bare']:.2f}",
            f"{row['envpool']:,.0f}" if with_envpool else "none",
            f"{row['env/envpool']:.2f}" if with_envpool else "",
        )
    console.print(table)
    return rates


def time_task(task: str, cfg: BenchSimCfg, with_envpool: bool) -> dict[str, float]:
    """Time all arms of one task in turn.

    Returns:
        Medians over rounds: steps per second of each arm, and ratios `a/b`, taken within rounds.
    """
    env = EnvArm(task, cfg, recording=False)
    arms: dict[str, Arm] = {"bare": BareArm(env, cfg), "env": env, "recording": EnvArm(task, cfg, recording=True)}
    if with_envpool:
        arms["envpool"] = EnvPoolArm(task, cfg)
    space = env.base.action_space
    space.seed(cfg.seed)
    rates: dict[str, list[float]] = {name: [] for name in arms}
    for number in range(WARM_UP_ROUNDS + cfg.rounds):
        actions = [space.sample() for _ in range(STEPS_PER_ROUND)]
        for name, arm in arms.items():
            arm.prepare()
            started = time.perf_counter()
            arm.run(actions)
            seconds = time.perf_counter() - started
            if number >= WARM_UP_ROUNDS:
                rates[name].append(arm.steps() / seconds)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for a, b in (("env", "bare"), ("recording", "bare"), ("env", "envpool")):
        if a in rates and b in rates:
            medians[f"{a}/{b}"] = statistics.median(x / y for x, y in zip(rates[a], rates[b], strict=True))
    return medians
