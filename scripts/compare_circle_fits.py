"""Compare ways to fit a preference model by its predictions of held-out answers.

    python scripts/reproduce/self_play_table.py --tasks HalfCheetah --raters turning mistake --arms reward --seeds 1
    python scripts/compare_circle_fits.py --runs runs/self-play/HalfCheetah-{turning,mistake}-20000-reward-0-*[0-9a-f]

The first answers of finished runs are gone through in four sessions; in each, a model with today's defaults, changed in
how it is fitted, goes on with all so far. There are two figures: the share of the following answers that it
predicts, and the correlation of its reward with the task reward. An intransitive rater cannot be predicted by one
number a step.
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

from prefgym.common.limits import Count, Natural
from prefgym.core.fit_report import accuracy
from prefgym.data.tables import load_preferences
from prefgym.rewards.preference_model import PreferenceModel, PreferenceModelCfg
from prefgym.runs.config_file import read_config

NUM_SESSIONS = 4


@dataclass(frozen=True, kw_only=True)
class CompareCircleFitsCfg:
    """Runs whose answers are fitted to, and the ways to fit."""

    runs: tuple[Path, ...]
    """Folders of finished runs."""
    answers: Count = 8000
    """Answers of each run that are fitted to, the first ones."""
    following: Count = 1500
    """Answers after these, which are not."""
    weight_decays: tuple[float, ...] = (3.0, 2.0, 1.0)
    """Of AdamW."""
    gradient_steps: tuple[Count, ...] = (80, 400)
    """Gradients after which a session ends, once the pass is over."""
    num_cycles: tuple[Natural, ...] = (1, 2, 4)
    """Pairs of numbers that may go round."""
    num_members: Count = 1
    """Members of the model."""
    threads: Count = 1
    """Threads of torch."""


def main(cfg: CompareCircleFitsCfg) -> None:
    """Print a table: ways to fit against runs."""
    torch.set_num_threads(cfg.threads)
    names = [run.name.rpartition("-")[0] for run in cfg.runs]
    title = "answers predicted, and correlation of the reward with the task reward"
    table = Table("weight decay", "gradients", "pairs", *names, title=title)
    for weight_decay, gradient_steps, num_cycles in product(cfg.weight_decays, cfg.gradient_steps, cfg.num_cycles):
        default = PreferenceModelCfg(num_members=cfg.num_members, num_cycles=num_cycles)
        fit = replace(default.fit, weight_decay=weight_decay, gradient_steps=gradient_steps)
        figures = (judge(run, replace(default, fit=fit), cfg.answers, cfg.following) for run in cfg.runs)
        cells = (f"{share:.3f}, {correlation:.2f}" for share, correlation in figures)
        table.add_row(f"{weight_decay:g}", str(gradient_steps), str(num_cycles), *cells)
    Console(width=100).print(table)


def judge(run: Path, way: PreferenceModelCfg, num_answers: int, num_following: int) -> tuple[float, float]:
    """Fit a model to the first answers of a run, and evaluate it on the next ones.

    Returns:
        The share that is predicted, and the correlation of learned and task reward over steps.
    """
    preferences = load_preferences(run / "preferences" / "preferences")
    model = PreferenceModel(way, gym.make(str(read_config(run)["env"])), seed=0)
    for session in range(1, NUM_SESSIONS + 1):
        model.fit(preferences[: num_answers * session // NUM_SESSIONS].without_truth())
    following = preferences[num_answers : num_answers + num_following]
    options, mask = following.queries.options, following.queries.options.mask
    assert options.reward is not None  # simulated raters answer by it
    rewards = torch.stack([model.reward(options).mean(0)[mask], options.reward[mask]])
    return accuracy(model.score(options).mean(0), following.answers.choice), float(torch.corrcoef(rewards)[0, 1])


if __name__ == "__main__":
    sys.exit(main(tyro.cli(CompareCircleFitsCfg, description=__doc__)))
