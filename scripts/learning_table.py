"""Train every task with and without preferences over several seeds, and print the table of docs/benchmarks.md.

Each cell is one `prefgym train` in a process with one thread, and adds one line to the results file. Cells that have a
line there under the present configuration are not run again, here or on another machine.

    python scripts/learning_table.py --jobs 2
    python scripts/learning_table.py --budgets 0 500 --tasks HalfCheetah --raters oracle mistake --seeds 3
    python scripts/learning_table.py --budgets 0 500 --tasks Walker2d --agent pebble --steps 150_000 --seeds 3
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from prefgym.bench.cells import Line, finish, read_lines, run_cells
from prefgym.bench.statistics import Scores, iqm, ratio_of_iqms
from prefgym.cli.flags import parse_train
from prefgym.runs.folder import plain, read_config


@dataclass(frozen=True, kw_only=True)
class LearningTableCfg:
    """Which cells to run."""

    tasks: tuple[str, ...] = ("HalfCheetah", "Hopper", "Walker2d")
    """Names of tasks."""
    budgets: tuple[int, ...] = (0, 500, 100, 200)
    """Queries that may be asked; 0 trains on the task reward."""
    raters: tuple[str, ...] = ("oracle",)
    """Who answers."""
    agent: str = "ppo"
    """Who learns to act."""
    seeds: int = 10
    """Seeds 0, 1, ... of every cell."""
    steps: int = 1_000_000
    """Environment steps."""
    jobs: int = 2
    """Cells run at the same time, one thread each."""
    out: Path = Path("runs/table")
    """Where the runs are kept, a folder each."""
    results: Path = Path("benchmarks/learning.jsonl")
    """Results file, a line for each finished cell."""
    print_only: bool = False
    """Print what is there and run nothing."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One run."""

    task: str
    budget: int
    seed: int
    rater: str = "oracle"
    """Who answers; without a budget, nobody is asked, and this is `none`."""

    @property
    def name(self) -> str:
        """Name its folder."""
        return f"{self.task}-{self.rater}-{self.budget}-{self.seed}"


def main(cfg: LearningTableCfg) -> int:
    """Run what is missing, then print; return the number of cells that failed."""
    done = read_results(cfg)
    missing = [cell for cell in cells(cfg) if cell not in done and not cfg.print_only]
    done |= run_cells(missing, partial(run, cfg), cfg.results, cfg.jobs, tell)
    Console(width=120).print(summarize(cfg, done))
    return sum(cell not in done for cell in missing)


def cells(cfg: LearningTableCfg) -> Iterator[Cell]:
    """List the cells so that an unfinished table has about as many seeds everywhere."""
    for budgets in (cfg.budgets[:2], cfg.budgets[2:]):
        for seed in range(cfg.seeds):
            for task in cfg.tasks:
                for budget in budgets:
                    for rater in cfg.raters if budget else ("none",):
                        yield Cell(task=task, budget=budget, seed=seed, rater=rater)


def arguments(cfg: LearningTableCfg, cell: Cell) -> list[str]:
    """Say how a cell is trained."""
    who = ["--rater", cell.rater, *(["--budget", str(cell.budget)] if cell.budget else []), "--agent", cfg.agent]
    where = ["--env", f"prefgym/{cell.task}-v0", "--steps", str(cfg.steps), "--seed", str(cell.seed)]
    return [*where, *who, "--threads", "1", "--no-report", "--recorder.no-state"]


