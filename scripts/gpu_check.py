"""Check envs on a GPU: that they are right, how fast they are, and what is learned in them, in under eight minutes.

    python scripts/gpu_check.py                        # on the first CUDA device
    python scripts/gpu_check.py --only agreement speed
    python scripts/gpu_check.py --device cpu --tiny    # all of it, slowly, with sizes that say nothing about speed

Each number goes to `benchmarks/gpu/<device>.json` as soon as it is there, so that nothing is lost if the machine goes
away; the tables are printed from there.
"""

import json
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import gymnasium as gym
import numpy as np
import torch
import tyro
from gpu_report import report
from gpu_training import train_to, warm_up
from rich.console import Console
from scipy.stats import ks_2samp

import prefgym
from prefgym import agents, samplers
from prefgym.bench.agreement import agree
from prefgym.bench.stopwatch import Stopwatch
from prefgym.buffers.recorder import RecorderCfg
from prefgym.common.limits import Count, Share, check
from prefgym.envs import TASKS, VARIANTS, expert
from prefgym.sim.warp import WarpPool
from prefgym.testing import check_vector_env
from prefgym.training.api import train_cfg
from prefgym.training.budget import ScheduleCfg
from prefgym.training.config import CheckpointCfg, EvalCfg, TrainCfg, WarpCfg
from prefgym.training.envs import make_training_env

Part = Literal["agreement", "contract", "sync", "speed", "training", "distribution"]
PARTS: tuple[Part, ...] = ("sync", "training", "speed", "agreement", "contract", "distribution")
"""Those first of which least is known."""
ON_BOTH = {name: task for name, task in (TASKS | VARIANTS).items() if name not in ("Humanoid", "HumanoidStandup")}
"""The tasks that both back ends simulate."""


@dataclass(frozen=True, kw_only=True)
class TrainingCfg:
    """The training on a GPU: HalfCheetah from 1000 preferences."""

    num_envs: Count = 4096
    """Environments."""
    minibatch_size: Count = 8192
    """Steps of a gradient of PPO."""
    steps: Count = 40_000_000
    """Environment steps at most."""
    budget: Count = 1000
    """Queries."""
    segment_length: Count = 50
    """Steps of a segment."""
    first: Share = 0.016
    """Share of the training after which the first session is held."""
    eval: EvalCfg = field(default_factory=lambda: EvalCfg(every=2_000_000, at_sessions=False))
    """Evaluations, of which one ends the training when it reaches the goal."""

    __post_init__ = check


@dataclass(frozen=True, kw_only=True)
class GpuCheckCfg:
    """The checks and their sizes."""

    device: str = "cuda"
    """Device, as torch names it."""
    only: tuple[Part, ...] = PARTS
    """Parts to run; those in the file stay as they are."""
    tasks: tuple[str, ...] = tuple(ON_BOTH)
    """Tasks of which agreement is checked."""
    watched: tuple[tuple[str, str], ...] = (("Hopper", "ppo"), ("Ant", "ppo"), ("Reacher", "sac"))
    """Tasks and agents whose rollouts are watched for what waits for the device."""
    states: int = 1000
    """States from which a step is compared."""
    envs: tuple[int, ...] = (1024, 4096, 16384)
    """Numbers of environments whose speed is measured."""
    timed: tuple[str, ...] = ("HalfCheetah", "Hopper", "Walker2d", "Ant", "HumanoidNewton")
    """Tasks whose speed is measured."""
    steps: int = 50
    """Steps in each of five turns."""
    played: tuple[str, ...] = ("HalfCheetah", "Hopper", "Walker2d")
    """Tasks of which episodes are compared; their medium policies act."""
    episodes: int = 1000
    """Episodes on each back end."""
    episode_steps: int = 1000
    """Steps after which these end."""
    goal: float = 5000.0
    """True return at which the clock of the training stops."""
    train: TrainingCfg = field(default_factory=TrainingCfg)
    """The training."""
    compiled: bool | None = None
    """Whether torch compiles the formulas of observation and reward; default: on GPUs."""
    out: Path = Path("benchmarks/gpu")
    """Where the numbers are kept."""
    tiny: bool = False
    """Whether to use sizes for a CPU and a few minutes, which override the other flags."""


