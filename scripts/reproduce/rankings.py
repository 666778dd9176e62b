"""Compare three fits to the oracle's rankings of four segments, by how well they predict fresh pairs.

    python scripts/reproduce/rankings.py

For each seed, demonstrators of several qualities play HalfCheetah (`demonstrated.py`), the oracle ranks the segments of
each query, and a default reward model is fitted to

- `six pairs`: all pairs of each ranking, as comparisons, by Bradley and Terry;
- `ranking`: the rankings, by Plackett and Luce;
- `best of four`: the best segment of each ranking, as a choice among four.

The measure is the accuracy on fresh pairs, sampled from other episodes: the share that the learned reward puts in the
order of the task reward. All arms of a seed have the same segments, initial weights and fresh pairs. A cell is one
seed, arm and number of queries, and costs about 5 s of one thread.
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import product
from pathlib import Path

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
from prefgym.core.kinds import Comparison, Ranking, Statement
from prefgym.core.preferences import Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.core.scores import PartialReturn
from prefgym.rewards.ensemble import Ensemble, EnsembleCfg
from prefgym.runs.settings import Settings, settings
from prefgym.wrappers.preference import PreferenceVectorEnv

ENV = "prefgym/HalfCheetah-v0"
NUM_OPTIONS = 4
FRESH = 10_000
"""What is added to the seed of a cell for the episodes of its fresh pairs."""


@dataclass(frozen=True, kw_only=True)
class RankingsCfg(GridCfg):
    """The cells of the table."""

    queries: tuple[Count, ...] = (25, 50)
    """Rankings."""
    seeds: Count = 12
    """Seeds 0, 1, ... of episodes, segments and weights."""
    pairs: Count = 1000
    """Fresh pairs."""
    jobs: int = 0
    """Cells run at the same time, each in a process with one thread; with 0 they run in this process, and those of a
    seed share its episodes."""
    results: Path = Path("benchmarks/rankings.jsonl")
    """Results file, a line for each finished cell."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One fit."""

    arm: str
    queries: int
    seed: int

    @property
    def name(self) -> str:
        """Name it."""
        return f"{self.arm}, {self.queries} queries, {self.seed}"


def six_pairs(queries: Queries, info: RaterInfo) -> Preferences[Statement]:
    """Compare all pairs of each query; they keep its number, so that members hold out whole queries."""
    first, second = torch.triu_indices(NUM_OPTIONS, NUM_OPTIONS, 1)
    of_query = torch.arange(len(queries)).repeat_interleave(len(first))
    pair = torch.stack([first, second], -1).repeat(len(queries), 1)
    options = queries.options[of_query[:, None], pair]
    asked = Queries(options=options, query_id=queries.query_id[of_query], asked_at=queries.asked_at[of_query])
    return Preferences.of(asked, Comparison.of(PartialReturn()(options).argmax(-1), 2), info)


def ranking(queries: Queries, info: RaterInfo) -> Preferences[Statement]:
    """Rank the options of each query by their return."""
    return Preferences.of(queries, ranked(queries), info)


def best_of_four(queries: Queries, info: RaterInfo) -> Preferences[Statement]:
    """Choose the best option of each query."""
    return Preferences.of(queries, ranked(queries).best(), info)


def ranked(queries: Queries) -> Ranking:
    """Return the order of the options by their return."""
    return Ranking.of(PartialReturn()(queries.options).argsort(-1, descending=True))


ARMS: dict[str, Callable[[Queries, RaterInfo], Preferences[Statement]]] = {
    "six pairs": six_pairs,
    "ranking": ranking,
    "best of four": best_of_four,
}
DIFFERENCES = (("ranking", "six pairs"), ("ranking", "best of four"))


class Rankings(Grid[Cell]):
    """Arms by numbers of queries."""

    def __init__(self, cfg: RankingsCfg) -> None:
        super().__init__(cfg)
        self.cfg = cfg

    def cells(self) -> Iterator[Cell]:
        """List the cells, all of a seed before those of the next."""
        for seed, queries, arm in product(range(self.cfg.seeds), self.cfg.queries, ARMS):
            yield Cell(arm=arm, queries=queries, seed=seed)

    def settings(self, cell: Cell) -> Settings:
        """Return the settings of the reward model, and the number of fresh pairs."""
        return {**settings(EnsembleCfg()), "pairs": str(self.cfg.pairs)}

    def task(self, cell: Cell) -> Callable[[], Line]:
        """Return the function that runs a cell."""
        return partial(run, cell, self.cfg.pairs, self.wanted(cell))

    def describe(self, line: Line) -> str:
        """Write the accuracy."""
        return f"{line['accuracy']:.3f} in {line['wall_time_s']:.0f} s"

    def table(self, done: dict[Cell, Line]) -> Table:
        """Lay out the accuracies, and the differences within seeds."""
        table = Table(title=f"accuracy on {self.cfg.pairs} fresh pairs")
        for name in ("queries", "fitted to", "accuracy", "all seeds"):
            table.add_column(name)
        for queries in self.cfg.queries:
            found = {
                arm: {c.seed: done[c]["accuracy"] for c in done if (c.queries, c.arm) == (queries, arm)} for arm in ARMS
            }
            for arm, by_seed in found.items():
                listed = " ".join(f"{by_seed[seed]:.3f}" for seed in sorted(by_seed))
                table.add_row(str(queries), arm, estimate(np.array([*by_seed.values()])), listed)
            for arm, other in DIFFERENCES:
                both = sorted(found[arm].keys() & found[other].keys())
                difference = np.array([found[arm][seed] - found[other][seed] for seed in both])
                table.add_row(str(queries), f"{arm}, minus {other}", estimate(difference))
        return table


@lru_cache(maxsize=2)
def recorded(seed: int) -> PreferenceVectorEnv:
    """Record the demonstrators of a seed."""
    return demonstrated(ENV, seed)


def run(cell: Cell, num_pairs: int, wanted: Line) -> Line:
    """Fit a reward model to the oracle's statements; return the line with its accuracy on fresh pairs."""
    torch.set_num_threads(1)
    played, fresh = recorded(cell.seed), recorded(FRESH + cell.seed)
    started = time.perf_counter()
    queries = queries_of(played, cell.queries, NUM_OPTIONS, cell.seed)
    learner = Ensemble(EnsembleCfg(), played, seed=cell.seed)
    report = learner.fit(ARMS[cell.arm](queries, RaterInfo(name="oracle")))
    return {
        **wanted,
        "accuracy": accuracy_on(learner, queries_of(fresh, num_pairs, 2, cell.seed).options),
        "epochs": report.epochs,
        "train_accuracy": report.train_accuracy,
        "wall_time_s": time.perf_counter() - started,
        "version": __version__,
        "git_revision": git_revision(),
    }


if __name__ == "__main__":
    sys.exit(Rankings(tyro.cli(RankingsCfg, description=__doc__)).make() > 0)
