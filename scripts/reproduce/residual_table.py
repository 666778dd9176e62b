"""Correct a cloned policy that moves a block, rewarded at success alone, and print the table of docs/benchmarks.md.

    python scripts/reproduce/residual_table.py --jobs 2

For each seed a scripted demonstrator plays a few episodes, and a policy with plans of several steps is cloned from
them. Then there are three arms, which remember the same demonstrations; the first two learn from 1 at the goal:

- `residual` corrects the cloned policy;
- `alone` has the same learner without a base: the correction, as large as the bounds, is all there is;
- `preferences` corrects the cloned policy, on a reward learned from a simulated rater instead, who says which of
two
  short segments is longer at the goal.

A cell is one `prefgym train` in a process with one thread, and adds one line to the results file; cells that have a
line there with the same flags and defaults are not run again. Demonstrations and bases that are missing are made anew.
"""

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from prefgym import agents
from prefgym.bench.cells import Line, call, finish, in_json, read_done, read_lines, run_cells
from prefgym.common.limits import Count, Positive, check

GOAL = 0.9
"""Share of successes that is aimed at."""
LEARNED = (
    *("--rater", "oracle", "--segment-length", "5", "--reward.tanh", "--reward.hidden", "256", "256"),
    *("--reward.fit.weight-decay", "1", "--reward.fit.gradient-steps", "300", "--sampler.recent-steps", "10_000"),
    *("--schedule.num-sessions", "20", "--schedule.last", "0.95", "--schedule.spacing", "1"),
)
"""How the third arm's reward is learned. Of a whole episode, nobody knows which step was the good one; success is all
or nothing; and while nobody is asked, blocks come to rest where they nearly succeed."""