TINY = GpuCheckCfg(
    tasks=("HalfCheetah",), watched=(("HalfCheetah", "ppo"), ("HalfCheetah", "sac")),
    states=32, envs=(8,), timed=("HalfCheetah",), steps=4,
    played=("Hopper",), episodes=4, episode_steps=40,
    train=TrainingCfg(
        num_envs=8, minibatch_size=64, steps=1000, budget=20, segment_length=10, first=0.3,
        eval=EvalCfg(every=400, episodes=1, final_episodes=1),
    ),
)  # fmt: skip


def main(cfg: GpuCheckCfg) -> int:
    """Run the chosen parts, and print all known numbers; return how many fall short."""
    if cfg.tiny:
        cfg = replace(TINY, device=cfg.device, only=cfg.only, compiled=cfg.compiled, out=cfg.out, tiny=True)
    name = torch.cuda.get_device_name(cfg.device) if cfg.device.startswith("cuda") else "cpu"
    file = cfg.out / f"{name.replace(' ', '-')}{'-tiny' if cfg.tiny else ''}.json"
    results: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {}
    file.parent.mkdir(parents=True, exist_ok=True)
    where = machine(name)

    def keep(part: Part, started: float, found: dict[str, Any]) -> None:
        results[part] = {**found, "wall_time_s": time.perf_counter() - started, "machine": where}
        file.write_text(json.dumps(results, indent=2) + "\n")

    for part in cfg.only:
        started, found = time.perf_counter(), dict[str, Any]()
        try:
            for found in CHECKS[part](cfg):
                keep(part, started, found)
        except Exception as error:
            traceback.print_exc()  # the other parts are measured all the same, and this one counts as short
            keep(part, started, {**found, "failed": f"{type(error).__name__}: {error}"})
        Console().print(f"{part}: {results[part]['wall_time_s']:.0f} s", highlight=False)
    return report(results)


def machine(device: str) -> dict[str, Any]:
    """Return the machine and the versions of a measurement."""
    return {
        **{"device": device, "cpu": platform.processor() or platform.machine(), "cores": len(os.sched_getaffinity(0))},
        **{part: version(part) for part in ("mujoco", "mujoco-warp", "warp-lang", "torch")},
        "prefgym": prefgym.__version__,
        "date": datetime.now(UTC).date().isoformat(),
    }


# --- right? ----------------------------------------------------------------------------------------------------------


def agreement(cfg: GpuCheckCfg) -> Iterator[dict[str, Any]]:
    """Compare one step of both back ends, task by task: see `prefgym.bench.agreement`."""
    tasks: dict[str, Any] = {}
    for name in cfg.tasks:
        tasks[name] = agree(ON_BOTH[name], cfg.states, cfg.device)
        yield {"num_states": cfg.states, "tasks": tasks}


def contract(cfg: GpuCheckCfg) -> Iterator[dict[str, Any]]:
    """Run check_vector_env on the device; it raises if anything is wrong.

    On tasks without contacts, whose order on a GPU, and with it the last bits, differs from one time to the next.
    """
    check_vector_env(lambda: envs("Swimmer", 8, cfg, max_episode_steps=7), num_steps=20)
    check_vector_env(lambda: envs("InvertedPendulum", 8, cfg), num_steps=40)
    yield {"passed": True}


def distribution(cfg: GpuCheckCfg) -> Iterator[dict[str, Any]]:
    """Compare returns and lengths of episodes of the medium policies on both back ends."""
    tasks: dict[str, Any] = {}
    for name in cfg.played:
        tasks[name] = play_both(name, cfg)
        yield {"num_episodes": cfg.episodes, "tasks": tasks}


def play_both(name: str, cfg: GpuCheckCfg) -> dict[str, float]:
    """Let a policy play episodes on both back ends; Kolmogorov-Smirnov's p of returns and of lengths."""
    policy: Any = expert(f"prefgym/{name}-v0", "medium")
    limit = {"max_episode_steps": cfg.episode_steps}
    pair = arrays_of(name, cfg, **limit), envs(name, cfg.episodes, cfg, **limit)
    both = [play(policy, env, cfg.episodes) for env in pair]
    (returns, lengths), (other_returns, other_lengths) = both
    same: Any = ks_2samp
    return {
        "returns_p": float(same(returns, other_returns).pvalue),
        "lengths_p": float(same(lengths, other_lengths).pvalue),
        "cpu_mean": float(returns.mean()),
        "device_mean": float(other_returns.mean()),
    }


