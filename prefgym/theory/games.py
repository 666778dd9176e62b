"""Preference games: the minimax winner of a preference matrix, which exists even for intransitive preferences.

P[i, j] is the probability that option i is preferred to option j. The minimax winner (Kreweras, 1965) is a mixture p
to which no option is preferred more often than not: max_j sum_i P[j, i] p_i = 1/2. It is the Nash equilibrium of the
symmetric zero-sum game with payoff gain = P - 1/2.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Move = Callable[[FloatArray, FloatArray], FloatArray]


class Iterates(NamedTuple):
    """The iterates of a solver."""

    last: FloatArray
    """The mixture after each step. Shape: (T, K)."""
    average: FloatArray
    """The mean of all mixtures played until then. Shape: (T, K)."""


def gain(preference: npt.ArrayLike) -> FloatArray:
    """Return P - 1/2. Shape: (K, K).

    Args:
        preference: P. Shape: (K, K).

    Raises:
        ValueError: If P and its transpose do not add up to 1.
    """
    p = np.asarray(preference, np.float64)
    if p.ndim != 2 or p.shape[0] != p.shape[1] or not np.allclose(p + p.T, 1.0) or p.min() < 0.0:
        raise ValueError("a preference must be a square matrix of chances with P[i, j] + P[j, i] = 1")
    return p - 0.5


def exploitability(preference: npt.ArrayLike, mixture: npt.ArrayLike) -> FloatArray:
    """Return the gain of the best response against a mixture: max_j sum_i P[j, i] p_i - 1/2.

    Args:
        preference: P. Shape: (K, K).
        mixture: p, one or more. Shape: (..., K).

    Returns:
        0 for a minimax winner, more for all others. Shape: (...,).

    >>> rock_paper_scissors = [[0.5, 0.0, 1.0], [1.0, 0.5, 0.0], [0.0, 1.0, 0.5]]
    >>> float(exploitability(rock_paper_scissors, [1.0, 0.0, 0.0]))  # paper always wins
    0.5
    """
    return (np.asarray(mixture, np.float64) @ gain(preference).T).max(-1)


def minimax_winner(preference: npt.ArrayLike) -> FloatArray:
    """Solve for a minimax winner by linear programming. Shape: (K,).

    max v  so that  sum_i p_i gain[i, j] >= v for all j, and p is a mixture; v comes to 0
    """
    from scipy.optimize import linprog  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

    payoff = gain(preference)
    num = len(payoff)
    solved: Any = linprog(
        c=np.append(np.zeros(num), -1.0),
        A_ub=np.column_stack([-payoff.T, np.ones(num)]),
        b_ub=np.zeros(num),
        A_eq=np.append(np.ones(num), 0.0)[None],
        b_eq=[1.0],
        bounds=[(0.0, 1.0)] * num + [(None, None)],
    )
    return np.asarray(solved.x[:num])


def mirror_descent(preference: npt.ArrayLike, num_steps: int, rate: float | None = None) -> Iterates:
    """Run multiplicative weights in self-play (Freund & Schapire, 1999): p_i <- p_i exp(rate (gain p)_i) / Z.

    The last mixture cycles; the exploitability of the average is at most log(K) / (rate T) + rate / 8.

    Args:
        preference: P. Shape: (K, K).
        num_steps: T.
        rate: Step size; by default sqrt(8 log(K) / T), for which the bound is sqrt(log(K) / (2 T)).
    """
    payoff = gain(preference)
    step = float(np.sqrt(8 * np.log(len(payoff)) / num_steps)) if rate is None else rate
    mixture = _uniform(payoff)
    played: list[FloatArray] = []
    for _ in range(num_steps):
        played.append(mixture)
        mixture = _reweighted(mixture, step * payoff @ mixture)
    return _iterates(played, played)


def mirror_prox(preference: npt.ArrayLike, num_steps: int, rate: float = 1.0) -> Iterates:
    """Run mirror-prox: multiplicative weights with an extrapolation before each step (Nemirovski, 2004).

    The exploitability of the average extrapolation is at most log(K) / (rate T), for rates of at most 2.

    Args:
        preference: P. Shape: (K, K).
        num_steps: T.
        rate: Step size.
    """
    return _look_ahead(gain(preference), num_steps, rate, _reweighted)


def extragradient(preference: npt.ArrayLike, num_steps: int, rate: float = 1.0) -> Iterates:
    """Run extragradient: projected gradient steps with extrapolation (Korpelevich, 1976); the last mixture converges.

    The exploitability of the average extrapolation is at most 1 / (rate T), for rates of at most 1 / ||gain||_2.

    Args:
        preference: P. Shape: (K, K).
        num_steps: T.
        rate: Step size.
    """
    return _look_ahead(gain(preference), num_steps, rate, _projected)


def self_play(
    preference: npt.ArrayLike,
    num_steps: int,
    generator: np.random.Generator,
    *,
    batch: int = 32,
    queue: int = 256,
    rate: float = 0.05,
) -> Iterates:
    """Run tabular self-play preference optimisation (SPO, arXiv:2401.04056), which sees single comparisons only.

    Each step samples options from the mixture, compares each once with an option from a queue of earlier samples, and
    raises the logits of the sampled options by their win rates. In expectation this natural policy gradient is a step
    of multiplicative weights against the mixture of the queue.

    Args:
        preference: P. Shape: (K, K).
        num_steps: Steps.
        generator: Samples options, opponents and answers.
        batch: Comparisons per step.
        queue: Number of latest sampled options that serve as opponents.
        rate: Step size.
    """
    payoff = gain(preference)
    num = len(payoff)
    mixture, logits = _uniform(payoff), np.zeros(num)
    earlier = np.zeros(0, np.int64)
    played: list[FloatArray] = []
    for _ in range(num_steps):
        drawn = generator.choice(num, batch, p=mixture)
        earlier = np.concatenate([earlier, drawn])[-queue:]
        opponent = generator.choice(earlier, batch)
        wins = generator.random(batch) < payoff[drawn, opponent] + 0.5
        # E[ 1(sampled = i) (win - 1/2) / p_i ] = sum_j q_j gain[i, j], q being the mixture of the queue
        logits += rate * np.bincount(drawn, (wins - 0.5) / mixture[drawn], num) / batch
        played.append(mixture)
        mixture = np.exp(logits - logits.max())
        mixture = 0.99 * mixture / mixture.sum() + 0.01 / num  # no option vanishes for good
    return _iterates(played, played)


def project(point: FloatArray) -> FloatArray:
    """Return the mixture nearest to a point (Held, Wolfe, Crowder, 1974). Shape: (K,).

    >>> project(np.array([1.0, 0.5, -1.0]))
    array([0.75, 0.25, 0.  ])
    """
    falling = np.sort(point)[::-1]
    excess = (falling.cumsum() - 1) / np.arange(1, len(point) + 1)
    return np.maximum(point - excess[np.flatnonzero(falling > excess)[-1]], 0.0)


def _look_ahead(payoff: FloatArray, num_steps: int, rate: float, move: Move) -> Iterates:
    """Step twice from each mixture: by the payoff at the mixture, then again from it by that at the first step."""
    mixture = _uniform(payoff)
    last: list[FloatArray] = []
    ahead: list[FloatArray] = []
    for _ in range(num_steps):
        ahead.append(move(mixture, rate * payoff @ mixture))
        mixture = move(mixture, rate * payoff @ ahead[-1])
        last.append(mixture)
    return _iterates(last, ahead)


def _uniform(payoff: FloatArray) -> FloatArray:
    return np.full(len(payoff), 1 / len(payoff))


def _reweighted(mixture: FloatArray, exponent: FloatArray) -> FloatArray:
    weight = mixture * np.exp(exponent)
    return weight / weight.sum()


def _projected(mixture: FloatArray, step: FloatArray) -> FloatArray:
    return project(mixture + step)


def _iterates(last: list[FloatArray], played: list[FloatArray]) -> Iterates:
    steps = np.arange(1, len(played) + 1)[:, None]
    return Iterates(np.stack(last), np.cumsum(played, 0) / steps)
