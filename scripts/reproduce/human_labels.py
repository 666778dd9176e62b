"""Predict held-out labels of people, and scripted labels of the same pairs, with the default reward model.

    prefgym feedback import ipl num100_human_train.npz --out runs/hopper-people
    prefgym feedback import ipl num100_script_train.npz --out runs/hopper-script --kind simulated
    python scripts/reproduce/human_labels.py --people runs/hopper-people --script runs/hopper-script

The files are in `datasets/preference_transformer/hopper-medium-expert-v2` of jhejna/inverse-preference-learning: pairs
of D4RL's Hopper that people compared for Preference Transformer (Kim et al., ICLR 2023, arXiv:2303.00957), and the same
pairs judged by the task reward. Each pair is predicted by a fit to the other folds; those that people decided count,
for both kinds of labels. The arms are fitted to

- `choices only`: the pairs that people decided;
- `ties as halves`: all pairs, with a tie as half a choice for each option. The script has a choice for these pairs.
- `ties by the likelihood of a tie`: all pairs, with a tie as an outcome of its own (Davidson, 1970). The script has
  no ties, so this arm is of people's labels only.

A cell is one kind of labels, one arm and one seed, which draws the folds and the weights.
"""

import hashlib
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import combinations, product
from pathlib import Path
from typing import Literal

import gymnasium as gym
import numpy as np
import torch
import tyro
from rich.table import Table
from torch import Tensor

from prefgym import __version__
from prefgym.bench.cells import Line
from prefgym.bench.grid import Grid, GridCfg
from prefgym.common.errors import UserError
from prefgym.common.limits import Count
from prefgym.common.revision import git_revision
from prefgym.common.spaces import Spaces
from prefgym.core.fit_report import accuracy
from prefgym.core.preferences import Preferences
from prefgym.data.feedback import read_feedback
from prefgym.evaluation.statistics import SEEDS_FOR_INTERVAL, average, interval
from prefgym.rewards.ensemble import Ensemble, EnsembleCfg
from prefgym.rewards.fit import FitCfg
from prefgym.runs.settings import Settings, settings

Labels = Literal["people", "script"]


@dataclass(frozen=True, kw_only=True)
class Arm:
    """What a reward model is fitted to, and how."""

    with_ties: bool
    """Whether it is fitted to the pairs that people called a tie, too."""
    reward: EnsembleCfg
    """The reward model."""


BY_LIKELIHOOD = "ties by the likelihood of a tie"
ARMS = {
    "choices only": Arm(with_ties=False, reward=EnsembleCfg()),
    "ties as halves": Arm(with_ties=True, reward=EnsembleCfg(fit=FitCfg(ties="share"))),
    BY_LIKELIHOOD: Arm(with_ties=True, reward=EnsembleCfg(fit=FitCfg(ties="likelihood"))),
}


@dataclass(frozen=True, kw_only=True)
class HumanLabelsCfg(GridCfg):
    """The labels, and how they are predicted."""

    people: Path
    """Folder of people's labels."""
    script: Path
    """Folder of scripted labels of the same pairs."""
    folds: Count = 5
    """Parts of the pairs; each is predicted by a fit to the others."""
    seeds: Count = 6
    """Seeds 0, 1, ... of the folds and of the reward model."""
    jobs: int = 0
    """Cells run at the same time, each in a process with one thread; with 0 they run in this process."""
    results: Path = Path("benchmarks/human_labels.jsonl")
    """Results file, a line for each finished cell."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Fits of one arm to one kind of labels."""

    labels: Labels
    arm: str
    seed: int

    @property
    def name(self) -> str:
        """Name it."""
        return f"{self.labels}, {self.arm}, {self.seed}"


