"""Measure how often a noisy rater answers wrongly on segments of random play.

    python scripts/rater_noise.py

prints the table of docs/raters.md.
"""

from dataclasses import dataclass

import gymnasium as gym
import torch
import tyro
from rich.console import Console
from rich.table import Table

import prefgym
from prefgym.core.preferences import Preferences
from prefgym.core.scores import PartialReturn
from prefgym.report.statistics import count_labels


@dataclass(frozen=True, kw_only=True)
class RaterNoiseCfg:
    """Tasks, raters and sizes."""

    tasks: tuple[str, ...] = (
        "HalfCheetah", "Hopper", "Walker2d", "Ant", "Humanoid", "Swimmer", "Reacher", "InvertedPendulum",
    )  # fmt: skip
    """Names of tasks."""
    betas: tuple[float, ...] = (1.0, 0.1)
    """Inverse temperatures of the noisy rater."""
    num_steps: int = 1000
    """Random steps of each of 16 worlds."""
    num_queries: int = 4000
    """Pairs of segments of 50 steps, cut at terminations."""
    seed: int = 0
    """Seed of environments, actions, queries and raters."""


def main(cfg: RaterNoiseCfg) -> None:
    """Print a row a task."""
    table = Table("task", "median difference of returns", *(f"wrong at beta = {beta:g}" for beta in cfg.betas))
    for task in cfg.tasks:
        env = prefgym.PreferenceVectorEnv(gym.make_vec(f"prefgym/{task}-v0", num_envs=16, reward="task"))
        env.reset(seed=cfg.seed)
        env.action_space.seed(cfg.seed)
        for _ in range(cfg.num_steps):
            env.step(env.action_space.sample())
        queries = env.sample_queries(cfg.num_queries, generator=torch.Generator().manual_seed(cfg.seed))
        median = PartialReturn()(queries.options).diff(dim=-1).abs().median()
        shares = (wrong(prefgym.raters.make("partial-return", beta=beta, seed=cfg.seed)(queries)) for beta in cfg.betas)
        table.add_row(task, f"{float(median):.1f}", *(f"{share:.1%}" for share in shares))
        env.close()
    Console(width=100).print(table)


def wrong(preferences: Preferences) -> float:
    """Return the share of choices that name another option than the true return, whose ties are left out."""
    counts = count_labels(preferences)
    return 1 - counts.agreeing / counts.comparable


if __name__ == "__main__":
    main(tyro.cli(RaterNoiseCfg, description=__doc__))
