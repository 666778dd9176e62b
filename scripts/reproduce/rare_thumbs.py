"""Fit reward models to rare and sometimes hostile thumbs, and see how well they predict reactions.

    python scripts/reproduce/rare_thumbs.py

For each seed, demonstrators of several qualities play HalfCheetah (`demonstrated.py`), and the rater `thumbs` sees some
of their segments one by one: it reacts to 5 % of them, in 10 % of these with the opposite. A default reward model is
fitted to all that was shown, silences included, or one whose likelihood knows the 10 %. The predictions are compared
with the rater's reactions to 10,000 segments of other episodes. Measures are

- `reaction`: the expected calibration error of the probability of a reaction, rho;
- `good reaction`: that of the probability of a good reaction, rho q;
- `constant`: that of the shown share of good reactions, for all segments alike;
- `good`: that of the probability that a reaction is good, q, on those segments that got one;
- `hostility known`: that of (1 - h) q + h (1 - q), with the rater's share h of opposite reactions;
- `pairs`: the share of 1000 fresh pairs that the learned reward puts in the order of the task reward.

A silence can be predicted without knowing anything about segments, and rho q is at most 5 %, so `good reaction` is
small for any model that has learned rho: see `constant`.

A cell is one seed, number of shown segments and likelihood, and costs 5 to 15 s of one thread.
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import product
from pathlib import Path
from typing import cast

import numpy as np
import torch
import tyro
from demonstrated import accuracy_on, demonstrated, queries_of
from human_labels import estimate
from rich.table import Table

from prefgym import __version__
from prefgym.bench.cells import Line
from prefgym.bench.grid import Grid, GridCfg
from prefgym.common.limits import Count
from prefgym.common.revision import git_revision
from prefgym.core.fit_report import calibration_error
from prefgym.core.kinds import Statement, Thumbs
from prefgym.core.likelihoods import Reactions
from prefgym.core.preferences import Preferences
from prefgym.raters.scripted import ScriptedRater, thumbs
from prefgym.rewards.ensemble import Ensemble, EnsembleCfg
from prefgym.runs.settings import Settings, settings
from prefgym.wrappers.preference import PreferenceVectorEnv

ENV = "prefgym/HalfCheetah-v0"
FRESH = 10_000
"""What is added to the seed of a cell for the episodes that are predicted."""
MEASURES = ("reaction", "good reaction", "constant", "good", "hostility known", "pairs")


class Knowing(Ensemble):
    """The default reward model, with a likelihood that knows the rater's share of opposite reactions."""

    def likelihood_of(self, statement: Statement) -> Reactions:
        """Return the likelihood to fit."""
        del statement
        return Reactions(hostile=thumbs().hostile)


ARMS: dict[str, type[Ensemble]] = {"default": Ensemble, "knows hostility": Knowing}
"""Reward models."""


@dataclass(frozen=True, kw_only=True)
class RareThumbsCfg(GridCfg):
    """The cells of the table."""

    shown: tuple[Count, ...] = (500, 2000, 10_000)
    """Segments that the rater sees, with or without a reaction."""
    seeds: Count = 6
    """Seeds 0, 1, ... of episodes, segments, reactions and weights."""
    predicted: Count = 10_000
    """Segments of other episodes whose reactions are predicted."""
    jobs: int = 0
    """Cells run at the same time, each in a process with one thread; with 0 they run in this process, and those of a
    seed share its episodes."""
    results: Path = Path("benchmarks/rare_thumbs.jsonl")
    """Results file, a line for each finished cell."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One fit."""

    arm: str
    shown: int
    seed: int

    @property
    def name(self) -> str:
        """Name it."""
        return f"{self.arm}, {self.shown} shown, {self.seed}"


