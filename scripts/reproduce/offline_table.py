"""Learn offline from preferences by regret, with five agents, clone beside them, and print the table.

    python scripts/reproduce/offline_table.py --jobs 2
    python scripts/reproduce/offline_table.py --jobs 2 --policies medium expert --noise 0.1 --out runs/offline-mixed

For each task and seed a medium policy plays with noise, or several policies do, segments of these episodes are compared
by regret, and each agent learns from the same preferences and may use the same episodes. A cell is one offline training
in a process with one thread, and adds one line to the results file; cells that have a line there with the same settings
are not run again. Data that are missing are made anew, from the same seeds.

Returns swing from one evaluation to the next, so the mean over the last fifth of the training counts. A score is the
fraction of the way from a return (0) to the expert's (1). There are three:

- `from medium`: 0 is the medium policy without noise;
- `from data`: 0 is the recorded return;
- `best window`: as `from medium`, for the best mean of neighbouring evaluations, as many as a fifth.
"""

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import tyro
from rich.table import Table

from prefgym import agents, raters
from prefgym.bench.cells import Line, read_lines
from prefgym.bench.grid import GridCfg, TrainingGrid, train_cell
from prefgym.common.limits import Count, NonNegative
from prefgym.common.processes import in_processes
from prefgym.demos.collect import DemosCfg, write_demos
from prefgym.evaluation.experts import load_expert
from prefgym.evaluation.statistics import over_tasks
from prefgym.nn.actor import ActorCfg
from prefgym.runs.settings import Settings, settings, without
from prefgym.samplers.uniform import UniformSamplerCfg
from prefgym.training.annotate import MakePreferencesCfg, make_preferences
from prefgym.training.api import offline_cfg
from prefgym.training.config import OfflineCfg, OfflineEvalCfg

AGENTS: dict[str, dict[str, object]] = {
    "cpl": {},
    "cpl-kl": {},
    "sft": {},
    "p-iql": {"batch_size": 512},
    "ipl": {"batch_size": 512},
    "bc": {"actor": ActorCfg(head="deterministic", dropout=0.25)},  # as cpl and sft have it
}
"""Agents, and their settings that differ from the defaults."""
SCORES = ("from medium", "from data", "best window")


@dataclass(frozen=True, kw_only=True)
class OfflineTableCfg(GridCfg):
    """The cells of the table, and their data."""

    tasks: tuple[str, ...] = ("HalfCheetah", "Hopper", "Walker2d", "Pusher")
    """Names of tasks."""
    agents: tuple[str, ...] = tuple(AGENTS)
    """Agents that learn."""
    seeds: Count = 3
    """Seeds 0, 1, ... of data, preferences and agents."""
    policies: tuple[str, ...] = ("medium",)
    """Policies that play."""
    episodes: Count = 300
    """Episodes."""
    noise: NonNegative = 0.3
    """Standard deviation of the noise on their actions, in units of half the range of actions."""
    queries: Count = 2000
    """Queries."""
    segment_length: Count = 64
    """Steps of a segment."""
    updates: Count = 8000
    """Gradient steps of an agent."""
    out: Path = Path("runs/offline-table")
    """Folder of data and runs."""
    results: Path = Path("benchmarks/offline.jsonl")
    """Results file, a line for each finished cell."""


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


