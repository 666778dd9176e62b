"""Train by self-play and on a fitted reward, with the same raters and budgets, and print the table.

    python scripts/reproduce/self_play_table.py --jobs 2
    python scripts/reproduce/self_play_table.py --tasks HalfCheetah --raters oracle turning --budgets 2000

Three arms have the same PPO, rater, number of queries and length of fragments. `reward` fits a reward (`--reward
ensemble`), `model` a preference model, and `rater` has each rollout judged by the rater itself (`--reward win-rate`),
where the budget has an answer for each fragment. A cell is one training in a process with one thread, and adds one line
to the results file; cells that have a line there with the same settings are not run again.

Policies are compared by true return and, since an intransitive rater has none, head to head: both play
episodes with sampled actions, and the rater, without its lapses, compares them in pairs. It also compares fragments as
long as those of training, of which it may say otherwise where episodes end early. The guarantee of self-play, that no
policy beats it, holds for the average of its policies and not for the last one, which may go round for ever. So the
policies that were kept in the second half of training are compared, too: an episode by each in turn, and all of these
with each of the other arm's, of which the least favourable counts.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
import tyro
from head_to_head import Judge, envs_and_rater, play, preferred, shuffled, worst
from rich.table import Table

from prefgym import agents, raters
from prefgym.bench.cells import Line
from prefgym.bench.grid import Grid, GridCfg, TrainingGrid
from prefgym.buffers.recorder import RecorderCfg
from prefgym.common.errors import UserError
from prefgym.common.limits import Count
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.evaluation.experts import load_expert
from prefgym.evaluation.statistics import Scores, average, label_of, ratio
from prefgym.raters.turning import RotationalRater, RotationalRaterCfg
from prefgym.rl.policy_runner import FunctionPolicy, PolicyRunner, in_turn
from prefgym.runs.settings import Settings
from prefgym.runs.settings import settings as settings_of
from prefgym.samplers.uniform import UniformSampler, UniformSamplerCfg
from prefgym.training.api import train_cfg
from prefgym.training.config import EvalCfg, TrainCfg
from prefgym.training.load import load_policy

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ARMS = {"reward": "ensemble", "model": "preference-model", "rater": "win-rate"}
"""Arms, and the reward learner of each."""
TURNING = RotationalRaterCfg(factors="ctrl,forward")
RATERS: "dict[str, DataclassInstance]" = {
    "oracle": raters.cfg("oracle"),
    "mistake": raters.cfg("mistake", eps_mistake=0.2),
    "stochastic": raters.cfg("stochastic"),
    "turning": TURNING,
    "peak-end": raters.cfg("peak-end"),
}
"""Raters and their configurations; `turning` is given what is usual in a task."""
JUDGES = {"mistake": "oracle"}
"""Raters that compare final policies in the place of others."""
RATES = {
    "win_rate": "preferred",
    "fragment_win_rate": "in fragments",
    "kept_win_rate": "kept policies preferred",
    "worst": "their worst match",
    "their_worst": "that of the first arm",
}


@dataclass(frozen=True, kw_only=True)
class SelfPlayTableCfg(GridCfg):
    """The cells of the table."""

    tasks: tuple[str, ...] = ("HalfCheetah", "Walker2d")
    """Names of tasks."""
    raters: tuple[str, ...] = tuple(RATERS)
    """Raters that answer."""
    budgets: tuple[Count, ...] = (20_000, 2000)
    """Query budgets."""
    arms: tuple[str, ...] = ("reward", "model", "rater")
    """Rewards of the agent; the others are compared with the first one."""
    seeds: Count = 3
    """Seeds 0, 1, ... of every cell."""
    steps: Count = 1_000_000
    """Environment steps."""
    matches: Count = 200
    """Episodes of each run that are compared head to head with those of another one."""
    out: Path = Path("runs/self-play")
    """Folder of the runs."""
    results: Path = Path("benchmarks/self_play.jsonl")
    """Results file, a line for each finished cell, and one for each two policies that were compared."""


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
    """Two runs that differ in their arm, and maybe in their seed."""

    ours: Cell
    theirs: Cell

    @property
    def name(self) -> str:
        """Name it."""
        return f"{self.ours.name} against {self.theirs.arm}-{self.theirs.seed}"


@cache
def fragment_length(task: str) -> int:
    """Return the steps of a fragment, and of a segment: those of a rollout of PPO."""
    return agents.cfg("ppo", env=f"prefgym/{task}-v0").num_steps


def judge_of(task: str, rater: str) -> Judge:
    """Return a rater of a task."""
    cfg = (USUAL.get(task) or usual(task)) if rater == "turning" else RATERS[rater]
    return Judge(f"prefgym/{task}-v0", rater, cfg)


USUAL = {
    "HalfCheetah": replace(TURNING, means=(-0.137, 2.11), deviations=(0.0833, 2.19)),
    "Walker2d": replace(TURNING, means=(-0.00125, 1.21), deviations=(0.0013, 1.52)),
}
"""What `usual` measured on the machine of docs/benchmarks/self_play.md; the last digits differ between processors."""


@cache
def usual(task: str) -> RotationalRaterCfg:
    """Fix means and deviations of factors: those of random actions, small to large, and the medium policy."""
    env, rater = envs_and_rater(Judge(f"prefgym/{task}-v0", "turning", TURNING), num_envs=16)
    assert isinstance(rater, RotationalRater)
    env.action_space.seed(0)
    obs, _ = env.reset(seed=0)
    reach = np.linspace(0, 1, env.num_envs)[:, None]
    medium = load_expert(f"prefgym/{task}-v0", "medium")
    for policy in (FunctionPolicy(lambda _: reach * env.action_space.sample()), medium):
        for _ in range(1000):
            obs, *_ = env.step(policy.predict(obs)[0])
    sampler = UniformSampler(UniformSamplerCfg(segment_length=fragment_length(task), recent_steps=None))
    rater(Queries.of(sampler(env.recorder, None, 1000, torch.Generator().manual_seed(0))))
    state = rater.state_dict()
    means, deviations = (
        tuple(float(f"{x:.3g}") for x in numbers.tolist()) for numbers in (state["mean"], state["var"].sqrt())
    )
    return replace(TURNING, means=means, deviations=deviations)


@dataclass(frozen=True)
class Side:
    """A run whose policies play."""

    folder: Path
    """Run folder."""
    recorded_for: Judge
    """The rater of the run, whose factors are recorded."""
    matches: int
    """Episodes."""
    fragment_length: int
    """Steps of a fragment."""
    kept_from: float
    """Environment steps from which kept policies play."""


class Played(NamedTuple):
    """Episodes of a run; batch shapes (N,)."""

    last: Segments
    """By the last policy."""
    fragments: Segments
    """Fragments of these."""
    kept: Segments
    """By the policies that were kept in the second half of training, in turn."""
    num_kept: int
    """Policies that took turns."""


class Runs(TrainingGrid[Cell]):
    """Tasks by raters, budgets and arms."""

    results = (*TrainingGrid.results, "num_asked")

    def __init__(self, cfg: SelfPlayTableCfg) -> None:
        super().__init__(cfg)
        self.cfg = cfg

    def cells(self) -> Iterator[Cell]:
        """List the cells, all of a budget and a seed before those of the next.

        `rater` needs an answer for each fragment.
        """
        cfg = self.cfg
        for budget, seed, task, rater, arm in product(cfg.budgets, range(cfg.seeds), cfg.tasks, cfg.raters, cfg.arms):
            if arm != "rater" or budget >= cfg.steps / fragment_length(task):
                yield Cell(task=task, rater=rater, budget=budget, arm=arm, seed=seed)

    def config(self, cell: Cell) -> TrainCfg:
        """Return the configuration of a cell."""
        judge = judge_of(cell.task, cell.rater)
        sampler = UniformSamplerCfg()
        if cell.arm != "rater":
            sampler = UniformSamplerCfg(segment_length=fragment_length(cell.task))
        config = train_cfg(
            judge.env,
            rater=judge.rater,
            reward=ARMS[cell.arm],
            sampler=sampler,
            budget=cell.budget,
            steps=self.cfg.steps,
            seed=cell.seed,
            threads=1,
            report=False,
            recorder=RecorderCfg(state=False),
            eval=EvalCfg(keep=True, every=self.cfg.steps // 10),
        )
        return replace(config, rater_cfg=judge.cfg)

    def table(self, done: dict[Cell, Line]) -> Table:
        """Lay out the runs alone."""
        return summarize(self.cfg, done, {})


class Duels(Grid[Duel]):
    """Comparisons of finished runs, all seeds of an arm with all seeds of the first one."""

    width = 160

    def __init__(self, runs: Runs, done: dict[Cell, Line]) -> None:
        super().__init__(replace(runs.cfg, jobs=0))  # one after the other: episodes of a run serve several duels
        self.cfg, self.runs, self.done = runs.cfg, runs, done

    def cells(self) -> Iterator[Duel]:
        """List the pairs whose runs are finished, rater by rater."""
        cells = sorted(self.runs.cells(), key=lambda cell: (cell.task, cell.rater, cell.budget, cell.seed))
        for ours, seed in product(cells, range(self.cfg.seeds)):
            theirs = replace(ours, arm=self.cfg.arms[0], seed=seed)
            if ours.arm != theirs.arm and ours in self.done and theirs in self.done:
                yield Duel(ours=ours, theirs=theirs)

    def wanted(self, cell: Duel) -> Line:
        """Return the line of a duel without its results; its runs are identified by their true returns."""
        sides = {"ours": cell.ours, "theirs": cell.theirs}
        runs = {name: {**vars(one), "true_return": self.done[one]["final_return_mean"]} for name, one in sides.items()}
        return {**runs, "settings": self.settings(cell)}

    def settings(self, cell: Duel) -> Settings:
        """Return the number of matches and the settings of the judge."""
        judge = self.judge(cell)
        settings = {"judge.env": judge.env, "judge.rater": judge.rater, "matches": str(self.cfg.matches)}
        return settings | settings_of(judge.cfg, "judge.rater_cfg.")

    def judge(self, cell: Duel) -> Judge:
        """Return the rater that compares the policies."""
        return judge_of(cell.ours.task, JUDGES.get(cell.ours.rater, cell.ours.rater))

    def task(self, cell: Duel) -> Callable[[], Line]:
        """Return the function that compares two runs."""
        ours, theirs = self.side(cell.ours), self.side(cell.theirs)
        return partial(compare, self.judge(cell), ours, theirs, wanted=self.wanted(cell))

    def side(self, cell: Cell) -> Side:
        """Return a run whose policies play."""
        cfg, length = self.cfg, fragment_length(cell.task)
        return Side(self.runs.folder(cell), judge_of(cell.task, cell.rater), cfg.matches, length, cfg.steps / 2)

    def describe(self, line: Line) -> str:
        """Write the preferred side."""
        matches = line["settings"]["matches"]
        return f"preferred in {line['win_rate']:.0%} of {matches}, kept policies in {line['kept_win_rate']:.0%}"

    def table(self, done: dict[Duel, Line]) -> Table:
        """Lay out runs and comparisons."""
        return summarize(self.cfg, self.done, done)


def compare(judge: Judge, ours: Side, theirs: Side, *, wanted: Line) -> Line:
    """Let a rater compare episodes of two runs, paired at random; ties and skips count one half.

    Raises:
        UserError: If a run is gone.
    """
    _, rater = envs_and_rater(judge, num_envs=1)
    drawn = torch.Generator().manual_seed(0)
    our, their = play_side(ours), play_side(theirs)
    return {
        **wanted,
        "win_rate": float(preferred(rater, our.last, shuffled(their.last, drawn)).mean()),
        "kept_win_rate": float(preferred(rater, our.kept, shuffled(their.kept, drawn)).mean()),
        "worst": worst(rater, our.kept, their.kept, their.num_kept, drawn),
        "their_worst": worst(rater, their.kept, our.kept, our.num_kept, drawn),
        "fragment_win_rate": float(preferred(rater, our.fragments, shuffled(their.fragments, drawn)).mean()),
    }


@lru_cache(maxsize=16)
def play_side(side: Side) -> Played:
    """Play an episode in each environment by the last policy, and by those of the second half, in turn.

    Raises:
        UserError: If the run is gone, damaged, or kept no policies.
    """
    if not side.folder.is_dir():
        raise UserError(f"{side.folder} is gone")
    kept = [int(path.stem) for path in (side.folder / "policies").glob("*.json") if int(path.stem) >= side.kept_from]
    if not 0 < len(kept) <= side.matches:
        raise UserError(f"{side.folder} keeps {len(kept)} policies of the second half, for {side.matches} episodes")
    last = PolicyRunner(load_policy(side.folder), deterministic=False).act
    in_order = in_turn([PolicyRunner(load_policy(side.folder, one), deterministic=False).act for one in sorted(kept)])
    (episodes, fragments), (others, _) = (
        play(side.recorded_for, act, side.matches, side.fragment_length) for act in (last, in_order)
    )
    return Played(episodes, fragments, others, len(kept))


def summarize(cfg: SelfPlayTableCfg, done: dict[Cell, Line], compared: dict[Duel, Line]) -> Table:
    """Lay out true returns, and how often the rater prefers an arm to the first one, over all pairs of seeds.

    There is the ratio of true returns to those of the first arm, too, but where the rater is intransitive.
    """
    rows: list[list[str]] = []
    sizes: list[int] = []
    for task, rater, budget, arm in product(cfg.tasks, cfg.raters, cfg.budgets, cfg.arms):
        mine = [Cell(task=task, rater=rater, budget=budget, arm=arm, seed=seed) for seed in range(cfg.seeds)]
        returns = returns_of(mine, done)
        if not len(returns):
            continue
        sizes.append(len(returns))
        theirs = returns_of([replace(cell, arm=cfg.arms[0]) for cell in mine], done)
        compares = arm != cfg.arms[0] and rater != "turning" and len(theirs)
        to_first = str(ratio(returns, theirs, np.random.default_rng(0))) if compares else ""
        lines = [line for duel, line in compared.items() if duel.ours in mine]
        rates = (spread([line[name] for line in lines if name in line]) for name in RATES)
        listed = " ".join(f"{x:.0f}" for x in returns)
        rows.append([task, rater, f"{budget:,}", arm, f"{average(returns):.0f}", listed, to_first, *rates])
    table = Table(title=f"after {cfg.steps:,} steps; preferred to `{cfg.arms[0]}` in {cfg.matches} episodes a pair")
    names = ("task", "rater", "queries", "arm", f"true return, {label_of(sizes)}", "all seeds")
    for name in (*names, "ratio", *RATES.values()):
        table.add_column(name)
    for row in rows:
        table.add_row(*row)
    return table


def returns_of(cells: Sequence[Cell], done: dict[Cell, Line]) -> Scores:
    """Return the true returns of the finished cells."""
    return np.array([done[cell]["final_return_mean"] for cell in cells if cell in done])


def spread(rates: Sequence[float]) -> str:
    """Write the mean, the least and the largest."""
    return f"{np.mean(rates):.0%} ({min(rates):.0%} to {max(rates):.0%})" if rates else ""


def main(cfg: SelfPlayTableCfg) -> int:
    """Run what is missing, then print; return the number of cells that failed."""
    runs = Runs(cfg)
    done, num_failed = runs.run()
    return num_failed + Duels(runs, done).make()


if __name__ == "__main__":
    sys.exit(main(tyro.cli(SelfPlayTableCfg, description=__doc__)) > 0)
