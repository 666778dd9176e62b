"""Learn offline from preferences by regret, with five agents, clone beside them, and print the table.

    python scripts/reproduce/offline_table.py --jobs 2
    python scripts/reproduce/offline_table.py --jobs 2 --policies medium expert --noise 0.1 --out runs/offline-mixed

For each task and seed a medium policy plays with noise, or several policies do, segments of what they did are compared
by regret, and each agent learns from the same answers and may use the same episodes. A cell is one `prefgym
train-offline` in a process with one thread, and adds one line to the results file; cells that have a line there with
the same flags and settings are not run again. Data that are missing are made anew, from the same seeds.

Returns swing from one evaluation to the next, so what counts is the mean over the last fifth of the training. A score
is how far a policy came on the way from the medium policy, without the noise it was recorded with, to the expert.
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
from prefgym.bench.statistics import iqm, over_tasks
from prefgym.common.limits import Count, NonNegative, check
from prefgym.evaluation.experts import load_expert

AGENTS: dict[str, tuple[str, ...]] = {
    "cpl": (),
    "cpl-kl": (),
    "sft": (),
    "p-iql": ("--agent.batch-size", "512"),
    "ipl": ("--agent.batch-size", "512"),
    "bc": ("--agent.actor.head", "deterministic", "--agent.actor.dropout", "0.25"),  # as cpl and sft have it
}


@dataclass(frozen=True, kw_only=True)
class OfflineTableCfg:
    """Which cells to run, and on what data."""

    tasks: tuple[str, ...] = ("HalfCheetah", "Hopper", "Walker2d", "Pusher")
    """Names of tasks."""
    agents: tuple[str, ...] = tuple(AGENTS)
    """Who learns."""
    seeds: Count = 3
    """Seeds 0, 1, ... of data, answers and agents."""
    policies: tuple[str, ...] = ("medium",)
    """Who plays."""
    episodes: Count = 300
    """Episodes."""
    noise: NonNegative = 0.3
    """Standard deviation of the noise on its actions, in units of half their range."""
    queries: Count = 2000
    """Answers."""
    segment_length: Count = 64
    """Steps of a segment."""
    updates: Count = 8000
    """Gradient steps of an agent."""
    jobs: Count = 2
    """Cells run at the same time, one thread each."""
    out: Path = Path("runs/offline-table")
    """Where data and runs are kept."""
    results: Path = Path("benchmarks/offline.jsonl")
    """Results file, a line for each finished cell."""
    print_only: bool = False
    """Print what is there and run nothing."""

    __post_init__ = check


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One run."""

    task: str
    agent: str
    seed: int

    @property
    def name(self) -> str:
        """Name its folder."""
        return f"{self.task}-{self.agent}-{self.seed}"


def main(cfg: OfflineTableCfg) -> int:
    """Run what is missing, then print; return the number of cells that failed."""
    done = read_done(cfg.results, cells(cfg), partial(wanted, cfg))
    missing = [cell for cell in cells(cfg) if cell not in done and not cfg.print_only]
    with ThreadPoolExecutor(cfg.jobs) as pool:
        data = sorted({(cell.seed, cell.task) for cell in missing})
        list(pool.map(lambda told: make_data(cfg, told[1], told[0]), data))
    done |= run_cells(missing, partial(run, cfg), cfg.results, cfg.jobs, tell)
    Console(width=160).print(summarize(cfg, done))
    return sum(cell not in done for cell in missing)


def cells(cfg: OfflineTableCfg) -> Iterator[Cell]:
    """List the cells, all of a seed before those of the next."""
    for seed in range(cfg.seeds):
        for task in cfg.tasks:
            for agent in cfg.agents:
                yield Cell(task=task, agent=agent, seed=seed)


def demos_flags(cfg: OfflineTableCfg, task: str, seed: int) -> list[str]:
    """Say how episodes are played."""
    half_range = float(np.mean([high - low for low, high in zip(*action_bounds(task))])) / 2
    what = ["--env", f"prefgym/{task}-v0", "--policy", *cfg.policies, "--noise", f"{cfg.noise * half_range:g}"]
    return [*what, "--episodes", str(cfg.episodes), "--num-envs", "100", "--seed", str(1000 * seed)]


