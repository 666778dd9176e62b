"""Correct a cloned policy that moves a block, rewarded at success alone, and print the table of docs/benchmarks.md.

    python scripts/reproduce/residual_table.py --jobs 2

For each seed a scripted demonstrator plays a few episodes, and a policy with plans of several steps is cloned from
them. Then there are three arms, which remember the same demonstrations; the first two learn from 1 at the goal:

- `residual` corrects the cloned policy;
- `alone` has the same learner without a base: the correction, as large as the bounds, is all there is;
- `preferences` corrects the cloned policy, on a reward learned from a simulated rater, which prefers the one of two
  short segments that is longer at the goal.

A cell is one training in a process with one thread, and adds one line to the results file; cells that have a line there
with the same settings are not run again. Demonstrations and bases that are missing are made anew.
"""

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import tyro
import yaml
from rich.table import Table

from prefgym import agents, raters, rewards, samplers
from prefgym.bench.cells import Line, finish, read_lines
from prefgym.bench.grid import GridCfg, TrainingGrid, digest, train_cell
from prefgym.common.limits import Count, Positive
from prefgym.common.processes import in_processes
from prefgym.demos.collect import DemosCfg, write_demos
from prefgym.rewards.fit import FitCfg
from prefgym.runs.settings import Settings, settings, without
from prefgym.training.api import offline_cfg, train_cfg
from prefgym.training.budget import ScheduleCfg
from prefgym.training.config import EvalCfg, OfflineCfg, OfflineEvalCfg, TrainCfg

GOAL = 0.9
"""Share of successes that is aimed at."""
DATASET = "demos/all-v0"


