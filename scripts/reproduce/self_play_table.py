"""Train by self-play and on a fitted reward, with the same raters and budgets, and print the table.

    python scripts/reproduce/self_play_table.py --jobs 2
    python scripts/reproduce/self_play_table.py --tasks HalfCheetah --raters oracle turning --budgets 2000

Three arms have the same PPO, and ask the same rater as often about fragments as long. `reward` fits a reward (`--reward
ensemble`), `model` a preference model, and `rater` has each rollout judged by the rater itself (`--reward win-rate`),
where the budget has an answer for each fragment. A cell is one `prefgym train` in a process with one thread, and adds
one line to the results file; cells that have a line there with the same flags and settings are not run again.

Policies are compared by true return and, since a rater that goes round in circles has none, head to head: both play
episodes, drawing their actions, and the rater, without its lapses, says which of each two it prefers; and which of two
fragments, as long as those that it was asked about in training: of these, it may say otherwise where episodes end
early. What self-play promises holds for the average of its policies and not for the last one, which may go round for
ever, and it is that nobody beats it; so those that were kept in the second half of the training are compared, too, an
episode by each in turn, and all of these with each of the other arm's, of which the least favourable counts.
"""

import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from itertools import product
from pathlib import Path

import numpy as np
import torch
import tyro
from head_to_head import envs_and_rater, play, preferred, shuffled, worst
from rich.console import Console
from rich.table import Table

from prefgym.bench.cells import Line, finish, in_json, read_done, run_cells
from prefgym.bench.statistics import Scores, ratio_of_iqms
from prefgym.cli.flags import parse_train
from prefgym.common.errors import UserError
from prefgym.common.limits import Count, check
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.evaluation.experts import load_expert
from prefgym.rl.policy_runner import FunctionPolicy, PolicyRunner, in_turn
from prefgym.samplers.uniform import UniformSampler, UniformSamplerCfg
from prefgym.training.load import load_policy

ARMS = {
    "reward": ("--reward", "ensemble"),
    "model": ("--reward", "preference-model"),
    "rater": ("--reward", "win-rate"),
}
RATERS: dict[str, tuple[str, ...]] = {
    "oracle": ("--rater", "oracle"),
    "mistake": ("--rater", "mistake", "--rater.eps-mistake", "0.2"),
    "stochastic": ("--rater", "stochastic"),
    "turning": ("--rater", "turning", "--rater.factors", "ctrl,forward"),
    "peak-end": ("--rater", "peak-end"),
}
JUDGES = RATERS | {"mistake": RATERS["oracle"]}
"""Who compares final policies."""
RATES = {
    "win_rate": "preferred",
    "fragment_win_rate": "in fragments",
    "kept_win_rate": "kept policies",
    "worst": "their worst match",
    "their_worst": "that of the first arm",
}


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
    """What the agent is rewarded; the first one is what others are compared with."""
    seeds: Count = 3
    """Seeds 0, 1, ... of every cell."""
    steps: Count = 1_000_000
    """Environment steps."""
    matches: Count = 200
    """Episodes of each run that are compared head to head with those of another one."""
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
    """Two runs that differ in their arm, and maybe in their seed."""

    ours: Cell
    theirs: Cell

    @property
    def name(self) -> str:
        """Name it."""
        return f"{self.ours.name} against {self.theirs.arm}-{self.theirs.seed}"


def main(cfg: SelfPlayTableCfg) -> int:
    """Run what is missing, then print; return the number of cells that failed."""
    done = read_done(cfg.results, cells(cfg), partial(wanted, cfg))
    missing = [cell for cell in cells(cfg) if cell not in done and not cfg.print_only]
    done |= run_cells(missing, partial(run, cfg), cfg.results, cfg.jobs, tell)
    compared = read_done(cfg.results, duels(cfg, done), partial(wanted_duel, cfg))
    open_duels = [duel for duel in duels(cfg, done) if duel not in compared and not cfg.print_only]
    compared |= run_cells(open_duels, partial(compare, cfg), cfg.results, 1, tell_duel)
    Console(width=160).print(summarize(cfg, done, compared))
    return sum(cell not in done for cell in missing) + sum(duel not in compared for duel in open_duels)


def cells(cfg: SelfPlayTableCfg) -> Iterator[Cell]:
    """List the cells, all of a budget and a seed before those of the next."""
    for budget, seed, task, rater, arm in product(cfg.budgets, range(cfg.seeds), cfg.tasks, cfg.raters, cfg.arms):
        if arm != "rater" or budget >= cfg.steps / fragment_length(task):
            yield Cell(task=task, rater=rater, budget=budget, arm=arm, seed=seed)


