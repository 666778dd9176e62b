"""What the suite came to in its own benchmark, docs/benchmarks.md: the frame for a run of one or a few seeds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from prefgym.evaluation.experts import find_card
from prefgym.report.numbers import number

STEPS = 1_000_000
"""Environment steps of each run of the table, in rollouts of whole size."""


@dataclass(frozen=True, kw_only=True)
class Shipped:
    """Final true returns of PPO with the settings of a task."""

    iqm: float
    """Interquartile mean over seeds."""
    low: float
    """The lowest seed."""
    high: float
    """The highest seed."""
    seeds: int
    """Number of seeds."""


TABLE: Mapping[str, Mapping[int, Shipped]] = {
    "prefgym/HalfCheetah-v0": {
        0: Shipped(iqm=5510, low=4789, high=6406, seeds=10),
        500: Shipped(iqm=5491, low=5199, high=6044, seeds=10),
    },
    "prefgym/Hopper-v0": {
        0: Shipped(iqm=2841, low=1060, high=3537, seeds=10),
        500: Shipped(iqm=3314, low=1586, high=3657, seeds=10),
    },
    "prefgym/Walker2d-v0": {
        0: Shipped(iqm=4205, low=2558, high=4715, seeds=20),
        500: Shipped(iqm=3877, low=1758, high=6144, seeds=20),
    },
}
"""By environment and labels of the oracle; 0 is the task reward."""


def expert_return(config: Mapping[str, Any]) -> float | None:
    """Return the mean true return of the expert that ships with prefgym for the task of a run; None without one."""
    env = config.get("env")
    if not isinstance(env, str) or is_changed(config):
        return None
    card = find_card(env)
    return None if card is None else card.returns.mean


def shipped_words(config: Mapping[str, Any]) -> str:
    """Quote the shipped table for the task of a run, in a sentence; empty where it is not in there."""
    found = TABLE.get(str(config.get("env")))
    if found is None or config.get("agent") != "ppo" or is_changed(config):
        return ""
    task, oracle = found[0], found[500]
    return (
        f"In the shipped table ({STEPS:,} steps of PPO), the task reward comes to {number(task.iqm)} "
        f"({_seeds(task)}) and 500 labels of the oracle to {number(oracle.iqm)} ({_seeds(oracle)})."
    )


def is_changed(config: Mapping[str, Any]) -> bool:
    """Return whether keyword arguments or wrappers change the task."""
    settings: object = config.get("env_cfg")
    return isinstance(settings, dict) and any(cast("dict[str, object]", settings).values())


def _seeds(one: Shipped) -> str:
    return f"{one.seeds} seeds, {number(one.low)} to {number(one.high)}"