@dataclass(frozen=True, kw_only=True)
class ResidualTableCfg(GridCfg):
    """The cells of the table."""

    task: str = "FetchPickAndPlace"
    """Name of the task."""
    arms: tuple[str, ...] = ("residual", "alone")
    """Arms to compare: `residual`, `alone`, `preferences`."""
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
    out: Path = Path("runs/residual")
    """Folder of demonstrations and runs."""
    results: Path = Path("benchmarks/residual.jsonl")
    """Results file, a line for each finished cell."""

    @property
    def env(self) -> str:
        """Return the id of the environment."""
        return f"prefgym/{self.task}-v0"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One run."""

    arm: str
    seed: int

    @property
    def name(self) -> str:
        """Name its folder."""
        return f"{self.arm}-{self.seed}"


class ResidualTable(TrainingGrid[Cell]):
    """Arms by seeds."""

    results = ("success_rate", "wall_time_s", "version", "git_revision")
    width = 140

    def __init__(self, cfg: ResidualTableCfg) -> None:
        super().__init__(cfg)
        self.cfg = cfg

    def cells(self) -> Iterator[Cell]:
        """List the cells, all of a seed before those of the next."""
        for seed, arm in product(range(self.cfg.seeds), self.cfg.arms):
            yield Cell(arm=arm, seed=seed)

    def config(self, cell: Cell) -> TrainCfg:
        """Return the configuration of a cell."""
        cfg = self.cfg
        base = self.base_folder(cell.seed)
        reach = {"scale": cfg.scale}
        if cell.arm == "alone":  # it has all of the bounds to explore, and no base that does so
            reach = {"scale": 1.0, "noise": 0.2}
        data = {"base": "zero" if cell.arm == "alone" else str(base / "base"), "demos": DATASET, "datasets": str(base)}
        config = train_cfg(
            cfg.env,
            rater="none",
            agent=agents.cfg("residual", env=cfg.env, **{**data, **reach, **named(cfg.agent)}),
            steps=cfg.steps,
            seed=cell.seed,
            threads=1,
            report=False,
            eval=EvalCfg(every=10_000, episodes=50, final_episodes=cfg.episodes),
        )
        return self.with_preferences(config) if cell.arm == "preferences" else config

    def with_preferences(self, config: TrainCfg) -> TrainCfg:
        """Learn the reward from preferences.

        Segments are short, since of a whole episode the rater does not say which step was the good one. The reward is
        bounded, since success is all or nothing. Sessions go on almost to the end: without new answers, blocks come to
        rest where they nearly succeed.
        """
        ensemble = rewards.cfg("ensemble", tanh=True, hidden=(256, 256))
        return replace(
            config,
            rater="oracle",
            rater_cfg=raters.cfg("oracle"),
            reward_cfg=replace(ensemble, fit=FitCfg(weight_decay=1.0, gradient_steps=300)),
            sampler_cfg=samplers.cfg("disagreement", segment_length=5, recent_steps=10_000),
            budget=self.cfg.budget,
            schedule=ScheduleCfg(num_sessions=20, last=0.95, spacing=1.0),
        )

    def settings(self, cell: Cell) -> Settings:
        """Return the settings of demonstrations, cloning and training, but for where the files are."""
        train = without(settings(self.config(cell)), *(f"agent_cfg.{name}" for name in ("base", "demos", "datasets")))
        base = {"base": "zero" if cell.arm == "alone" else "cloned"}
        return train | base | self.base_settings(cell.seed)

    def base_settings(self, seed: int) -> Settings:
        """Return the settings of demonstrations and cloning."""
        demos, cloning = self.base_configs(seed)
        data = [f"cloning.{name}" for name in ("preferences", "dataset", "datasets")]
        return without(settings(demos, "demos."), "demos.dataset", "demos.threads", "demos.out") | without(
            settings(cloning, "cloning."), *data
        )

    def base_configs(self, seed: int) -> tuple[DemosCfg, OfflineCfg]:
        """Return the configurations of the demonstrations and of the cloning."""
        cfg = self.cfg
        demos = DemosCfg(env=cfg.env, dataset=DATASET, episodes=cfg.demos, seed=1000 * seed)
        cloning = offline_cfg(
            env=cfg.env,
            dataset=DATASET,
            agent=agents.cfg("bc", env=cfg.env, chunk=cfg.chunk, batch_size=256),
            updates=cfg.updates,
            seed=seed,
            threads=1,
            eval=OfflineEvalCfg(every=10 * cfg.updates, final_episodes=cfg.episodes),
        )
        return demos, cloning

    def base_folder(self, seed: int) -> Path:
        """Return the folder of demonstrations and base."""
        return self.cfg.out / "bases" / f"{self.cfg.task}-{seed}-{digest(self.base_settings(seed))}"

    def prepare(self, cells: Sequence[Cell]) -> None:
        """Make the missing demonstrations and bases."""
        seeds = sorted({cell.seed for cell in cells})
        tasks = {seed: partial(make_base, self.base_folder(seed), *self.base_configs(seed)) for seed in seeds}
        for _, made in in_processes(tasks, self.cfg.jobs):
            made.result()

    def task(self, cell: Cell) -> Callable[[], Line]:
        """Return the function that runs a cell."""
        base = self.base_folder(cell.seed) / "base"
        return partial(run, self.folder(cell), self.config(cell), base, wanted=self.wanted(cell), names=self.results)

    def describe(self, line: Line) -> str:
        """Write the result of a cell in a few words."""
        return f"success in {line['success_rate']:.0%} in {line['wall_time_s']:.0f} s"

    def table(self, done: dict[Cell, Line]) -> Table:
        """Lay out successes of bases and arms, and the first evaluation that reached the goal."""
        cfg = self.cfg
        title = f"{cfg.task}: success after {cfg.steps:,} steps, {cfg.episodes} episodes; the goal is {GOAL:.0%}"
        table = Table(title=title)
        for name in ("arm", "base", "success", "mean", "first evaluation at the goal, steps", "wall time, s"):
            table.add_column(name)
        for arm in cfg.arms:
            lines = [done[cell] for cell in self.cells() if cell.arm == arm and cell in done]
            if lines:
                table.add_row(arm, *row(lines, has_base=arm != "alone"))
        return table


def named(words: Sequence[str]) -> dict[str, object]:
    """Read settings such as `n-step=5`."""
    pairs = (one.partition("=") for one in words)
    return {name.replace("-", "_"): yaml.safe_load(value) for name, _, value in pairs}


def make_base(folder: Path, demos: DemosCfg, cloning: OfflineCfg) -> None:
    """Play demonstrations and clone a policy from them unless that has been done.

    Raises:
        UserError: If it fails.
    """
    done = folder / "done"
    if not done.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        write_demos(replace(demos, out=folder))
        finish(folder / "base", replace(cloning, datasets=folder))
        done.touch()


def run(folder: Path, cfg: TrainCfg, base: Path, *, wanted: Line, names: Sequence[str]) -> Line:
    """Train into a run folder; return the line with successes by steps, and that of the base.

    Raises:
        UserError: If it fails.
    """
    line = train_cell(folder, cfg, wanted, names)
    metrics = read_lines(folder / "metrics.jsonl")
    curve = [(m["time/total_timesteps"], m["eval/success_rate"]) for m in metrics if "eval/success_rate" in m]
    before = json.loads((base / "result.json").read_text())["success_rate"]
    return {**line, "base_success_rate": before, "success_by_steps": curve}


def row(lines: Sequence[Line], *, has_base: bool) -> list[str]:
    """Write successes before and after, their mean, when each seed reached the goal, and the longest time."""
    bases = " ".join(f"{line['base_success_rate']:.2f}" for line in lines) if has_base else ""
    success = np.array([line["success_rate"] for line in lines])
    first = [next((steps for steps, rate in line["success_by_steps"] if rate >= GOAL), None) for line in lines]
    reached = " ".join("never" if steps is None else f"{steps:,}" for steps in first)
    wall = f"{max(line['wall_time_s'] for line in lines):.0f}"
    return [bases, " ".join(f"{x:.2f}" for x in success), f"{success.mean():.2f}", reached, wall]


if __name__ == "__main__":
    sys.exit(ResidualTable(tyro.cli(ResidualTableCfg, description=__doc__)).make() > 0)