class HumanLabels(Grid[Cell]):
    """Kinds of labels and arms by measures.

    Raises:
        UserError: If the two folders are about other pairs.
    """

    def __init__(self, cfg: HumanLabelsCfg) -> None:
        super().__init__(cfg)
        self.cfg = cfg
        self.preferences = {"people": read_feedback(cfg.people), "script": read_feedback(cfg.script)}
        people, script = (one.queries.options for one in self.preferences.values())
        if people.obs.shape != script.obs.shape or not torch.equal(people.obs, script.obs):
            raise UserError(f"{cfg.script} has labels of other pairs than {cfg.people}.")
        self.decided = ~self.preferences["people"].answers.tie

    def cells(self) -> Iterator[Cell]:
        """List the cells, all of a seed before those of the next."""
        kinds: tuple[Labels, ...] = ("people", "script")
        for seed, labels, arm in product(range(self.cfg.seeds), kinds, ARMS):
            if arm != BY_LIKELIHOOD or bool(self.preferences[labels].answers.tie.any()):
                yield Cell(labels=labels, arm=arm, seed=seed)

    def settings(self, cell: Cell) -> Settings:
        """Return the settings of the fit, the folds, and the SHA-256 of the labels."""
        answers = self.preferences[cell.labels].answers
        sha256 = hashlib.sha256(answers.choice.numpy().tobytes() + self.decided.numpy().tobytes()).hexdigest()
        return {**settings(ARMS[cell.arm].reward), "folds": str(self.cfg.folds), "labels_sha256": sha256}

    def task(self, cell: Cell) -> Callable[[], Line]:
        """Return the function that runs a cell."""
        return partial(
            run,
            self.preferences[cell.labels].only,
            self.decided,
            ARMS[cell.arm],
            cell.seed,
            self.cfg.folds,
            self.wanted(cell),
        )

    def describe(self, line: Line) -> str:
        """Write the result of a cell in a few words."""
        return f"{line['accuracy']:.3f}, {line['cross_entropy']:.3f} in {line['wall_time_s']:.0f} s"

    def table(self, done: dict[Cell, Line]) -> Table:
        """Lay out both measures, averaged over the seeds, and how they differ between the arms."""
        table = Table(
            title=f"{int(self.decided.sum())} pairs that people decided, of {len(self.decided)}, each held out once"
        )
        for name in ("labels", "fitted to", "accuracy", "cross-entropy, nats"):
            table.add_column(name)
        measures = ("accuracy", "cross_entropy")
        for labels in self.preferences:
            found = {
                (arm, measure): np.array([done[c][measure] for c in done if (c.labels, c.arm) == (labels, arm)])
                for arm, measure in product(ARMS, measures)
            }
            arms = [arm for arm in ARMS if len(found[arm, measures[0]])]
            for arm in arms:
                table.add_row(labels, arm, *(estimate(found[arm, measure]) for measure in measures))
            for other, arm in combinations(arms, 2):  # of the same folds and seeds
                row = (estimate(found[arm, measure] - found[other, measure]) for measure in measures)
                table.add_row(labels, f"{arm}, minus {other}", *row)
        return table


def run(preferences: Preferences, decided: Tensor, arm: Arm, seed: int, folds: int, wanted: Line) -> Line:
    """Predict each pair by a fit to the other folds; return the line with both measures on the decided pairs."""
    torch.set_num_threads(1)
    started = time.perf_counter()
    fitted = torch.ones_like(decided) if arm.with_ties else decided
    log_prob, choice = (
        predicted(preferences, fitted, arm.reward, seed, folds)[decided],
        preferences.answers.choice[decided],
    )
    return {
        **wanted,
        "accuracy": accuracy(log_prob, choice),
        # -sum_k y_k log P(k), in nats
        "cross_entropy": float(-(choice * log_prob).sum(-1).mean()),
        "num_fitted": int(fitted.sum()),
        "num_predicted": int(decided.sum()),
        "wall_time_s": time.perf_counter() - started,
        "version": __version__,
        "git_revision": git_revision(),
    }


def predicted(preferences: Preferences, fitted: Tensor, cfg: EnsembleCfg, seed: int, folds: int) -> Tensor:
    """Predict the choice of each pair by a fit to the other folds.

    Args:
        preferences: B answers.
        fitted: Which of them are fitted to. Shape: (B,), bool.
        cfg: The reward model.
        seed: Seed of the folds and the reward models.
        folds: Number of folds.

    Returns:
        Log-probabilities. Shape: (B, K).
    """
    options = preferences.queries.options
    sizes = options.obs.shape[-1], options.action.shape[-1]
    spaces = Spaces(*(gym.spaces.Box(-np.inf, np.inf, (size,), np.float32) for size in sizes))
    order = torch.randperm(len(preferences), generator=torch.Generator().manual_seed(seed))
    log_prob = torch.zeros(len(preferences), preferences.queries.num_options)
    for fold, left_out in enumerate(order.chunk(folds)):
        kept = fitted.clone()
        kept[left_out] = False
        learner = Ensemble(cfg, spaces, seed=folds * seed + fold)
        learner.fit(preferences[kept])
        # log P(k) = log softmax_k of the members' mean score
        log_prob[left_out] = learner.score(options[left_out]).mean(0).log_softmax(-1)
    return log_prob


def estimate(values: np.ndarray) -> str:
    """Write the average over the seeds with three digits, and from six seeds on its interval."""
    if not len(values):
        return ""
    text = f"{average(values):.3f}"
    if len(values) < SEEDS_FOR_INTERVAL:
        return text
    low, high = interval(values, np.random.default_rng(0))
    return f"{text} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    sys.exit(HumanLabels(tyro.cli(HumanLabelsCfg, description=__doc__)).make() > 0)
