"""Train by self-play and on a fitted reward, with the same raters and budgets, and print the table.

    python scripts/reproduce/self_play_table.py --jobs 2
    python scripts/reproduce/self_play_table.py --tasks HalfCheetah --raters oracle cyclic --budgets 2000

Three arms have the same PPO, and the same queries to the same rater: `reward` fits a reward (`--reward ensemble`),
`model` a preference model, and `rater` has each rollout judged by the rater itself (`--reward win-rate`). A cell is one
`prefgym train` in a process with one thread, and adds one line to the results file; cells that have a line there with
the same flags are not run again.

Final policies are compared by true return and, since a rater that goes round in circles has none, head to head: both
play episodes from the same starts, drawing their actions, and the rater says which of each two it prefers.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, cast

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from prefgym.bench.cells import Line, finish, read_done, run_cells
from prefgym.bench.statistics import iqm
from prefgym.flags import parse_train
from prefgym.limits import Count, check
from prefgym.load import load_policy
from prefgym.player import Player
from prefgym.queries import Queries
from prefgym.questions import ask, make_rater
from prefgym.segments import Segments
from prefgym.training_env import make_training_env
from prefgym.wrappers import PreferenceVectorEnv

ARMS = {
    "reward": ("--reward", "ensemble"),
    "model": ("--reward", "preference-model"),
    "rater": ("--reward", "win-rate"),
}
RATERS: dict[str, tuple[str, ...]] = {
    "oracle": ("--rater", "oracle"),
    "mistake": ("--rater", "mistake", "--rater.eps-mistake", "0.2"),
    "stochastic": ("--rater", "stochastic"),
    "cyclic": ("--rater", "cyclic"),
    "peak-end": ("--rater", "peak-end"),
}
CIRCLE = {"HalfCheetah": ("--rater.factors", "forward,ctrl,-forward")}
"""The circle of tasks with fewer than three factors: fast, calm, backwards."""


@dataclass(frozen=True, kw_only=True)
class SelfPlayTableCfg:
    """Which cells to run."""

    tasks: tuple[str, ...] = ("HalfCheetah", "Walker2d")
    """Names of tasks."""
    raters: tuple[str, ...] = tuple(RATERS)
    """Who answers."""
    budgets: tuple[Count, ...] = (20_000, 2000)
    """Queries."""
    arms: tuple[str, ...] = ("reward", "model", "rater")
    """What the agent is paid; the first one is what others are compared with."""
    seeds: Count = 3
    """Seeds 0, 1, ... of every cell."""
    steps: Count = 1_000_000
    """Environment steps."""
    matches: Count = 200
    """Episodes of each policy that are compared head to head."""
    jobs: Count = 2
    """Cells run at the same time, one thread each."""
    out: Path = Path("runs/self-play")
    """Where the runs are kept."""
    results: Path = Path("benchmarks/self_play.jsonl")
    """Results file, a line for each finished cell, and one for each two policies that were compared."""
    print_only: bool = False
    """Print what is there and run nothing."""

    __post_init__ = check


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One run."""

    task: str
    rater: str
    budget: int
    arm: str
    seed: int

    @property
    def name(self) -> str:
        """Name its folder."""
        return f"{self.task}-{self.rater}-{self.budget}-{self.arm}-{self.seed}"


@dataclass(frozen=True, kw_only=True)
class Duel:
    """Two runs that differ in their arm."""

    ours: Cell
    theirs: Cell

    @property
    def name(self) -> str:
        """Name it."""
        return f"{self.ours.name} against {self.theirs.arm}"


def main(cfg: SelfPlayTableCfg) -> int:
    """Run what is missing, then print; return the number of cells that failed."""
    done = read_done(cfg.results, cells(cfg), partial(wanted, cfg))
    missing = [cell for cell in cells(cfg) if cell not in done and not cfg.print_only]
    done |= run_cells(missing, partial(run, cfg), cfg.results, cfg.jobs, tell)
    compared = read_done(cfg.results, duels(cfg, done), partial(wanted_duel, cfg))
    open_duels = [duel for duel in duels(cfg, done) if duel not in compared and not cfg.print_only]
    compared |= run_cells(open_duels, partial(compare, cfg), cfg.results, 1, tell_duel)
    Console(width=140).print(summarize(cfg, done, compared))
    return sum(cell not in done for cell in missing) + sum(duel not in compared for duel in open_duels)


def cells(cfg: SelfPlayTableCfg) -> Iterator[Cell]:
    """List the cells, all of a budget and a seed before those of the next."""
    for budget, seed, task, rater, arm in product(cfg.budgets, range(cfg.seeds), cfg.tasks, cfg.raters, cfg.arms):
        yield Cell(task=task, rater=rater, budget=budget, arm=arm, seed=seed)


def duels(cfg: SelfPlayTableCfg, done: dict[Cell, Line]) -> Iterator[Duel]:
    """List the pairs whose cells are done, each with the first arm."""
    for cell in cells(cfg):
        base = Cell(task=cell.task, rater=cell.rater, budget=cell.budget, arm=cfg.arms[0], seed=cell.seed)
        if cell != base and cell in done and base in done:
            yield Duel(ours=cell, theirs=base)


def rater_flags(cell: Cell) -> list[str]:
    """Say who answers, and where."""
    circle = CIRCLE.get(cell.task, ()) if cell.rater == "cyclic" else ()
    return ["--env", f"prefgym/{cell.task}-v0", *RATERS[cell.rater], *circle]


