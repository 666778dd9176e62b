"""Compare ways to fit by how well they predict: fit to the sessions so far, predict pairs of what the agent did next.

    python scripts/compare_fits.py --runs runs/cheetah runs/hopper

The preferences of finished runs are gone through session by session; after each, a learner with today's defaults,
changed in one thing, fits to all so far. The segments of the next session, which come from a better agent, are paired
with each other in all ways; the figure is the share of these pairs that the learned reward puts in the order of the
task reward.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import gymnasium as gym
import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor

from prefgym.core.preferences import Preferences
from prefgym.core.scores import PartialReturn, masked_return
from prefgym.core.segments import Segments
from prefgym.data.tables import load_preferences
from prefgym.rewards.ensemble import Ensemble, EnsembleCfg
from prefgym.rewards.fit import FitCfg
from prefgym.runs.config_file import read_config

WAYS = {
    "defaults": EnsembleCfg(),
    "weight decay 0.0001": EnsembleCfg(fit=FitCfg(weight_decay=1e-4)),
    "weight decay 1": EnsembleCfg(fit=FitCfg(weight_decay=1.0)),
    "weight decay 10": EnsembleCfg(fit=FitCfg(weight_decay=10.0)),
    "crops to 0.6": EnsembleCfg(fit=FitCfg(crop=0.4)),
    "crops to 0.6, weight decay 0.0001": EnsembleCfg(fit=FitCfg(crop=0.4, weight_decay=1e-4)),
    "next observation": EnsembleCfg(next_obs=True),
    "ReLU": EnsembleCfg(activation="relu"),
    "half the gradients": EnsembleCfg(fit=FitCfg(gradient_steps=40)),
}


@dataclass(frozen=True, kw_only=True)
class CompareFitsCfg:
    """Runs whose preferences are fitted to."""

    runs: tuple[Path, ...]
    """Folders of finished runs."""
    first_session: int = 4
    """Sessions that are fitted to before the first prediction counts."""
    threads: int = 1
    """Threads of torch."""


class RewardsSteps(Protocol):
    """A learner that rewards steps."""

    def reward(self, segments: Segments) -> Tensor:
        """Return the reward of the steps by each member. Shape: (E, ..., T)."""
        ...


def main(cfg: CompareFitsCfg) -> None:
    """Print a table: ways to fit against tasks."""
    torch.set_num_threads(cfg.threads)
    task_of = {run: str(read_config(run)["env"]) for run in cfg.runs}
    tasks = sorted(set(task_of.values()))
    table = Table("fit", *tasks, title="pairs of the next session in the right order")
    for name, way in WAYS.items():
        shares = {run: float(np.mean(list(predicted_share(cfg, run, way)))) for run in cfg.runs}
        means = (np.mean([share for run, share in shares.items() if task_of[run] == task]) for task in tasks)
        table.add_row(name, *(f"{mean:.3f}" for mean in means))
    Console(width=100).print(table)


def predicted_share(cfg: CompareFitsCfg, run: Path, way: EnsembleCfg) -> Iterator[float]:
    """Refit a run session by session; yield the share of pairs of each next session that come out right.

    Raises:
        SystemExit: If the run has no session to predict.
    """
    preferences: Preferences = load_preferences(run / "preferences" / "preferences").only
    config = read_config(run)
    learner = Ensemble(way, gym.make(config["env"]), seed=config["seed"])
    asked_at = preferences.queries.asked_at
    sessions = asked_at.unique()
    if len(sessions) <= cfg.first_session:
        print(f"{run} has {len(sessions)} sessions: none is left to predict after --first-session", file=sys.stderr)
        raise SystemExit(2)
    for number, (now, later) in enumerate(pairwise(sessions), start=1):
        learner.fit(preferences[asked_at <= now])
        if number >= cfg.first_session:
            yield ordered(learner, preferences[asked_at == later].queries.options)


def ordered(learner: RewardsSteps, options: Segments) -> float:
    """Return the share of all pairs of segments that the learner puts in the order of their task return."""
    learned = masked_return(learner.reward(options.without_truth()).mean(0).cpu(), options).flatten()
    true = PartialReturn()(options).flatten()
    # each pair once: the first is better in truth
    better = true[:, None] > true
    return float((learned[:, None] > learned)[better].float().mean())


if __name__ == "__main__":
    main(tyro.cli(CompareFitsCfg, description=__doc__))