def arrays_of(name: str, cfg: GpuCheckCfg, **settings: Any) -> Any:  # noqa: ANN401
    """Make the environments of the CPU."""
    settings |= {"reward": "task", "autoreset_mode": "SameStep", "dtype": np.float32}
    return gym.make_vec(f"prefgym/{name}-v0", cfg.episodes, **settings)


def play(policy: Any, env: Any, episodes: int) -> tuple[Any, Any]:  # noqa: ANN401
    """Play one episode in each environment: returns and lengths."""
    obs, _ = env.reset(seed=0)
    returns, lengths, running = np.zeros(episodes), np.zeros(episodes), np.ones(episodes, np.bool_)
    draws = np.random.default_rng(0)
    while running.any():
        action, _ = policy.predict(host(obs), deterministic=True)
        noise = draws.normal(0, 0.1, action.shape)  # or episodes differ too little to have a distribution
        obs, reward, terminated, truncated, _ = env.step((action + noise).astype(np.float32))
        returns += host(reward) * running
        lengths += running
        running &= ~(host(terminated) | host(truncated))
    env.close()
    return returns, lengths


def host(values: Any) -> Any:  # noqa: ANN401
    """Bring a tensor to the host."""
    return values.cpu().numpy() if isinstance(values, torch.Tensor) else values


# --- fast? -----------------------------------------------------------------------------------------------------------


def envs(name: str, num: int, cfg: GpuCheckCfg, **settings: Any) -> Any:  # noqa: ANN401
    """Make environments on the device."""
    settings |= {"reward": "task", "backend": "warp", "device": cfg.device, "compiled": cfg.compiled}
    return gym.make_vec(f"prefgym/{name}-v0", num, **settings)


def waiter(cfg: GpuCheckCfg) -> Callable[[], None]:
    """Return what waits for the device."""
    return partial(torch.cuda.synchronize, cfg.device) if cfg.device.startswith("cuda") else lambda: None


def sync(cfg: GpuCheckCfg) -> Iterator[dict[str, Any]]:
    """Collect rollouts, guarded, recorded and all, while torch raises where anything waits for the device."""
    seen: list[str] = []
    for name, agent in cfg.watched:
        watch_rollout(name, agent, cfg)
        seen.append(f"{name}, {agent}")
        yield {"passed": seen, "watched": cfg.device.startswith("cuda")}


def watch_rollout(name: str, agent_name: str, cfg: GpuCheckCfg) -> None:
    """Collect one rollout of a task as a training does; torch raises where anything waits."""
    env_id, num_envs = f"prefgym/{name}-v0", 8 if cfg.tiny else 64
    config = train_cfg(
        env_id,
        agent=agents.cfg(agent_name, env=env_id, num_envs=num_envs, num_steps=32),
        backend="warp",
        device=cfg.device,
        warp=WarpCfg(compiled=cfg.compiled),
    )
    env: Any = make_training_env(config)
    agent: Any = agents.build(config.agent, config.agent_cfg, env=env, seed=0, device=cfg.device)
    agent.num_updates = 1  # or SAC draws at random
    env.reset(seed=0)
    agent.collect(env)  # compiles
    check, env.check = env.check, lambda: None  # what waits at the end of a rollout, and is allowed to
    if cfg.device.startswith("cuda"):
        torch.cuda.set_sync_debug_mode("error")
    try:
        agent.collect(env)
    finally:
        if cfg.device.startswith("cuda"):
            torch.cuda.set_sync_debug_mode("default")
    check()
    env.close()


def speed(cfg: GpuCheckCfg) -> Iterator[dict[str, Any]]:
    """Time whole steps of the environment in turns with bare stepping of the same model, and the CPU's pool."""
    rates: dict[str, dict[str, Any]] = {}
    for name in cfg.timed:
        arrays = arrays_of(name, replace(cfg, episodes=256))
        rates[name] = {"cpu": time_steps(arrays, cfg, lambda: None), "worlds": {}}
        arrays.close()
        for num in cfg.envs:
            rates[name]["worlds"][str(num)] = time_envs(name, num, cfg)
            yield {"tasks": rates}


