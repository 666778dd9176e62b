"""Predict the labels of the offline table from actions and from first observations.

    python scripts/reproduce/offline_labels.py

A logistic regression predicts held-out answers from differences between the two segments in

- `actions`: how the actions depart from the medium policy's, by themselves and times each number of the observation;
- `start`: the first observation and its square;
- `both`.

The answers are those of `offline_table.py`, by regret, and as an oracle would judge the same segments by their return.
Contrastive learners explain answers by actions alone, so `actions` bounds what they can find.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor

from prefgym.common.limits import Count, Positive, check
from prefgym.core.intervals import wilson
from prefgym.core.protocols import Expert
from prefgym.core.segments import Segments
from prefgym.data.feedback import read_feedback
from prefgym.evaluation.experts import load_expert
from prefgym.raters.scripted import ScriptedRater, oracle


@dataclass(frozen=True, kw_only=True)
class OfflineLabelsCfg:
    """The answers, and how they are predicted."""

    tasks: tuple[str, ...] = ("HalfCheetah", "Hopper", "Walker2d", "Pusher")
    """Names of tasks."""
    seeds: Count = 3
    """Seeds 0, 1, ... of the answers, each fitted by itself."""
    data: Path = Path("runs/offline-table/data")
    """Folder of the offline table's data."""
    folds: Count = 5
    """Parts of the answers; each is predicted by a fit to the others."""
    penalty: Positive = 10.0
    """Weight of the sum of squared weights."""

    __post_init__ = check


def main(cfg: OfflineLabelsCfg) -> int:
    """Print the table; return 1 if data are missing."""
    folders = {task: [answers_of(cfg, task, seed) for seed in range(cfg.seeds)] for task in cfg.tasks}
    if gone := [str(folder) for several in folders.values() for folder in several if not folder.is_dir()]:
        print(f"there are no answers in {', '.join(gone)}: run offline_table.py first", file=sys.stderr)
        return 1
    table = Table(title="share of the answers predicted by fits to others, 95 % Wilson intervals")
    for name in ("task", "labels", "answers", "actions", "start", "both"):
        table.add_column(name)
    for task in cfg.tasks:
        for labels, hits in predict(cfg, load_expert(f"prefgym/{task}-v0", "medium"), folders[task]).items():
            table.add_row(task, labels, f"{len(hits['start']):,}", *map(share, hits.values()))
    Console(width=120).print(table)
    return 0


def answers_of(cfg: OfflineLabelsCfg, task: str, seed: int) -> Path:
    """Return the folder of the offline table's answers."""
    return cfg.data / f"{task}-{seed}" / "preferences"


def predict(cfg: OfflineLabelsCfg, medium: Expert, folders: Sequence[Path]) -> dict[str, dict[str, Tensor]]:
    """Tell which answers were predicted, by labels and by inputs. Shape of each: (b,), bool."""
    found: dict[str, list[dict[str, Tensor]]] = {"regret": [], "return": []}
    for folder in folders:
        preferences = read_feedback(folder)
        inputs = features(preferences.queries.options, medium)
        by_return = ScriptedRater(oracle())
        for labels, judged in (("regret", preferences), ("return", by_return(preferences.queries))):
            choice = judged.answers.choice[:, 0].double()
            found[labels].append({name: predicted(x[:, 0] - x[:, 1], choice, cfg) for name, x in inputs.items()})
    return {
        labels: {name: torch.cat([hit[name] for hit in hits]) for name in hits[0]} for labels, hits in found.items()
    }


def features(segments: Segments, policy: Expert) -> dict[str, Tensor]:
    """Describe segments by their actions, and by where they begin. Shapes: (B, K, F) each."""
    obs, valid = segments.obs[..., :-1, :].double(), segments.mask.unsqueeze(-1)
    usual = torch.as_tensor(policy.predict(obs.float().flatten(0, -2).numpy())[0]).view_as(segments.action)
    departure = (segments.action - usual).double() * valid
    flat = obs[segments.mask]
    obs = ((obs - flat.mean(0)) / flat.std(0).clamp_min(1e-6)).clamp(-5, 5)
    # sum_t e_t, sum_t e_t^2, sum_t e_t s_t'
    crossed = torch.einsum("...ta,...to->...ao", departure, obs).flatten(-2)
    actions = torch.cat([departure.sum(-2), departure.square().sum(-2), crossed], -1)
    first = obs[..., 0, :]
    start = torch.cat([first, first.square()], -1)
    return {"actions": actions, "start": start, "both": torch.cat([actions, start], -1)}


def predicted(x: Tensor, choice: Tensor, cfg: OfflineLabelsCfg) -> Tensor:
    """Tell which choices are predicted by fits to the others; ties are left out. Shapes: (B, F), (B,) to (b,), bool."""
    clear = choice != 0.5
    x, choice = x[clear] / x[clear].std(0).clamp_min(1e-9), choice[clear]
    fold = torch.arange(len(x)) % cfg.folds
    right = torch.zeros(len(x), dtype=torch.bool)
    for number in range(cfg.folds):
        left_out = fold == number
        weights = fit(x[~left_out], choice[~left_out], cfg.penalty)
        right[left_out] = (x[left_out] @ weights > 0) == (choice[left_out] > 0.5)
    return right


def fit(x: Tensor, choice: Tensor, penalty: float, num_steps: int = 20) -> Tensor:
    """Fit a logistic regression without intercept by Newton's method. Shapes: (B, F), (B,) to (F,)."""
    weights = torch.zeros(x.shape[1], dtype=x.dtype)
    for _ in range(num_steps):
        p = (x @ weights).sigmoid()
        # w += (X' diag(p (1 - p)) X + penalty I)^-1 (X' (y - p) - penalty w)
        curvature = x.T @ (x * (p * (1 - p)).unsqueeze(-1)) + penalty * torch.eye(x.shape[1], dtype=x.dtype)
        weights = weights + torch.linalg.solve(curvature, x.T @ (choice - p) - penalty * weights)
    return weights


def share(right: Tensor) -> str:
    """Tell the share with its interval."""
    mean = right.double().mean().numpy()
    low, high = wilson(mean, np.array(len(right)))
    return f"{mean:.0%} ({low:.0%} to {high:.0%})"


if __name__ == "__main__":
    sys.exit(main(tyro.cli(OfflineLabelsCfg, description=__doc__)))
