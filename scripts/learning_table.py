"""Train every task with and without preferences over several seeds, and print the table of docs/benchmarks.md.

Each cell is one `prefgym train` in a process with one thread; cells that are finished are not run again.

    python scripts/learning_table.py --out runs/table --jobs 2
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tyro
from rich.console import Console
from rich.table import Table
from scipy import stats

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class LearningTableCfg:
    """Which cells to run."""

    tasks: tuple[str, ...] = ("HalfCheetah", "Hopper", "Walker2d")
    """Names of tasks."""
    budgets: tuple[int, ...] = (0, 500, 100, 200)
    """Queries that may be asked; 0 trains on the task reward."""
    rater: str = "oracle"
    """Who answers."""
    seeds: int = 10
    """Seeds 0, 1, ... of every cell."""
    steps: int = 1_000_000
    """Environment steps."""
    jobs: int = 2
    """Cells run at the same time, one thread each."""
    out: Path = Path("runs/table")
    """Where the runs are kept, a folder each."""
    print_only: bool = False
    """Print what is there and run nothing."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One run."""

    task: str
    budget: int
    seed: int

    @property
    def name(self) -> str:
        """Name its folder."""
        return f"{self.task}-{self.budget}-{self.seed}"


def main(cfg: LearningTableCfg) -> None:
    """Run what is missing, then print."""
    cfg.out.mkdir(parents=True, exist_ok=True)
    if not cfg.print_only:
        with ThreadPoolExecutor(cfg.jobs) as pool:
            for line in pool.map(lambda cell: run(cfg, cell), cells(cfg)):
                print(line, flush=True)
    Console(width=120).print(summarize(cfg))


def cells(cfg: LearningTableCfg) -> Iterator[Cell]:
    """List the cells so that an unfinished table has about as many seeds everywhere."""
    for budgets in (cfg.budgets[:2], cfg.budgets[2:]):
        for seed in range(cfg.seeds):
            for task in cfg.tasks:
                for budget in budgets:
                    yield Cell(task=task, budget=budget, seed=seed)


def run(cfg: LearningTableCfg, cell: Cell) -> str:
    """Run one cell unless it is finished, and say what came out; a failed one keeps its log."""
    folder = cfg.out / cell.name
    if not (folder / "manifest.json").is_file():
        attempt = cfg.out / f"{cell.name}.part"
        subprocess.run(["rm", "-rf", str(attempt)], check=True)
        who = ["--rater", cfg.rater, "--budget", str(cell.budget)] if cell.budget else ["--rater", "none"]
        where = ["--env", f"prefgym/{cell.task}-v0", "--steps", str(cfg.steps), "--seed", str(cell.seed)]
        quietly = ["--threads", "1", "--no-report", "--recorder.no-state", "--out", str(attempt)]
        command = [sys.executable, "-m", "prefgym", "train", *where, *who, *quietly]
        with (cfg.out / f"{cell.name}.log").open("w") as log:
            if subprocess.run(command, stdout=log, stderr=log, check=False).returncode:
                return f"{cell.name}: failed, see {log.name}"
        attempt.rename(folder)
    told = result(cfg, cell)
    return f"{cell.name}: {told['final_return_mean']:.0f} in {told['wall_time_s']:.0f} s"


def result(cfg: LearningTableCfg, cell: Cell) -> dict[str, Any]:
    """Read what a finished cell came to."""
    return json.loads((cfg.out / cell.name / "result.json").read_text())


def column(cfg: LearningTableCfg, task: str, budget: int, key: str) -> Scores:
    """Collect one number over the seeds that are finished."""
    runs = [Cell(task=task, budget=budget, seed=seed) for seed in range(cfg.seeds)]
    return np.array([result(cfg, c)[key] for c in runs if (cfg.out / c.name / "result.json").is_file()])


def iqm(scores: Scores, axis: int = -1) -> Any:  # noqa: ANN401
    """Return the mean of the middle half (Agarwal et al., arXiv:2108.13264)."""
    return stats.trim_mean(scores, 0.25, axis=axis)


def ratio(scores: Scores, reference: Scores) -> tuple[float, float, float]:
    """Return the ratio of two IQMs and its 95 % bootstrap interval; seeds of both arms are drawn anew."""
    drawn = stats.bootstrap(
        (scores, reference),
        lambda x, y, axis: iqm(x, axis) / iqm(y, axis),
        method="percentile",
        rng=np.random.default_rng(0),
        vectorized=True,
    )
    interval = drawn.confidence_interval
    return float(iqm(scores) / iqm(reference)), float(interval.low), float(interval.high)


def summarize(cfg: LearningTableCfg) -> Table:
    """Lay out IQM, seeds, ratio to the task reward and its interval, and wall time."""
    table = Table(title=f"true return after {cfg.steps:,} steps, rater {cfg.rater}")
    for name in ("task", "labels", "runs", "IQM", "all seeds", "ratio", "95 % interval", "wall time, ratio"):
        table.add_column(name, justify="left" if name in ("task", "all seeds") else "right")
    for task in cfg.tasks:
        base, base_time = (column(cfg, task, 0, key) for key in ("final_return_mean", "wall_time_s"))
        for budget in sorted(cfg.budgets):
            scores, seconds = (column(cfg, task, budget, key) for key in ("final_return_mean", "wall_time_s"))
            if len(scores) < 2 or len(base) < 2:
                continue
            row = [task, str(budget) if budget else "task reward", str(len(scores)), f"{iqm(scores):.0f}"]
            row.append(" ".join(f"{score:.0f}" for score in scores))
            if budget:
                middle, low, high = ratio(scores, base)
                row += [f"{middle:.2f}", f"{low:.2f} to {high:.2f}"]
                row.append(f"{np.median(seconds) / np.median(base_time):.2f}")
            table.add_row(*row)
    return table


if __name__ == "__main__":
    main(tyro.cli(LearningTableCfg))