@cache
def fragment_length(task: str) -> int:
    """Return how many steps a fragment has, and a segment: those of a rollout of PPO."""
    return parse_train(["--env", f"prefgym/{task}-v0"]).acting.num_steps


def duels(cfg: SelfPlayTableCfg, done: dict[Cell, Line]) -> Iterator[Duel]:
    """List the pairs whose cells are done, all seeds of an arm with all seeds of the first one, rater by rater."""
    for ours in sorted(cells(cfg), key=lambda cell: (cell.task, cell.rater, cell.budget, cell.seed)):
        for theirs in (replace(ours, arm=cfg.arms[0], seed=seed) for seed in range(cfg.seeds)):
            if ours.arm != theirs.arm and ours in done and theirs in done:
                yield Duel(ours=ours, theirs=theirs)


def rater_flags(cell: Cell, raters: dict[str, tuple[str, ...]] = RATERS) -> list[str]:
    """Say who answers, and where."""
    flags = ["--env", f"prefgym/{cell.task}-v0", *raters[cell.rater]]
    return [*flags, *usual(cell.task)] if cell.rater == "turning" else flags


@cache
def usual(task: str) -> tuple[str, ...]:
    """Say what is usual in a task: of random actions, small to large, and the medium policy."""
    flags = ["--env", f"prefgym/{task}-v0", *RATERS["turning"]]
    config, env, rater = envs_and_rater(flags, num_envs=16)
    env.action_space.seed(0)
    obs, _ = env.reset(seed=0)
    reach = np.linspace(0, 1, env.num_envs)[:, None]
    for policy in (FunctionPolicy(lambda _: reach * env.action_space.sample()), load_expert(config.env, "medium")):
        for _ in range(1000):
            obs, *_ = env.step(policy.predict(obs)[0])
    sampler = UniformSampler(UniformSamplerCfg(segment_length=fragment_length(task), recent_steps=None))
    rater(Queries.of(sampler(env.recorder, None, 1000, torch.Generator().manual_seed(0))))
    shown = rater.state_dict()
    means, deviations = ([f"{x:.3g}" for x in told.tolist()] for told in (shown["mean"], shown["var"].sqrt()))
    return ("--rater.means", *means, "--rater.deviations", *deviations)


