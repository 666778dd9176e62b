"""Learn rewards from preferences by regret, with a learner that knows and one that does not, in envs of known truth.

    python scripts/reproduce/regret_identifiability.py

The delivery task and random envs of its kind (Knox et al., arXiv:2206.02231): random segments of three actions are
compared by regret, without error or as Boltzmann would. Near-optimal is a policy that comes to more than 0.9 of the
way from the uniform one to the best one. Each learned reward adds a line to the results file; what is there is not done
again.
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: the matrices are small

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table

from prefgym.common.limits import Count, Natural, check
from prefgym.core.intervals import wilson
from prefgym.envs.grid import make_delivery, make_random
from prefgym.theory.linear_rewards import (
    LinearCfg,
    fit_weights,
    policies_for_random_rewards,
    score_partial_return,
    score_regret,
)
from prefgym.theory.mdp import TabularMDP, TabularSegments, regret

Learner = Literal["regret", "partial-return"]
Answers = Literal["error-free", "stochastic"]
FIT: dict[Learner, LinearCfg] = {
    "regret": LinearCfg(learning_rate=0.5, gradient_steps=2000),
    "partial-return": LinearCfg(learning_rate=2.0, gradient_steps=5000),
}
NEAR_OPTIMAL = 0.9


@dataclass(frozen=True, kw_only=True)
class IdentifiabilityCfg:
    """Learners, and numbers of preferences."""

    num_random: Natural = 30
    """Random environments, beside the delivery task."""
    preferences: tuple[Count, ...] = (300, 3000, 10_000)
    """Pairs of segments."""
    segment_length: Count = 3
    """Actions of a segment."""
    num_policies: Count = 300
    """Random rewards whose best policies the regret learner mixes."""
    results: Path = Path("benchmarks/regret_identifiability.jsonl")
    """Results file, a line for each learned reward."""

    __post_init__ = check


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One learned reward."""

    world: str
    answers: Answers
    preferences: int
    learner: Learner


def main(cfg: IdentifiabilityCfg) -> None:
    """Learn what is missing, then print."""
    cfg.results.parent.mkdir(parents=True, exist_ok=True)
    done = read(cfg.results)
    for number in range(-1, cfg.num_random):
        world = "delivery" if number < 0 else f"random-{number}"
        cells = [
            Cell(world=world, answers=answers, preferences=preferences, learner=learner)
            for answers in ("error-free", "stochastic")
            for preferences in cfg.preferences
            for learner in ("regret", "partial-return")
        ]
        if all(cell in done for cell in cells):
            continue
        mdp = make_delivery().mdp if number < 0 else make_random(number).mdp
        for cell, results in learn(cfg, mdp, number + 1, [cell for cell in cells if cell not in done]):
            done[cell] = results
            with cfg.results.open("a") as file:
                file.write(json.dumps({**vars(cell), **results}) + "\n")
    Console(width=110).print(summarize(cfg, done))


def learn(cfg: IdentifiabilityCfg, mdp: TabularMDP, seed: int, cells: list[Cell]) -> list[tuple[Cell, dict[str, Any]]]:
    """Learn the rewards of one environment; all cells have the same segments, the larger ones those of the smaller."""
    generator = np.random.default_rng(seed)
    psi = policies_for_random_rewards(mdp, cfg.num_policies, generator)
    pairs = mdp.segments(2 * max(cfg.preferences), cfg.segment_length, generator)
    draws = generator.random(max(cfg.preferences))
    better = -regret(pairs, mdp.solve(), mdp.gamma)
    learned: list[tuple[Cell, dict[str, Any]]] = []
    for cell in cells:
        segments = take(pairs, 2 * cell.preferences)
        index = torch.arange(2 * cell.preferences).view(-1, 2)
        choice = choose(better[: 2 * cell.preferences].reshape(-1, 2), cell.answers, draws[: cell.preferences])
        fit = FIT[cell.learner]
        score = (
            score_partial_return(segments, mdp.gamma)
            if cell.learner == "partial-return"
            else score_regret(segments, psi, mdp.gamma, fit.temperature)
        )
        weights = fit_weights(score, len(mdp.weights), index, torch.as_tensor(choice), fit)
        scaled = mdp.scaled_return(mdp.with_reward(weights).solve().policy)
        learned.append((cell, {"scaled_return": scaled, "weights": weights.tolist()}))
    return learned


def take(segments: TabularSegments, num: int) -> TabularSegments:
    """Take the first ones."""
    return TabularSegments(
        states=segments.states[:num], actions=segments.actions[:num], features=segments.features[:num]
    )


def choose(better: np.ndarray[Any, Any], answers: Answers, draws: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Choose the first of two: without error, or with the probability of Bradley and Terry. Shape: (B,)."""
    difference = better[:, 0] - better[:, 1]
    if answers == "stochastic":
        return (draws < 1 / (1 + np.exp(-difference))).astype(float)
    return np.where(np.abs(difference) < 1e-9, 0.5, difference > 0)


def read(results: Path) -> dict[Cell, dict[str, Any]]:
    """Read the lines of the results file."""
    lines = [json.loads(line) for line in results.read_text().splitlines()] if results.is_file() else []
    names = ("world", "answers", "preferences", "learner")
    return {Cell(**{name: line[name] for name in names}): line for line in lines}


def summarize(cfg: IdentifiabilityCfg, done: dict[Cell, dict[str, Any]]) -> Table:
    """Count near-optimal environments, with 95 % intervals (Wilson)."""
    table = Table(title=f"share of environments with a scaled return above {NEAR_OPTIMAL}")
    for name in ("answers", "preferences", "learner", "worlds", "near-optimal", "95 % interval", "median return"):
        table.add_column(name, justify="left" if name in ("answers", "learner") else "right")
    for answers in ("error-free", "stochastic"):
        for preferences in cfg.preferences:
            for learner in FIT:
                of = (answers, preferences, learner)
                cells = [cell for cell in done if of == (cell.answers, cell.preferences, cell.learner)]
                returns = np.array([done[cell]["scaled_return"] for cell in cells])
                if len(returns):
                    near = (returns > NEAR_OPTIMAL).mean(keepdims=True)
                    (low,), (high,) = wilson(near, np.array([len(returns)]))
                    shares = f"{near[0]:.0%}", f"{low:.0%} to {high:.0%}"
                    table.add_row(
                        answers, str(preferences), learner, str(len(returns)), *shares, f"{np.median(returns):.3f}"
                    )
    return table


if __name__ == "__main__":
    sys.exit(main(tyro.cli(IdentifiabilityCfg)))