def train_flags(cfg: SelfPlayTableCfg, cell: Cell) -> list[str]:
    """Say how a cell is trained."""
    what = [*rater_flags(cell), *ARMS[cell.arm], "--sampler", "uniform"]
    how = ["--budget", str(cell.budget), "--steps", str(cfg.steps), "--seed", str(cell.seed)]
    return [*what, *how, "--threads", "1", "--no-report", "--recorder.no-state"]


def wanted(cfg: SelfPlayTableCfg, cell: Cell) -> Line:
    """Return all that decides what a cell comes to."""
    return {**vars(cell), "flags": train_flags(cfg, cell)}


def wanted_duel(cfg: SelfPlayTableCfg, duel: Duel) -> Line:
    """Return all that decides what a comparison comes to."""
    return {"ours": wanted(cfg, duel.ours), "theirs": wanted(cfg, duel.theirs), "matches": cfg.matches}


def folder_of(cfg: SelfPlayTableCfg, cell: Cell) -> Path:
    """Say where a run is kept."""
    digest = hashlib.sha256(json.dumps(wanted(cfg, cell)).encode()).hexdigest()
    return cfg.out / f"{cell.name}-{digest[:8]}"


def run(cfg: SelfPlayTableCfg, cell: Cell) -> Line:
    """Run one cell unless its folder is there, and return its line.

    Raises:
        RuntimeError: If it fails.
    """
    result = finish(folder_of(cfg, cell), "train", *train_flags(cfg, cell))
    names = ("final_return_mean", "returns", "num_asked", "wall_time_s", "version", "git_revision")
    return {**wanted(cfg, cell), **{name: result[name] for name in names}}


def tell(line: Line) -> str:
    """Say what a cell came to."""
    return f"{line['final_return_mean']:.0f} in {line['wall_time_s']:.0f} s"


def tell_duel(line: Line) -> str:
    """Say who was preferred."""
    return f"preferred in {line['win_rate']:.0%} of {line['matches']}"


def compare(cfg: SelfPlayTableCfg, duel: Duel) -> Line:
    """Let the rater compare episodes of two policies; ties and skips count one half.

    Raises:
        RuntimeError: If a run is not there any more.
    """
    settings = [*rater_flags(duel.ours), "--agent.num-envs", str(cfg.matches), "--recorder.no-state", "--threads", "1"]
    config = parse_train([*settings, "--recorder.capacity-steps", str(cfg.matches * 2002)])
    both: list[Segments] = []
    for cell in (duel.ours, duel.theirs):
        if not (folder := folder_of(cfg, cell)).is_dir():
            raise RuntimeError(f"{folder} is gone")
        env = cast(PreferenceVectorEnv, make_training_env(config))
        both.append(play(env, load_policy(folder), seed=duel.ours.seed))
        rater = make_rater(
            config.rater, config.rater_cfg, config.env, env, env.recorder, policy=None, num_threads=1, seed=cell.seed
        )
    answers = ask(rater, Queries.of(Segments.stack(both, dim=1))).answers
    won = np.where(answers.answered.numpy(), answers.choice[:, 0].numpy(), 0.5)
    return {**wanted_duel(cfg, duel), "win_rate": float(won.mean())}


def play(env: PreferenceVectorEnv, policy: Any, seed: int) -> Segments:  # noqa: ANN401
    """Play an episode in each world, with actions that are drawn. Batch shape: (N,)."""
    player = Player(policy, deterministic=False)
    obs, _ = env.reset(seed=seed)
    running = ended = np.ones(env.num_envs, np.bool_)
    while running.any():
        obs, _, terminated, truncated, _ = env.step(player.act(obs, ended))
        ended = terminated | truncated
        running = running & ~ended
    episodes = env.recorder.episodes(1000)
    assert episodes.origin is not None  # a recorder knows where its segments come from
    # the first ones of each world
    return episodes[episodes.origin[:, 0] < env.num_envs]


def summarize(cfg: SelfPlayTableCfg, done: dict[Cell, Line], compared: dict[Duel, Line]) -> Table:
    """Lay out true returns, and how often the rater prefers a policy to that of the first arm."""
    table = Table(title=f"after {cfg.steps:,} steps; preferred to `{cfg.arms[0]}` in {cfg.matches} episodes a seed")
    for name in ("task", "rater", "queries", "arm", "true return, IQM", "all seeds", "preferred", "all seeds"):
        table.add_column(name)
    for task, rater, budget, arm in product(cfg.tasks, cfg.raters, cfg.budgets, cfg.arms):
        mine = [Cell(task=task, rater=rater, budget=budget, arm=arm, seed=seed) for seed in range(cfg.seeds)]
        returns = np.array([done[cell]["final_return_mean"] for cell in mine if cell in done])
        rates = [line["win_rate"] for duel, line in compared.items() if duel.ours in mine]
        if not len(returns):
            continue
        row = [task, rater, f"{budget:,}", arm, f"{iqm(returns):.0f}", " ".join(f"{x:.0f}" for x in returns)]
        row += [f"{np.mean(rates):.0%}", " ".join(f"{x:.0%}" for x in rates)] if rates else ["", ""]
        table.add_row(*row)
    return table


if __name__ == "__main__":
    sys.exit(main(tyro.cli(SelfPlayTableCfg, description=__doc__)) > 0)