class OfflineTable(TrainingGrid[Cell]):
    """Agents by tasks."""

    width = 160

    def __init__(self, cfg: OfflineTableCfg) -> None:
        super().__init__(cfg)
        self.cfg = cfg

    def cells(self) -> Iterator[Cell]:
        """List the cells, all of a seed before those of the next."""
        for seed, task, agent in product(range(self.cfg.seeds), self.cfg.tasks, self.cfg.agents):
            yield Cell(task=task, agent=agent, seed=seed)

    def config(self, cell: Cell) -> OfflineCfg:
        """Return the configuration of a cell."""
        demos, questions = self.data_configs(cell.task, cell.seed)
        env = f"prefgym/{cell.task}-v0"
        return offline_cfg(
            env=env,
            preferences=None if cell.agent == "bc" else questions.out,
            dataset=demos.dataset,
            datasets=demos.out,
            agent=agents.cfg(cell.agent, env=env, **AGENTS.get(cell.agent, {})),
            updates=self.cfg.updates,
            seed=cell.seed,
            threads=1,
            eval=OfflineEvalCfg(every=max(self.cfg.updates // 20, 1), at_sessions=False),
        )

    def data_configs(self, task: str, seed: int) -> tuple[DemosCfg, MakePreferencesCfg]:
        """Return the configurations of the episodes and of the queries about them."""
        cfg, env = self.cfg, f"prefgym/{task}-v0"
        folder, dataset = cfg.out / "data" / f"{task}-{seed}", f"{task.lower()}/seed{seed}-v0"
        card = load_expert(env).card
        half_range = float(np.mean([high - low for low, high in zip(card.action_low, card.action_high)])) / 2
        demos = DemosCfg(
            env=env,
            dataset=dataset,
            policy=cfg.policies,
            noise=float(f"{cfg.noise * half_range:g}"),
            episodes=cfg.episodes,
            num_envs=100,
            seed=1000 * seed,
            out=folder / "datasets",
        )
        questions = MakePreferencesCfg(
            dataset=dataset,
            datasets=demos.out,
            out=folder / "preferences",
            env=env,
            rater="regret",
            rater_cfg=raters.cfg("regret"),
            queries=cfg.queries,
            sampler=UniformSamplerCfg(segment_length=cfg.segment_length, keep_short=False, recent_steps=None),
            seed=seed,
            threads=1,
        )
        return demos, questions

    def settings(self, cell: Cell) -> Settings:
        """Return the settings of episodes, queries and training, but for where the files are."""
        train = without(settings(self.config(cell)), "preferences", "dataset", "datasets")
        return train | self.data_settings(cell.task, cell.seed)

    def data_settings(self, task: str, seed: int) -> Settings:
        """Return the settings of episodes and queries."""
        demos, questions = self.data_configs(task, seed)
        played, asked = settings(demos, "demos."), settings(questions, "questions.")
        names = ("dataset", "datasets", "out", "threads")
        return without(played | asked, *(f"{part}.{name}" for part in ("demos", "questions") for name in names))

    def prepare(self, cells: Sequence[Cell]) -> None:
        """Make the missing episodes and preferences."""
        tasks = {
            (task, seed): partial(make_data, *self.data_configs(task, seed), self.data_settings(task, seed))
            for seed, task in sorted({(cell.seed, cell.task) for cell in cells})
        }
        for _, made in in_processes(tasks, self.cfg.jobs):
            made.result()

    def task(self, cell: Cell) -> Callable[[], Line]:
        """Return the function that runs a cell."""
        demos, _ = self.data_configs(cell.task, cell.seed)
        return partial(run, self.folder(cell), self.config(cell), demos, wanted=self.wanted(cell), names=self.results)

    def describe(self, line: Line) -> str:
        """Write the result of a cell in a few words."""
        return f"{line['late_return']:.1f} in {line['wall_time_s']:.0f} s"

    def table(self, done: dict[Cell, Line]) -> Table:
        """Lay out the returns of all seeds, and the scores over all tasks."""
        cfg = self.cfg
        table = Table(title=f"true return in the last fifth of {cfg.updates:,} updates, and the score over all tasks")
        for name in ("agent", *cfg.tasks, "runs", *SCORES, "longest run, s"):
            table.add_column(name)
        recorded = ["recorded"]
        for task in cfg.tasks:
            returns = {cell.seed: line["recorded_return"] for cell, line in done.items() if cell.task == task}
            recorded.append(" ".join(f"{returns[seed]:.0f}" for seed in sorted(returns)))
        table.add_row(*recorded)
        for agent in cfg.agents:
            by_task = [
                [done[c] for c in self.cells() if (c.task, c.agent) == (t, agent) and c in done] for t in cfg.tasks
            ]
            if any(by_task):
                table.add_row(agent, *row(by_task))
        return table


def make_data(demos: DemosCfg, questions: MakePreferencesCfg, settings: Settings) -> None:
    """Play and ask unless that has been done with the same settings.

    Raises:
        UserError: If it fails.
    """
    folder = questions.out.parent
    done = folder / "settings.json"
    if done.is_file() and json.loads(done.read_text()) == settings:
        return
    shutil.rmtree(folder, ignore_errors=True)
    write_demos(demos)
    make_preferences(questions)
    done.write_text(json.dumps(settings))


def run(folder: Path, cfg: OfflineCfg, demos: DemosCfg, *, wanted: Line, names: Sequence[str]) -> Line:
    """Train into a run folder; return the line with the recorded return and all evaluations.

    Raises:
        UserError: If it fails.
    """
    line = train_cell(folder, cfg, wanted, names)
    assert demos.out is not None  # the table keeps its data beside its runs
    card = json.loads((demos.out / demos.dataset / "data" / "metadata.json").read_text())["prefgym"]
    curve = [line["eval/mean_reward"] for line in read_lines(folder / "metrics.jsonl") if "eval/mean_reward" in line]
    late = float(np.mean(curve[-fifth(curve) :]))
    return {**line, "recorded_return": card["mean_return"], "curve": curve, "late_return": late}


def fifth(curve: Sequence[float]) -> int:
    """Count the evaluations of a fifth of the training."""
    return max(len(curve) // 5, 1)


def row(by_task: Sequence[Sequence[Line]]) -> list[str]:
    """Write the returns of each task, the number of runs, the scores over all tasks, and the longest time."""
    returns = [" ".join(f"{line['late_return']:.0f}" for line in lines) for lines in by_task]
    lines = [line for lines in by_task for line in lines]
    scores = [np.array([list(scores_of(line).values()) for line in lines]) for lines in by_task if lines]
    means = [str(over_tasks([task[:, i] for task in scores], np.random.default_rng(0))) for i in range(len(SCORES))]
    return [*returns, str(len(lines)), *means, f"{max(line['wall_time_s'] for line in lines):.0f}"]


def scores_of(line: Line) -> dict[str, float]:
    """Return the three scores of a run."""
    env_id, curve = f"prefgym/{line['task']}-v0", line["curve"]
    medium, expert = load_expert(env_id, "medium").card.returns.mean, load_expert(env_id).card.returns.mean
    size = fifth(curve)
    best = max(np.mean(curve[i : i + size]) for i in range(len(curve) - size + 1))
    pairs = (line["late_return"], medium), (line["late_return"], line["recorded_return"]), (best, medium)
    return {name: float((value - zero) / (expert - zero)) for name, (value, zero) in zip(SCORES, pairs)}


if __name__ == "__main__":
    sys.exit(OfflineTable(tyro.cli(OfflineTableCfg, description=__doc__)).make() > 0)