def time_envs(name: str, num: int, cfg: GpuCheckCfg) -> dict[str, float]:
    """Time one task and number of environments: steps per second of both, and the median of the ratios of turns."""
    torch.compiler.reset()  # torch compiles one function eight times at most
    env, bare = envs(name, num, cfg), WarpPool((TASKS | VARIANTS)[name], num, cfg.device)
    env.reset(seed=0)
    wait = waiter(cfg)
    space, draws = env.single_action_space, torch.Generator(env.unwrapped.device).manual_seed(0)
    low, high = (torch.as_tensor(bound, device=env.unwrapped.device) for bound in (space.low, space.high))
    actions = low + (high - low) * torch.rand(cfg.steps, num, len(low), generator=draws, device=low.device)
    whole: list[float] = []
    alone: list[float] = []
    for _ in range(6):
        bare.restore(env.unwrapped.pool.snapshot())  # the same states for both
        for rates, step in ((whole, env.step), (alone, lambda action: (bare.set_ctrl(action), bare.step()))):
            wait()
            started = time.perf_counter()
            for action in actions:
                step(action)
            wait()
            rates.append(cfg.steps * num / (time.perf_counter() - started))
    env.unwrapped.check()
    ratio = np.median(np.array(whole[1:]) / np.array(alone[1:]))
    env.close()
    bare.close()
    return {"env": float(np.median(whole[1:])), "bare": float(np.median(alone[1:])), "ratio": float(ratio)}


def time_steps(env: Any, cfg: GpuCheckCfg, wait: Callable[[], None]) -> float:  # noqa: ANN401
    """Time steps of a vector environment with random actions: steps per second."""
    env.reset(seed=0)
    actions = [env.action_space.sample() for _ in range(cfg.steps)]
    rates: list[float] = []
    for _ in range(4):
        wait()
        started = time.perf_counter()
        for action in actions:
            env.step(action)
        wait()
        rates.append(cfg.steps * env.num_envs / (time.perf_counter() - started))
    return float(np.median(rates[1:]))


# --- learns? ---------------------------------------------------------------------------------------------------------


def training(cfg: GpuCheckCfg) -> Iterator[dict[str, Any]]:
    """Train HalfCheetah from preferences twice: once for the time to the goal, once for where time goes."""
    config = training_config(cfg)
    started = time.perf_counter()
    warm_up(config)
    fast = {"warm_up_s": time.perf_counter() - started} | train_to(cfg.goal, config)
    yield fast
    watch = Stopwatch(waiter(cfg))
    train_to(cfg.goal, config, watch)
    total = sum(watch.seconds.values())
    yield fast | {"shares": {part: seconds / total for part, seconds in watch.seconds.items()}}


def training_config(cfg: GpuCheckCfg) -> TrainCfg:
    """Return the configuration of the training."""
    env_id, train = "prefgym/HalfCheetah-v0", cfg.train
    ppo = agents.cfg(
        "ppo",
        env=env_id,
        num_envs=train.num_envs,
        num_steps=16,
        minibatch_size=train.minibatch_size,
        epochs=5,
        gamma=0.98,
        gae_lambda=0.92,
        hidden=(128, 128),
    )
    return train_cfg(
        env_id,
        agent=ppo,
        sampler=samplers.cfg("disagreement", segment_length=train.segment_length, recent_steps=1_000_000),
        budget=train.budget,
        steps=train.steps,
        backend="warp",
        device=cfg.device,
        report=False,
        warp=WarpCfg(compiled=cfg.compiled),
        schedule=ScheduleCfg(first=train.first),
        recorder=RecorderCfg(state=False, capacity_steps=2_000_000),
        checkpoint=CheckpointCfg(every=1_000_000_000),
        eval=train.eval,
    )


CHECKS: dict[Part, Callable[[GpuCheckCfg], Iterator[dict[str, Any]]]] = {
    "agreement": agreement,
    "contract": contract,
    "sync": sync,
    "speed": speed,
    "training": training,
    "distribution": distribution,
}


if __name__ == "__main__":
    sys.exit(main(tyro.cli(GpuCheckCfg, description=__doc__)) > 0)
