"""The curve of an arm: the centre of its finished runs, and its interval."""

from dataclasses import dataclass

import numpy as np

from prefgym.evaluation.statistics import SEEDS_FOR_INTERVAL, average_for, band
from prefgym.report.compare.runs import Axis, ComparedRun
from prefgym.report.data import FloatArray

NUM_MOMENTS = 40
"""Points of a curve over wall time, since seeds are evaluated at different times."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Middle:
    """The centre of several curves. Shape of each: (points,)."""

    x: FloatArray
    y: FloatArray
    band: tuple[FloatArray, FloatArray] | None = None
    """Its 95 % interval, point by point; None below six seeds."""


def middle(runs: tuple[ComparedRun, ...], axis: Axis) -> Middle | None:
    """Return the centre of the curves of finished runs, where all of them have values; None if that is nowhere.

    Over labels, the last of several evaluations after the same number of labels counts. Over wall time the lines
    between evaluations are straight, and the centre ends with the fastest run: it would jump otherwise.
    """
    every = [last_of_each(*run.evaluations(axis)) for run in runs]
    curves = [(x, y) for x, y in every if len(x)]
    if not curves:
        return None
    low, high = max(float(x[0]) for x, _ in curves), min(float(x[-1]) for x, _ in curves)
    if high < low:
        return None
    inside = [x[(x >= low) & (x <= high)] for x, _ in curves]
    grid: FloatArray = np.array(sorted(set(np.concatenate(inside).tolist())), float)
    if axis == "minutes":
        grid = np.linspace(low, high, NUM_MOMENTS, dtype=np.float64)
    values = np.stack([np.interp(grid, x, y) for x, y in curves])
    edges = band(values, np.random.default_rng(0)) if len(values) >= SEEDS_FOR_INTERVAL else None
    return Middle(x=grid, y=average_for(len(values))(values, 0), band=edges)


def last_of_each(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Keep the last of several values at one x, in the order of x.

    >>> [values.tolist() for values in last_of_each(np.array([1.0, 2.0, 2.0]), np.array([5.0, 6.0, 7.0]))]
    [[1.0, 2.0], [5.0, 7.0]]
    """
    kept = dict(sorted(dict(zip(x.tolist(), y.tolist(), strict=True)).items()))
    return np.array(list(kept), float), np.array(list(kept.values()), float)