class RareThumbs(Grid[Cell]):
    """Reward models and numbers of shown segments by measures."""

    def __init__(self, cfg: RareThumbsCfg) -> None:
        super().__init__(cfg)
        self.cfg = cfg

    def cells(self) -> Iterator[Cell]:
        """List the cells, all of a seed before those of the next."""
        for seed, shown, arm in product(range(self.cfg.seeds), self.cfg.shown, ARMS):
            yield Cell(arm=arm, shown=shown, seed=seed)

    def settings(self, cell: Cell) -> Settings:
        """Return the settings of the reward model and the rater, and the number of predicted segments."""
        rater = settings(thumbs(), "rater.")
        return {**settings(EnsembleCfg()), **rater, "predicted": str(self.cfg.predicted)}

    def task(self, cell: Cell) -> Callable[[], Line]:
        """Return the function that runs a cell."""
        return partial(run, cell, self.cfg.predicted, self.wanted(cell))

    def describe(self, line: Line) -> str:
        """Write the measures."""
        return ", ".join(f"{name} {line[name]:.3f}" for name in MEASURES) + f" in {line['wall_time_s']:.0f} s"

    def table(self, done: dict[Cell, Line]) -> Table:
        """Lay out the measures, averaged over the seeds, and each seed's."""
        table = Table(title=f"reactions to {self.cfg.predicted:,} segments of other episodes")
        for name in ("model", "shown", "measure", "average", "all seeds"):
            table.add_column(name)
        for arm, shown, name in product(ARMS, self.cfg.shown, MEASURES):
            values = np.array([done[cell][name] for cell in done if (cell.arm, cell.shown) == (arm, shown)])
            table.add_row(arm, f"{shown:,}", name, estimate(values), " ".join(f"{value:.3f}" for value in values))
        return table


@lru_cache(maxsize=2)
def recorded(seed: int) -> PreferenceVectorEnv:
    """Record the demonstrators of a seed."""
    return demonstrated(ENV, seed)


def run(cell: Cell, num_predicted: int, wanted: Line) -> Line:
    """Fit a reward model to thumbs; return the line with its measures on segments of other episodes."""
    torch.set_num_threads(1)
    played, fresh = recorded(cell.seed), recorded(FRESH + cell.seed)
    started = time.perf_counter()
    rater = ScriptedRater(thumbs(), seed=cell.seed)
    answers = reactions(rater, played, cell.shown, cell.seed)
    learner = ARMS[cell.arm](EnsembleCfg(), played, seed=cell.seed)
    learner.fit(answers)
    held_out = reactions(rater, fresh, num_predicted, cell.seed)
    share_good = (answers.answers.reaction > 0).double().mean()
    return {
        **wanted,
        **measured(learner, held_out, float(share_good)),
        "pairs": accuracy_on(learner, queries_of(fresh, 1000, 2, cell.seed).options),
        "num_reactions": int((answers.answers.reaction != 0).sum()),
        "wall_time_s": time.perf_counter() - started,
        "version": __version__,
        "git_revision": git_revision(),
    }


def reactions(rater: ScriptedRater, env: PreferenceVectorEnv, num_shown: int, seed: int) -> Preferences[Thumbs]:
    """Show segments of recorded episodes to a rater, one by one."""
    return cast("Preferences[Thumbs]", rater(queries_of(env, num_shown, 1, seed)))


def measured(learner: Ensemble, held_out: Preferences[Thumbs], constant: float) -> dict[str, float]:
    """Return the calibration errors of the probabilities that the members predict on average.

    Args:
        learner: A reward model that was fitted to thumbs.
        held_out: Reactions to other segments.
        constant: Probability of a good reaction to any segment.
    """
    reaction, prefix = held_out.answers.reaction, "likelihood/thumbs-1/"
    parameters = {name: learner.weights()[f"{prefix}{name}"] for name in ("reference", "reacting")}
    scores = learner.score(held_out.queries.options.without_truth())
    # of each member: P(good) = rho q
    good, occurred = Reactions().event(scores, held_out.answers, parameters)
    rho = torch.sigmoid(parameters["reacting"])
    q = (good / rho).mean(0).float()
    hostile, reacted = thumbs().hostile, reaction != 0
    return {
        "reaction": calibration_error(rho.mean().expand_as(occurred), reacted.float()),
        "good reaction": calibration_error(good.mean(0).float(), occurred),
        "constant": calibration_error(torch.full_like(occurred, constant), occurred),
        "good": calibration_error(q[reacted], occurred[reacted]),
        "hostility known": calibration_error((q + hostile * (1 - 2 * q))[reacted], occurred[reacted]),
    }


if __name__ == "__main__":
    sys.exit(RareThumbs(tyro.cli(RareThumbsCfg, description=__doc__)).make() > 0)
