"""Train every task with and without preferences over several seeds, and print the table of docs/benchmarks.md.

    python scripts/learning_table.py --jobs 2
    python scripts/learning_table.py --budgets 0 500 --tasks HalfCheetah --raters oracle mistake --seeds 3
    python scripts/learning_table.py --budgets 0 500 --tasks Walker2d --agent pebble --steps 150_000 --seeds 3

Each cell is one training in a process with one thread, and adds one line to the results file. Cells that have a line
there under the present configuration are not run again, here or on another machine.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import tyro
from rich.table import Table

from prefgym.bench.cells import Line
from prefgym.bench.grid import GridCfg, TrainingGrid
from prefgym.buffers.recorder import RecorderCfg
from prefgym.common.limits import Count, Natural
from prefgym.evaluation.statistics import Scores, average, label_of, ratio
from prefgym.training.api import train_cfg
from prefgym.training.config import TrainCfg


@dataclass(frozen=True, kw_only=True)
class LearningTableCfg(GridCfg):
    """The cells of the table."""

    tasks: tuple[str, ...] = ("HalfCheetah", "Hopper", "Walker2d")
    """Names of tasks."""
    budgets: tuple[Natural, ...] = (0, 500, 100, 200)
    """Query budgets; 0 trains on the task reward."""
    raters: tuple[str, ...] = ("oracle",)
    """Raters that answer the queries."""
    agent: str = "ppo"
    """Agent that learns to act."""
    seeds: Count = 10
    """Seeds 0, 1, ... of every cell."""
    steps: Count = 1_000_000
    """Environment steps."""
    results: Path = Path("benchmarks/learning.jsonl")
    """Results file, a line for each finished cell."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One run."""

    task: str
    budget: int
    seed: int
    rater: str = "oracle"
    """`none` where the budget is 0."""

    @property
    def name(self) -> str:
        """Name its folder."""
        return f"{self.task}-{self.rater}-{self.budget}-{self.seed}"


class LearningTable(TrainingGrid[Cell]):
    """Tasks by raters and budgets."""

    results = (*TrainingGrid.results, "num_asked", "steps")

    def __init__(self, cfg: LearningTableCfg) -> None:
        super().__init__(cfg)
        self.cfg = cfg

    def cells(self) -> Iterator[Cell]:
        """List the cells so that an unfinished table has about as many seeds everywhere."""
        cfg = self.cfg
        for budgets in (cfg.budgets[:2], cfg.budgets[2:]):
            for seed, task, budget in product(range(cfg.seeds), cfg.tasks, budgets):
                for rater in cfg.raters if budget else ("none",):
                    yield Cell(task=task, budget=budget, seed=seed, rater=rater)

    def config(self, cell: Cell) -> TrainCfg:
        """Return the configuration of a cell."""
        return train_cfg(
            f"prefgym/{cell.task}-v0",
            rater=cell.rater,
            agent=self.cfg.agent,
            budget=cell.budget or TrainCfg.budget,
            steps=self.cfg.steps,
            seed=cell.seed,
            threads=1,
            report=False,
            recorder=RecorderCfg(state=False),
        )

    def scores(self, done: dict[Cell, Line], task: str, rater: str, budget: int) -> Scores:
        """Collect the true returns of the finished seeds."""
        seeds = (Cell(task=task, rater=rater, budget=budget, seed=seed) for seed in range(self.cfg.seeds))
        return np.array([done[cell]["final_return_mean"] for cell in seeds if cell in done])

    def time_ratios(self, done: dict[Cell, Line], task: str, rater: str, budget: int) -> Scores:
        """Divide wall times with and without preferences, seed by seed, where both were run at one commit."""
        ratios: list[float] = []
        for seed in range(self.cfg.seeds):
            asked = done.get(Cell(task=task, rater=rater, budget=budget, seed=seed))
            base = done.get(Cell(task=task, rater="none", budget=0, seed=seed))
            if asked and base and asked["git_revision"] == base["git_revision"]:
                ratios.append(asked["wall_time_s"] / base["wall_time_s"])
        return np.array(ratios)

    def table(self, done: dict[Cell, Line]) -> Table:
        """Lay out average, seeds, ratio to the task reward and its interval, and wall time."""
        commits = sorted({str(line["git_revision"])[:7] for line in done.values()})
        title = f"true return of {self.cfg.agent} after {self.cfg.steps:,} steps; run at {', '.join(commits)}"
        rows: list[list[str]] = []
        sizes: list[int] = []
        for task, budget in product(self.cfg.tasks, sorted(self.cfg.budgets)):
            for rater in self.cfg.raters if budget else ("none",):
                if len(scores := self.scores(done, task, rater, budget)):
                    sizes.append(len(scores))
                    rows.append([task, rater, str(budget or "task reward"), *self.row(done, task, rater, budget)])
        table = Table(title=title)
        names = ("task", "rater", "labels", "runs", label_of(sizes), "all seeds")
        for name in (*names, "ratio", "95 % interval", "wall time, ratio"):
            table.add_column(name, justify="left" if name in ("task", "rater", "all seeds") else "right")
        for row in rows:
            table.add_row(*row)
        return table

    def row(self, done: dict[Cell, Line], task: str, rater: str, budget: int) -> list[str]:
        """Write the runs of one row, and their ratio to those on the task reward where there are some."""
        scores, base = self.scores(done, task, rater, budget), self.scores(done, task, "none", 0)
        row = [str(len(scores)), f"{average(scores):.0f}", " ".join(f"{score:.0f}" for score in scores)]
        if not budget or not len(base):
            return row
        to_base = ratio(scores, base, np.random.default_rng(0))
        times = self.time_ratios(done, task, rater, budget)
        return [*row, f"{to_base.value:.2f}", to_base.shown_interval, f"{np.median(times):.2f}" if len(times) else ""]


if __name__ == "__main__":
    sys.exit(LearningTable(tyro.cli(LearningTableCfg, description=__doc__)).make() > 0)
