"""Compare our SAC with Stable-Baselines3's: updates per second in turns, and returns over seeds.

Both have SB3's defaults: 2x256, batches of 256, a learning rate of 3e-4, one update a step. SB3 steps one environment,
ours `num_envs` environments, so that updates follow in blocks.

    python scripts/compare_sac_sb3.py --rounds 5                      # speed
    python scripts/compare_sac_sb3.py --steps 50_000 --seeds 0 1 2    # returns as well
"""

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from multiprocessing import get_context
from typing import Any

import gymnasium as gym
import numpy as np
import stable_baselines3
import torch
import tyro
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.logger import Logger

from prefgym import agents
from prefgym.common.limits import Count, Natural, check
from prefgym.evaluation.envs import make_evaluation_env
from prefgym.evaluation.evaluate import evaluate


@dataclass(frozen=True, kw_only=True)
class CompareSACCfg:
    """Sizes of the comparison."""

    task: str = "HalfCheetah"
    """Name of the task."""
    rounds: Count = 5
    """Times both take turns when speed is measured."""
    updates: Count = 200
    """Updates in a turn."""
    threads: Count = 2
    """Threads while speed is measured; returns are measured with one."""
    steps: Natural = 0
    """Environment steps of a training; 0 measures speed only."""
    seeds: tuple[Natural, ...] = (0, 1, 2)
    """Seeds of the trainings."""
    jobs: Count = 2
    """Trainings at the same time."""

    __post_init__ = check


def main(cfg: CompareSACCfg) -> None:
    """Print a line for each comparison."""
    torch.set_num_threads(cfg.threads)
    ours, theirs = np.array([(our_speed(cfg), their_speed(cfg)) for _ in range(cfg.rounds)]).T
    ratio = np.median(ours / theirs)
    print(f"updates per second: ours {np.median(ours):.0f}, SB3 {np.median(theirs):.0f}; ratio {ratio:.2f}", flush=True)
    if not cfg.steps:
        return
    cells = list(product(("ours", "SB3"), cfg.seeds))
    with ProcessPoolExecutor(cfg.jobs, mp_context=get_context("spawn")) as pool:
        scores = dict(zip(cells, pool.map(train, [cfg] * len(cells), *zip(*cells))))
    for who in ("ours", "SB3"):
        returns = [scores[who, seed] for seed in cfg.seeds]
        every = " ".join(f"{score:.0f}" for score in returns)
        print(f"{who}: mean {np.mean(returns):.0f} after {cfg.steps:,} steps of {cfg.task}, seeds: {every}", flush=True)


def our_speed(cfg: CompareSACCfg) -> float:
    """Return updates per second on a buffer of random play."""
    agent: Any = agents.make("sac", env=our_envs(cfg), random_steps=10_000)
    for _ in range(20):
        agent.explore(agent.collect(agent.env))
    agent.improve(20)
    start = time.perf_counter()
    agent.improve(cfg.updates)
    return cfg.updates / (time.perf_counter() - start)


def their_speed(cfg: CompareSACCfg) -> float:
    """Return the same for SB3's."""
    model = stable_baselines3.SAC("MlpPolicy", gym.make(f"{cfg.task}-v5"), learning_starts=10_000, device="cpu")
    model.learn(1280)
    model.set_logger(Logger(None, []))
    model.train(20, 256)
    start = time.perf_counter()
    model.train(cfg.updates, 256)
    return cfg.updates / (time.perf_counter() - start)


def our_envs(cfg: CompareSACCfg) -> Any:  # noqa: ANN401
    """Make the environments that ours steps at once."""
    settings: dict[str, Any] = {"reward": "task", "num_threads": 1, "dtype": np.float32}
    env = gym.make_vec(f"prefgym/{cfg.task}-v0", 4, autoreset_mode=AutoresetMode.SAME_STEP, **settings)
    env.reset(seed=0)
    return env


def train(cfg: CompareSACCfg, who: str, seed: int) -> float:
    """Train one of them, and return the mean of 20 episodes."""
    torch.set_num_threads(1)
    if who == "ours":
        env = our_envs(cfg)
        env.reset(seed=seed)
        policy: Any = agents.make("sac", env=env, seed=seed, random_steps=100)
        policy.learn(cfg.steps)
    else:
        policy = stable_baselines3.SAC("MlpPolicy", gym.make(f"{cfg.task}-v5"), seed=seed, device="cpu").learn(
            cfg.steps
        )
    return evaluate(policy, make_evaluation_env(f"prefgym/{cfg.task}-v0", 20, 1)).mean


if __name__ == "__main__":
    sys.exit(main(tyro.cli(CompareSACCfg, description=__doc__)))
