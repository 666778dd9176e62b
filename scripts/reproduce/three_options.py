"""Three options that beat each other in a circle: which solvers find the mixture that nothing beats, and how fast.

    python scripts/reproduce/three_options.py

The truth is linear programming's. Self-play (SPO) sees single answers to 192,000 comparisons of what it draws itself.
The reward model is Bradley-Terry's, fitted without noise to answers about all pairs, and the policy that it gives best
is a single option. The solvers see the chances themselves; how fast their exploitability falls is the slope of its
logarithm over that of the steps.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tyro
from rich.console import Console
from rich.table import Table

from prefgym.common.limits import Count, check
from prefgym.theory.games import exploitability, extragradient, minimax_winner, mirror_descent, mirror_prox, self_play

FloatArray = npt.NDArray[np.float64]

CIRCLE: FloatArray = np.array([[0.5, 0.9, 0.4], [0.1, 0.5, 0.8], [0.6, 0.2, 0.5]])
"""P[i, j]: the chance that option i is preferred to option j."""


@dataclass(frozen=True, kw_only=True)
class ThreeOptionsCfg:
    """How long, and how often."""

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """Seeds of self-play."""
    steps: Count = 6000
    """Steps of self-play, of 32 comparisons each."""
    horizons: tuple[Count, ...] = (10, 100, 1000, 10_000)
    """Steps of the solvers."""

    __post_init__ = check


def fitted_scores(preference: FloatArray, num_steps: int = 5000) -> FloatArray:
    """Fit a reward to answers about all pairs: the s that maximise sum_ij P_ij log sigmoid(s_i - s_j). Shape: (K,)."""
    scores = np.zeros(len(preference))
    for _ in range(num_steps):
        # d/ds_i = sum_j (P_ij - sigmoid(s_i - s_j)), twice
        scores += 0.5 * (preference - 1 / (1 + np.exp(scores - scores[:, None]))).sum(-1)
    return scores


def slope(horizons: tuple[int, ...], values: list[float]) -> float:
    """Return the slope of log(values) over log(horizons) by least squares."""
    return float(np.polyfit(np.log(horizons), np.log(np.maximum(values, 1e-300)), 1)[0])


def main(cfg: ThreeOptionsCfg) -> None:
    """Print both tables."""
    winner = minimax_winner(CIRCLE)
    found = Table("", "first", "second", "third", "farthest from the winner", "exploitability")

    def add(name: str, mixture: FloatArray) -> None:
        off, beaten = np.abs(mixture - winner).max(), float(exploitability(CIRCLE, mixture))
        found.add_row(name, *(f"{share:.3f}" for share in mixture), f"{off:.3f}", f"{beaten:.4f}")

    add("minimax winner", winner)
    for seed in cfg.seeds:
        generator = np.random.default_rng(seed)
        add(f"self-play, seed {seed}", self_play(CIRCLE, cfg.steps, generator).average[-1])
    add("reward model", np.eye(3)[fitted_scores(CIRCLE).argmax()])
    console = Console(width=120)
    console.print(found)

    speed = Table("exploitability after", *(f"{steps:,}" for steps in cfg.horizons), "slope", "theory at least")
    for name, solver, rate in (
        ("mirror descent, average", lambda steps: mirror_descent(CIRCLE, steps).average[-1], "-1/2"),
        ("mirror prox, average", lambda steps: mirror_prox(CIRCLE, steps).average[-1], "-1"),
        ("extragradient, average", lambda steps: extragradient(CIRCLE, steps).average[-1], "-1"),
        ("extragradient, last", lambda steps: extragradient(CIRCLE, steps).last[-1], "exponential"),
    ):
        values = [float(exploitability(CIRCLE, solver(steps))) for steps in cfg.horizons]
        fallen = "" if min(values) < 1e-12 else f"{slope(cfg.horizons, values):.2f}"
        speed.add_row(name, *(f"{max(value, 0):.1e}" for value in values), fallen, rate)
    console.print(speed)


if __name__ == "__main__":
    main(tyro.cli(ThreeOptionsCfg, description=__doc__))