def action_bounds(task: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Look up the bounds of actions."""
    card = load_expert(f"prefgym/{task}-v0").card
    return card.action_low, card.action_high


def question_flags(cfg: OfflineTableCfg, seed: int) -> list[str]:
    """Say what is asked."""
    segments = ["--sampler.segment-length", str(cfg.segment_length), "--sampler.no-keep-short"]
    return ["--rater", "regret", "--queries", str(cfg.queries), *segments, "--seed", str(seed)]


def train_flags(cfg: OfflineTableCfg, cell: Cell) -> list[str]:
    """Say how an agent learns."""
    who = ["--agent", cell.agent, *AGENTS[cell.agent], "--updates", str(cfg.updates), "--seed", str(cell.seed)]
    return [*who, "--threads", "1", "--eval.every", str(max(cfg.updates // 20, 1)), "--eval.episodes", "10"]


def make_data(cfg: OfflineTableCfg, task: str, seed: int) -> Path:
    """Play and ask unless that has been done; return the folder of the answers.

    Raises:
        RuntimeError: If it fails.
    """
    datasets, name = dataset_of(cfg, task, seed)
    folder = datasets.parent
    told = json.dumps([demos_flags(cfg, task, seed), question_flags(cfg, seed)])
    if (folder / "told.json").is_file() and (folder / "told.json").read_text() == told:
        return folder / "preferences"
    shutil.rmtree(folder, ignore_errors=True)
    where = ["--dataset", name]
    call("demos", *demos_flags(cfg, task, seed), *where, "--out", str(datasets), "--threads", "1")
    asked = [*where, "--datasets", str(datasets), "--threads", "1"]
    call("make-preferences", *asked, *question_flags(cfg, seed), "--out", str(folder / "preferences"))
    (folder / "told.json").write_text(told)
    return folder / "preferences"


def dataset_of(cfg: OfflineTableCfg, task: str, seed: int) -> tuple[Path, str]:
    """Say where the recorded episodes are: a folder of datasets, and an id."""
    return cfg.out / "data" / f"{task}-{seed}" / "datasets", f"{task.lower()}/seed{seed}-v0"


def recorded_return(cfg: OfflineTableCfg, task: str, seed: int) -> float:
    """Return the mean return of the recorded episodes."""
    folder, name = dataset_of(cfg, task, seed)
    return json.loads((folder / name / "data" / "metadata.json").read_text())["prefgym"]["mean_return"]


def wanted(cfg: OfflineTableCfg, cell: Cell) -> Line:
    """Return all that decides what a cell comes to."""
    flags = [demos_flags(cfg, cell.task, cell.seed), question_flags(cfg, cell.seed), train_flags(cfg, cell)]
    defaults = in_json(agents.cfg(cell.agent))
    return {"task": cell.task, "agent": cell.agent, "seed": cell.seed, "flags": flags, "defaults": defaults}


def tell(line: Line) -> str:
    """Say what a cell came to."""
    return f"{line['late_return']:.1f} in {line['wall_time_s']:.0f} s"


def run(cfg: OfflineTableCfg, cell: Cell) -> Line:
    """Run one cell unless its folder is there, and return its line.

    Raises:
        RuntimeError: If it fails.
    """
    digest = hashlib.sha256(json.dumps(wanted(cfg, cell)).encode()).hexdigest()
    answers, (datasets, name) = make_data(cfg, cell.task, cell.seed), dataset_of(cfg, cell.task, cell.seed)
    data = ["--dataset", name, "--datasets", str(datasets)]
    data += [] if cell.agent == "bc" else ["--preferences", str(answers)]
    folder = cfg.out / f"{cell.name}-{digest[:8]}"
    result = finish(folder, "train-offline", *train_flags(cfg, cell), *data)
    curve = [line["eval/mean_reward"] for line in read_lines(folder / "metrics.jsonl") if "eval/mean_reward" in line]
    return {
        **wanted(cfg, cell),
        **{name: result[name] for name in ("final_return_mean", "returns", "wall_time_s", "version", "git_revision")},
        "recorded_return": recorded_return(cfg, cell.task, cell.seed),
        "curve": curve,
        "late_return": float(np.mean(curve[-max(len(curve) // 5, 1) :])),
    }


def score(line: Line) -> float:
    """Return how far a policy came on the way from the medium policy to the expert."""
    env_id = f"prefgym/{line['task']}-v0"
    medium, expert = load_expert(env_id, "medium").card.returns.mean, load_expert(env_id).card.returns.mean
    return (line["late_return"] - medium) / (expert - medium)


def summarize(cfg: OfflineTableCfg, done: dict[Cell, Line]) -> Table:
    """Lay out the returns of all seeds, and the mean scores."""
    table = Table(title=f"true return in the last fifth of {cfg.updates:,} updates, and the score over all tasks")
    for name in ("agent", *cfg.tasks, "runs", "score, IQM (95 %)", "score, mean (95 %)", "longest run, s"):
        table.add_column(name)
    recorded = ["recorded"]
    for task in cfg.tasks:
        told = {cell.seed: line["recorded_return"] for cell, line in done.items() if cell.task == task}
        recorded.append(" ".join(f"{told[seed]:.0f}" for seed in sorted(told)))
    table.add_row(*recorded)
    for agent in cfg.agents:
        mine = {cell: line for cell, line in done.items() if cell.agent == agent}
        if not mine:
            continue
        by_task = [[line for cell, line in mine.items() if cell.task == task] for task in cfg.tasks]
        returns = [" ".join(f"{line['late_return']:.0f}" for line in lines) for lines in by_task]
        longest = max(line["wall_time_s"] for line in mine.values())
        scores = [np.array([score(line) for line in lines]) for lines in by_task if lines]
        told = [over_tasks(scores, np.random.default_rng(0), mean=mean) for mean in (iqm, np.mean)]
        drawn = max(map(len, scores)) > 1  # one seed tells no interval
        means = [f"{one.value:.2f}" + f" ({one.low:.2f} to {one.high:.2f})" * drawn for one in told]
        table.add_row(agent, *returns, str(len(mine)), *means, f"{longest:.0f}")
    return table


if __name__ == "__main__":
    sys.exit(main(tyro.cli(OfflineTableCfg, description=__doc__)) > 0)
