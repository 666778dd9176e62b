"""Compare regret by values of the critic, by simulation and by advantages, and all of them with partial return.

    python scripts/compare_regret.py --tasks HalfCheetah Hopper Walker2d

Queries are pairs of segments of the medium policy, in environments with more and less noise on its actions. The table
has the share of queries in which two ways to judge name the same option, and the time that simulation took.
"""

from dataclasses import dataclass
from itertools import combinations
from time import perf_counter
from typing import Any

import gymnasium as gym
import numpy as np
import torch
import tyro
from torch import Tensor

from prefgym.core.scores import PartialReturn
from prefgym.core.segments import Segments
from prefgym.envs import TASKS
from prefgym.evaluation.experts import load_expert
from prefgym.raters.regret import RegretRater, RegretRaterCfg
from prefgym.sim.continuation import Simulator


@dataclass(frozen=True, kw_only=True)
class CompareRegretCfg:
    """Answer the same queries by several scores."""

    tasks: tuple[str, ...] = ("HalfCheetah", "Hopper", "Walker2d")
    """Names of tasks."""
    queries: int = 1000
    """Queries of each task."""
    segment_length: int = 50
    """Steps of a segment."""
    noise: float = 1.0
    """Deviation of the noise in the noisiest environment, in halves of the range of actions; the others have less."""
    steps: int = 500
    """Steps of each of 16 environments, from which segments are sampled."""
    threads: int | None = None
    """Threads of the simulation; default: all cores."""


def record(task: str, cfg: CompareRegretCfg) -> Segments:
    """Sample queries from environments of the medium policy. Batch shape: (B, 2)."""
    env: Any = gym.make_vec(f"prefgym/{task}-v0", num_envs=16, num_threads=1, autoreset_mode="SameStep")
    policy, draws = load_expert(f"prefgym/{task}-v0", "medium"), np.random.default_rng(0)
    space = env.single_action_space
    scale = np.linspace(0, cfg.noise, 16)[:, None] * (space.high - space.low) / 2
    obs, _ = env.reset(seed=0)
    for _ in range(cfg.steps):
        action = policy.predict(obs)[0] + scale * draws.standard_normal((16, *space.shape))
        obs, *_ = env.step(action.clip(space.low, space.high).astype(np.float32))
    starts = env.recorder.starts(cfg.segment_length)
    chosen = torch.randint(len(starts), (cfg.queries, 2), generator=torch.Generator().manual_seed(0))
    return env.recorder.segments(starts[chosen], cfg.segment_length)


def judge(task: str, segments: Segments, cfg: CompareRegretCfg) -> tuple[dict[str, Tensor], float]:
    """Name the option that each way to judge prefers, and the seconds that simulation took. Shape of each: (B,)."""
    expert, simulator = load_expert(f"prefgym/{task}-v0"), Simulator(TASKS[task], num_threads=cfg.threads)
    ways = {
        "critic": RegretRaterCfg(),
        "simulation": RegretRaterCfg(values="simulation"),
        "advantages": RegretRaterCfg(form="stochastic"),
    }
    preferred = {"return": PartialReturn()(segments).argmax(-1)}
    seconds = dict[str, float]()
    for name, rater_cfg in ways.items():
        rater = RegretRater(rater_cfg, expert=expert, simulator=simulator)
        started = perf_counter()
        preferred[name] = rater.score(segments).argmax(-1)
        seconds[name] = perf_counter() - started
    return preferred, seconds["simulation"]


def main(cfg: CompareRegretCfg) -> None:
    """Print the table."""
    pairs = list(combinations(("simulation", "critic", "advantages", "return"), 2))
    print(f"| task | {' | '.join(f'{one}, {other}' for one, other in pairs)} | simulation, s |")
    print("|---|" + "---|" * (len(pairs) + 1))
    for task in cfg.tasks:
        preferred, seconds = judge(task, record(task, cfg), cfg)
        shares = [f"{(preferred[one] == preferred[other]).double().mean():.0%}" for one, other in pairs]
        print(f"| {task} | {' | '.join(shares)} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main(tyro.cli(CompareRegretCfg, description=__doc__))