def settings(config: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Write a resolved configuration as words, but for where the run is kept and how it was asked for."""
    told: dict[str, str] = {}
    for name, value in config.items():
        if isinstance(value, dict):
            told |= settings(value, f"{prefix}{name}.")
        elif prefix + name not in ("out", "command"):
            told[prefix + name] = str(value)
    return told


def wanted(cfg: LearningTableCfg, cell: Cell) -> dict[str, str]:
    """Return the settings of a cell under the present configuration."""
    return settings(plain(asdict(parse_train(arguments(cfg, cell)))))


def read_results(cfg: LearningTableCfg) -> dict[Cell, Line]:
    """Read the lines of the results file that were made under the present configuration.

    Settings that a line does not know came later; their defaults are taken to change nothing. Without a rater nothing
    is asked or fitted, so it does not matter how it would have been.
    """
    lines = read_lines(cfg.results)
    present = {cell: wanted(cfg, cell).items() for cell in cells(cfg)}
    return {
        cell: line for cell, items in present.items() for line in lines if relevant(line["settings"]).items() <= items
    }


def relevant(told: dict[str, str]) -> dict[str, str]:
    """Leave out how questions are asked and rewards are fitted where there is no rater."""
    unused = ("budget", "schedule.", "recorder.", "sampler", "reward") if told["rater"] == "none" else ()
    return {name: value for name, value in told.items() if not name.startswith(unused)}


def tell(line: Line) -> str:
    """Say what a cell came to."""
    return f"{line['final_return_mean']:.0f} in {line['wall_time_s']:.0f} s"


def run(cfg: LearningTableCfg, cell: Cell) -> Line:
    """Run one cell unless its folder is there, and return its line.

    Raises:
        RuntimeError: If it fails.
    """
    digest = hashlib.sha256(json.dumps(wanted(cfg, cell), sort_keys=True).encode()).hexdigest()
    folder = cfg.out / f"{cell.name}-{digest[:8]}"
    result = finish(folder, "train", *arguments(cfg, cell))
    return {
        **{name: result[name] for name in ("env", "rater", "seed", "num_asked", "steps")},
        **{name: result[name] for name in ("final_return_mean", "returns", "wall_time_s", "version", "git_revision")},
        "settings": settings(read_config(folder)),
    }


def column(cfg: LearningTableCfg, done: dict[Cell, Line], task: str, rater: str, budget: int) -> Scores:
    """Collect the scores of the seeds that are finished."""
    seeds = (Cell(task=task, rater=rater, budget=budget, seed=seed) for seed in range(cfg.seeds))
    return np.array([done[cell]["final_return_mean"] for cell in seeds if cell in done])


def time_ratios(cfg: LearningTableCfg, done: dict[Cell, Line], task: str, rater: str, budget: int) -> Scores:
    """Divide wall times with and without preferences, seed by seed, where one call made both: at the same commit."""
    ratios: list[float] = []
    for seed in range(cfg.seeds):
        asked = done.get(Cell(task=task, rater=rater, budget=budget, seed=seed))
        base = done.get(Cell(task=task, rater="none", budget=0, seed=seed))
        if asked and base and asked["git_revision"] == base["git_revision"]:
            ratios.append(asked["wall_time_s"] / base["wall_time_s"])
    return np.array(ratios)


def summarize(cfg: LearningTableCfg, done: dict[Cell, Line]) -> Table:
    """Lay out IQM, seeds, ratio to the task reward and its interval, and wall time."""
    commits = sorted({str(told["git_revision"])[:7] for told in done.values()})
    table = Table(title=f"true return of {cfg.agent} after {cfg.steps:,} steps; run at {', '.join(commits)}")
    for name in ("task", "rater", "labels", "runs", "IQM", "all seeds", "ratio", "95 % interval", "wall time, ratio"):
        table.add_column(name, justify="left" if name in ("task", "rater", "all seeds") else "right")
    for task, budget in product(cfg.tasks, sorted(cfg.budgets)):
        for rater in cfg.raters if budget else ("none",):
            row = summarize_cells(cfg, done, task, rater, budget)
            if row:
                table.add_row(*row)
    return table


def summarize_cells(cfg: LearningTableCfg, done: dict[Cell, Line], task: str, rater: str, budget: int) -> list[str]:
    """Write one row; none where there are fewer than two seeds."""
    scores, base = column(cfg, done, task, rater, budget), column(cfg, done, task, "none", 0)
    if len(scores) < 2 or len(base) < 2:
        return []
    row = [task, rater, str(budget) if budget else "task reward", str(len(scores)), f"{iqm(scores):.0f}"]
    row.append(" ".join(f"{score:.0f}" for score in scores))
    if budget:
        ratio = ratio_of_iqms(scores, base, np.random.default_rng(0))
        times = time_ratios(cfg, done, task, rater, budget)
        row += [f"{ratio.value:.2f}", f"{ratio.low:.2f} to {ratio.high:.2f}"]
        row.append(f"{np.median(times):.2f}" if len(times) else "")
    return row


if __name__ == "__main__":
    sys.exit(main(tyro.cli(LearningTableCfg)) > 0)