def train_flags(cfg: SelfPlayTableCfg, cell: Cell) -> list[str]:
    """Say how a cell is trained."""
    what = [*rater_flags(cell), *ARMS[cell.arm], "--sampler", "uniform"]
    what += [] if cell.arm == "rater" else ["--segment-length", str(fragment_length(cell.task))]
    how = ["--budget", str(cell.budget), "--steps", str(cfg.steps), "--seed", str(cell.seed)]
    kept = ["--eval.keep", "--eval.every", str(cfg.steps // 10)]
    return [*what, *how, *kept, "--threads", "1", "--no-report", "--recorder.no-state"]


def wanted(cfg: SelfPlayTableCfg, cell: Cell) -> Line:
    """Return all that decides what a cell comes to."""
    flags = train_flags(cfg, cell)
    config = parse_train(flags)
    return {**vars(cell), "flags": flags, "agent": in_json(config.agent_cfg), "reward": in_json(config.reward_cfg)}


def wanted_duel(cfg: SelfPlayTableCfg, duel: Duel) -> Line:
    """Return all that decides what a comparison comes to."""
    both = {"ours": wanted(cfg, duel.ours), "theirs": wanted(cfg, duel.theirs)}
    return {**both, "judge": rater_flags(duel.ours, JUDGES), "matches": cfg.matches}


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
    return f"preferred in {line['win_rate']:.0%} of {line['matches']}, kept policies in {line['kept_win_rate']:.0%}"


def compare(cfg: SelfPlayTableCfg, duel: Duel) -> Line:
    """Let the rater compare episodes of two runs; who meets whom is drawn, and ties and skips count one half.

    Raises:
        RuntimeError: If a run is not there any more.
    """
    _, _, rater = envs_and_rater(rater_flags(duel.ours, JUDGES), num_envs=1)
    drawn = torch.Generator().manual_seed(0)
    (ours, fragments, our_kept, num_ours), (theirs, their_fragments, their_kept, num_theirs) = (
        play_both(cfg, duel.ours),
        play_both(cfg, duel.theirs),
    )
    return {
        **wanted_duel(cfg, duel),
        "win_rate": float(preferred(rater, ours, shuffled(theirs, drawn)).mean()),
        "kept_win_rate": float(preferred(rater, our_kept, shuffled(their_kept, drawn)).mean()),
        "worst": worst(rater, our_kept, their_kept, num_theirs, drawn),
        "their_worst": worst(rater, their_kept, our_kept, num_ours, drawn),
        "fragment_win_rate": float(preferred(rater, fragments, shuffled(their_fragments, drawn)).mean()),
    }


@lru_cache(maxsize=16)
def play_both(cfg: SelfPlayTableCfg, cell: Cell) -> tuple[Segments, Segments, Segments, int]:
    """Play an episode in each environment by the last policy, and by those that were kept in the second half, in turn.

    Returns:
        Episodes of the last, fragments of these, and episodes of the others, batch shapes (N,); and how many took
        turns.

    Raises:
        RuntimeError: If the run is not there any more, damaged, or kept nothing.
    """
    if not (folder := folder_of(cfg, cell)).is_dir():
        raise RuntimeError(f"{folder} is gone")
    late = sorted(int(path.stem) for path in (folder / "policies").glob("*.json") if int(path.stem) >= cfg.steps / 2)
    if not 0 < len(late) <= cfg.matches:
        raise RuntimeError(f"{folder} keeps {len(late)} policies of the second half, for {cfg.matches} episodes")
    try:
        last = PolicyRunner(load_policy(folder), deterministic=False).act
        kept = in_turn([PolicyRunner(load_policy(folder, steps), deterministic=False).act for steps in late])
    except UserError as error:
        raise RuntimeError(str(error)) from error
    told = cfg.matches, fragment_length(cell.task)
    (episodes, fragments), (others, _) = (play(rater_flags(cell), who, *told) for who in (last, kept))
    return episodes, fragments, others, len(late)


def summarize(cfg: SelfPlayTableCfg, done: dict[Cell, Line], compared: dict[Duel, Line]) -> Table:
    """Lay out true returns, and how often the rater prefers an arm to the first one, over all pairs of seeds.

    There is the ratio of true returns to those of the first arm, too, but where the rater goes round in a circle.
    """
    table = Table(title=f"after {cfg.steps:,} steps; preferred to `{cfg.arms[0]}` in {cfg.matches} episodes a pair")
    for name in ("task", "rater", "queries", "arm", "true return, mean", "all seeds", "ratio", *RATES.values()):
        table.add_column(name)
    for task, rater, budget, arm in product(cfg.tasks, cfg.raters, cfg.budgets, cfg.arms):
        mine = [Cell(task=task, rater=rater, budget=budget, arm=arm, seed=seed) for seed in range(cfg.seeds)]
        returns = returns_of(mine, done)
        if not len(returns):
            continue
        theirs = returns_of([replace(cell, arm=cfg.arms[0]) for cell in mine], done)
        ratio = "" if arm == cfg.arms[0] or rater == "turning" else tell_ratio(returns, theirs)
        lines = [line for duel, line in compared.items() if duel.ours in mine]
        rates = (spread([line[name] for line in lines if name in line]) for name in RATES)
        row = [task, rater, f"{budget:,}", arm, f"{returns.mean():.0f}", " ".join(f"{x:.0f}" for x in returns), ratio]
        table.add_row(*row, *rates)
    return table


def returns_of(cells: Sequence[Cell], done: dict[Cell, Line]) -> Scores:
    """Return the true returns of those that are done."""
    return np.array([done[cell]["final_return_mean"] for cell in cells if cell in done])


def tell_ratio(returns: Scores, theirs: Scores) -> str:
    """Tell the ratio of interquartile means and its 95 % interval, if there are seeds to draw from."""
    if min(len(returns), len(theirs)) < 2:
        return ""
    told = ratio_of_iqms(returns, theirs, np.random.default_rng(0))
    return f"{told.value:.2f} ({told.low:.2f} to {told.high:.2f})"


def spread(rates: Sequence[float]) -> str:
    """Tell the mean, the least and the largest."""
    return f"{np.mean(rates):.0%} ({min(rates):.0%} to {max(rates):.0%})" if rates else ""


if __name__ == "__main__":
    sys.exit(main(tyro.cli(SelfPlayTableCfg, description=__doc__)) > 0)
