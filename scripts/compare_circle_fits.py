"""Compare ways to fit a preference model by how often it foresees answers that it was not fitted to.

    python scripts/reproduce/self_play_table.py --tasks HalfCheetah --raters turning mistake --arms reward --seeds 1
    python scripts/compare_circle_fits.py --runs runs/self-play/HalfCheetah-{turning,mistake}-20000-reward-0-*[0-9a-f]

The answers of finished runs are gone through in four sessions; in each, one member with today's defaults, changed in
how it is fitted, goes on with all so far but a tenth. The figure is the share of that tenth that it foresees after the
last session.
"""

import sys
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import gymnasium as gym
import torch
import tyro
from rich.console import Console
from rich.table import Table

from prefgym.datasets import load_preferences
from prefgym.limits import Count
from prefgym.preferences import Preferences
from prefgym.rewards.fit import FitCfg
from prefgym.rewards.preference_model import PreferenceModel, PreferenceModelCfg
from prefgym.runs import read_config

NUM_SESSIONS = 4


@dataclass(frozen=True, kw_only=True)
class CompareCircleFitsCfg:
    """Whose answers to fit to, and how."""

    runs: tuple[Path, ...]
    """Folders of finished runs."""
    answers: Count = 8000
    """Answers of each run, the first ones."""
    weight_decays: tuple[float, ...] = (3.0, 1.0, 0.3, 0.0)
    """Of AdamW."""
    gradient_steps: tuple[Count, ...] = (80, 400)
    """Gradients after which a session ends, once the pass is over."""
    threads: Count = 1
    """Threads of torch."""


def main(cfg: CompareCircleFitsCfg) -> None:
    """Print a table: ways to fit against runs."""
    torch.set_num_threads(cfg.threads)
    table = Table("weight decay", "gradients", *(run.name for run in cfg.runs), title="answers foreseen")
    for weight_decay, gradient_steps in product(cfg.weight_decays, cfg.gradient_steps):
        way = replace(PreferenceModelCfg().fit, weight_decay=weight_decay, gradient_steps=gradient_steps)
        shares = (foreseen(run, way, cfg.answers) for run in cfg.runs)
        table.add_row(f"{weight_decay:g}", str(gradient_steps), *(f"{share:.3f}" for share in shares))
    Console(width=100).print(table)


def foreseen(run: Path, way: FitCfg, num_answers: int) -> float:
    """Return the share of held-out answers of a run that a member foresees after the last session."""
    told: Preferences = load_preferences(run / "preferences" / "preferences").without_truth()
    model = PreferenceModel(PreferenceModelCfg(num_members=1, fit=way), gym.make(str(read_config(run)["env"])), seed=0)
    last = min(num_answers, len(told))
    reports = [model.fit(told[: last * session // NUM_SESSIONS]) for session in range(1, NUM_SESSIONS + 1)]
    return reports[-1].accuracy


if __name__ == "__main__":
    sys.exit(main(tyro.cli(CompareCircleFitsCfg, description=__doc__)))