@dataclass(frozen=True, kw_only=True)
class ResidualTableCfg:
    """Which cells to run."""

    task: str = "FetchPickAndPlace"
    """Name of the task."""
    arms: tuple[str, ...] = ("residual", "alone")
    """What is compared: `residual`, `alone`, `preferences`."""
    seeds: Count = 3
    """Seeds 0, 1, ... of demonstrations, bases and learners."""
    steps: Count = 40_000
    """Environment steps."""
    demos: Count = 20
    """Demonstrations."""
    chunk: Count = 10
    """Steps of a plan of the cloned policy."""
    updates: Count = 2000
    """Updates of cloning."""
    scale: Positive = 0.3
    """Largest correction."""
    episodes: Count = 100
    """Episodes of the last evaluation."""
    budget: Count = 4000
    """Queries of the third arm."""
    agent: tuple[str, ...] = ()
    """Settings of the learner that differ, such as `n-step=5`."""
    jobs: Count = 2
    """Cells run at the same time, one thread each."""
    out: Path = Path("runs/residual")
    """Where demonstrations and runs are kept."""
    results: Path = Path("benchmarks/residual.jsonl")
    """Results file, a line for each finished cell."""
    print_only: bool = False
    """Print what is there and run nothing."""

    __post_init__ = check


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One run."""

    arm: str
    seed: int

    @property
    def name(self) -> str:
        """Name its folder."""
        return f"{self.arm}-{self.seed}"


def main(cfg: ResidualTableCfg) -> int:
    """Run what is missing, then print; return the number of cells that failed."""
    done = read_done(cfg.results, cells(cfg), partial(wanted, cfg))
    missing = [cell for cell in cells(cfg) if cell not in done and not cfg.print_only]
    with ThreadPoolExecutor(cfg.jobs) as pool:
        list(pool.map(partial(make_base, cfg), sorted({cell.seed for cell in missing})))
    done |= run_cells(missing, partial(run, cfg), cfg.results, cfg.jobs, tell)
    Console(width=140).print(summarize(cfg, done))
    return sum(cell not in done for cell in missing)


def cells(cfg: ResidualTableCfg) -> Iterator[Cell]:
    """List the cells, all of a seed before those of the next."""
    for seed in range(cfg.seeds):
        for arm in cfg.arms:
            yield Cell(arm=arm, seed=seed)


def demos_flags(cfg: ResidualTableCfg, seed: int) -> list[str]:
    """Say how demonstrations are played."""
    return ["--env", f"prefgym/{cfg.task}-v0", "--episodes", str(cfg.demos), "--seed", str(1000 * seed)]


def base_flags(cfg: ResidualTableCfg, seed: int) -> list[str]:
    """Say how the base is cloned."""
    what = ["--agent", "bc", "--agent.chunk", str(cfg.chunk), "--agent.batch-size", "256"]
    how = [
        "--updates",
        str(cfg.updates),
        "--eval.every",
        str(10 * cfg.updates),
        "--eval.final-episodes",
        str(cfg.episodes),
    ]
    return [*what, *how, "--threads", "1", "--seed", str(seed)]


def train_flags(cfg: ResidualTableCfg, cell: Cell) -> list[str]:
    """Say how a cell learns, but for where its base is."""
    rater = [*LEARNED, "--budget", str(cfg.budget)] if cell.arm == "preferences" else ["--rater", "none"]
    what = ["--env", f"prefgym/{cfg.task}-v0", *rater, "--agent", "residual", "--steps", str(cfg.steps)]
    reach = ["--agent.scale", f"{cfg.scale:g}"]
    if cell.arm == "alone":  # it has all of the bounds to explore, and no base that does so
        reach = ["--agent.scale", "1", "--agent.noise", "0.2"]
    when = ["--eval.every", "10_000", "--eval.episodes", "50", "--eval.final-episodes", str(cfg.episodes)]
    how = [
        *reach,
        *(f"--agent.{told}" for told in cfg.agent),
        "--threads",
        "1",
        "--seed",
        str(cell.seed),
        "--no-report",
    ]
    return [*what, *when, *how]


def make_base(cfg: ResidualTableCfg, seed: int) -> Path:
    """Play demonstrations and clone a policy from them unless that has been done; return the folder of both.

    Raises:
        RuntimeError: If it fails.
    """
    told = json.dumps([demos_flags(cfg, seed), base_flags(cfg, seed)])
    folder = cfg.out / "bases" / f"{cfg.task}-{seed}-{_digest(told)}"
    if not (folder / "told.json").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        call("demos", *demos_flags(cfg, seed), "--dataset", "demos/all-v0", "--out", str(folder))
        finish(folder / "base", "train-offline", *base_flags(cfg, seed), *_demos_of(folder))
        (folder / "told.json").write_text(told)
    return folder


def _demos_of(folder: Path) -> list[str]:
    return ["--dataset", "demos/all-v0", "--datasets", str(folder)]


def _digest(told: str) -> str:
    return hashlib.sha256(told.encode()).hexdigest()[:8]


def wanted(cfg: ResidualTableCfg, cell: Cell) -> Line:
    """Return all that decides what a cell comes to."""
    flags = [demos_flags(cfg, cell.seed), base_flags(cfg, cell.seed), train_flags(cfg, cell)]
    defaults = in_json(agents.cfg("residual"))
    return {"task": cfg.task, "arm": cell.arm, "seed": cell.seed, "flags": flags, "defaults": defaults}


def run(cfg: ResidualTableCfg, cell: Cell) -> Line:
    """Run one cell unless its folder is there, and return its line.

    Raises:
        RuntimeError: If it fails.
    """
    folder = make_base(cfg, cell.seed)
    base = "zero" if cell.arm == "alone" else str(folder / "base")
    given = ["--agent.base", base, "--agent.demos", "demos/all-v0", "--agent.datasets", str(folder)]
    run_folder = cfg.out / f"{cell.name}-{_digest(json.dumps(wanted(cfg, cell)))}"
    result = finish(run_folder, "train", *train_flags(cfg, cell), *given)
    metrics = read_lines(run_folder / "metrics.jsonl")
    told = [
        (line["time/total_timesteps"], line["eval/success_rate"]) for line in metrics if "eval/success_rate" in line
    ]
    return {
        **wanted(cfg, cell),
        **{name: result[name] for name in ("success_rate", "wall_time_s", "version", "git_revision")},
        "base_success_rate": json.loads((folder / "base" / "result.json").read_text())["success_rate"],
        "success_by_steps": told,
    }


def tell(line: Line) -> str:
    """Say what a cell came to."""
    return f"success in {line['success_rate']:.0%} in {line['wall_time_s']:.0f} s"


def summarize(cfg: ResidualTableCfg, done: dict[Cell, Line]) -> Table:
    """Lay out successes of bases and arms, and the first evaluation that reached the goal."""
    table = Table(
        title=f"{cfg.task}: success after {cfg.steps:,} steps, {cfg.episodes} episodes; the goal is {GOAL:.0%}"
    )
    for name in ("arm", "base", "success", "mean", "first evaluation at the goal, steps", "wall time, s"):
        table.add_column(name)
    for arm in cfg.arms:
        lines = [done[cell] for cell in cells(cfg) if cell.arm == arm and cell in done]
        if not lines:
            continue
        bases = "" if arm == "alone" else " ".join(f"{line['base_success_rate']:.2f}" for line in lines)
        success = [line["success_rate"] for line in lines]
        first = [next((s for s, rate in line["success_by_steps"] if rate >= GOAL), None) for line in lines]
        reached = " ".join("never" if steps is None else f"{steps:,}" for steps in first)
        wall = f"{max(line['wall_time_s'] for line in lines):.0f}"
        table.add_row(arm, bases, " ".join(f"{x:.2f}" for x in success), f"{np.mean(success):.2f}", reached, wall)
    return table


if __name__ == "__main__":
    sys.exit(main(tyro.cli(ResidualTableCfg, description=__doc__)) > 0)
