"""Statistics over seeds: averages, ratios of averages and their intervals.

From `SEEDS_FOR_INTERVAL` seeds an arm there is an interquartile mean and a 95 % percentile bootstrap interval. In
repetitions with two equal arms and normally distributed returns, this interval holds the true ratio in 93 to 96 % from
six seeds on, but in 82 % with three. So below six there is the mean, no interval, and no verdict.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt
from scipy import stats  # pyright: ignore[reportMissingTypeStubs]

Scores = npt.NDArray[np.float64]
SEEDS_FOR_INTERVAL = 6
"""Seeds an arm from which a table has interquartile means, intervals and verdicts."""


class Interval(NamedTuple):
    """A 95 % bootstrap interval."""

    low: float
    high: float

    def __str__(self) -> str:
        """Write it with two digits after the point."""
        return f"{self.low:.2f} to {self.high:.2f}"


@dataclass(frozen=True)
class Estimate:
    """An average or a ratio over seeds."""

    value: float
    interval: Interval | None
    """None below `SEEDS_FOR_INTERVAL` seeds an arm."""

    def __str__(self) -> str:
        """Write the value, and the interval in brackets where there is one."""
        return f"{self.value:.2f}" + (f" ({self.interval})" if self.interval else "")


@dataclass(frozen=True)
class Ratio(Estimate):
    """The average of an arm over that of a reference arm."""

    @property
    def verdict(self) -> str:
        """Return `ahead` or `behind` if the interval excludes 1, and `open` if it includes 1 or is missing."""
        if self.interval is None or self.interval.low <= 1 <= self.interval.high:
            return "open"
        return "ahead" if self.interval.low > 1 else "behind"

    @property
    def shown_interval(self) -> str:
        """Return interval and verdict as text; empty without an interval."""
        verdict = "" if self.verdict == "open" else f", {self.verdict}"
        return f"{self.interval}{verdict}" if self.interval else ""

    def __str__(self) -> str:
        """Write the value, and in brackets the interval with a verdict that it allows."""
        return f"{self.value:.2f}" + (f" ({self.shown_interval})" if self.interval else "")


def iqm(scores: Scores, axis: int = -1) -> Scores:
    """Return the interquartile mean, that of the middle half (Agarwal et al., arXiv:2108.13264).

    Below four scores it is the mean, since a quarter of three is none.

    >>> float(iqm(np.array([10.0, 1.0, 3.0, 2.0])))
    2.5
    """
    return cast(Scores, stats.trim_mean(scores, 0.25, axis=axis))  # pyright: ignore[reportUnknownMemberType]


def mean(scores: Scores, axis: int = -1) -> Scores:
    """Return the mean."""
    return cast(Scores, np.mean(scores, axis=axis))


Average = Callable[[Scores, int], Scores]


def average_for(num_seeds: int) -> Average:
    """Choose the interquartile mean from `SEEDS_FOR_INTERVAL` seeds on, the mean below."""
    return iqm if num_seeds >= SEEDS_FOR_INTERVAL else mean


def average(scores: Scores) -> float:
    """Return the average of an arm that a table prints. Shape: (seeds,)."""
    return float(average_for(len(scores))(scores, -1))


def label_of(seeds: Sequence[int]) -> str:
    """Name the averages of arms with so many seeds: `IQM`, `mean`, or `IQM or mean` where both occur."""
    names = {"IQM" if num >= SEEDS_FOR_INTERVAL else "mean" for num in seeds}
    return " or ".join(sorted(names)) or "mean"


def ratio(scores: Scores, reference: Scores, generator: np.random.Generator) -> Ratio:
    """Divide the averages of two arms; for the interval the seeds of both arms are resampled.

    Shapes: (seeds,), one or more, and the other arm's.
    """

    def of_averages(scores: Scores, reference: Scores, axis: int = -1) -> Scores:
        return iqm(scores, axis) / iqm(reference, axis)

    value = average(scores) / average(reference)
    if min(len(scores), len(reference)) < SEEDS_FOR_INTERVAL:
        return Ratio(value, None)
    drawn = stats.bootstrap(  # pyright: ignore[reportUnknownMemberType]
        (scores, reference), of_averages, method="percentile", rng=generator, vectorized=True
    )
    low, high = cast("tuple[float, float]", drawn.confidence_interval)
    return Ratio(value, Interval(float(low), float(high)))


def difference(scores: Scores, reference: Scores, generator: np.random.Generator) -> Estimate:
    """Subtract the averages of two arms, for returns that may be negative; the interval is as that of `ratio`.

    Shapes: (seeds,), one or more, and the other arm's.
    """
    value = average(scores) - average(reference)
    if min(len(scores), len(reference)) < SEEDS_FOR_INTERVAL:
        return Estimate(value, None)
    return Estimate(value, _quantiles(iqm(_resample(scores, generator)) - iqm(_resample(reference, generator))))


def probability_of_improvement(scores: Scores, reference: Scores, generator: np.random.Generator) -> Estimate:
    """Return the share of pairs of seeds in which an arm is above a reference arm, ties half (Agarwal et al.).

    Shapes: (seeds,), and the other arm's.
    """

    def share(x: Scores, y: Scores) -> Scores:
        # P = mean of 1[x > y] + 1[x = y] / 2
        return (np.sign(x[..., :, None] - y[..., None, :]) / 2 + 0.5).mean((-2, -1))

    value = float(share(scores, reference))
    if min(len(scores), len(reference)) < SEEDS_FOR_INTERVAL:
        return Estimate(value, None)
    drawn = share(_resample(scores, generator, 4000), _resample(reference, generator, 4000))
    return Estimate(value, _quantiles(drawn))


def interval(scores: Scores, generator: np.random.Generator) -> Interval:
    """Return the interval of the interquartile mean of an arm. Shape: (seeds,)."""
    return _quantiles(iqm(_resample(scores, generator)))


def band(curves: Scores, generator: np.random.Generator) -> tuple[Scores, Scores]:
    """Return the interval of the interquartile mean at each point of curves. Shapes: (seeds, points) to (points,)."""
    drawn = curves[generator.integers(len(curves), size=(NUM_DRAWS_OF_BAND, len(curves)))]
    low, high = np.quantile(iqm(drawn, 1), (0.025, 0.975), axis=0)
    return low, high


NUM_DRAWS_OF_BAND = 2000


def _resample(scores: Scores, generator: np.random.Generator, num_draws: int = 10_000) -> Scores:
    return scores[generator.integers(len(scores), size=(num_draws, len(scores)))]


def _quantiles(drawn: Scores) -> Interval:
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Interval(float(low), float(high))


def over_tasks(scores: Sequence[Scores], generator: np.random.Generator) -> Estimate:
    """Average over the runs of all tasks. Shapes: (seeds,) of each task."""
    fewest = min(map(len, scores))
    average = average_for(fewest)
    value = float(average(np.concatenate(scores), -1))
    return Estimate(value, None if fewest < SEEDS_FOR_INTERVAL else interval_over_tasks(scores, average, generator))


def interval_over_tasks(
    scores: Sequence[Scores], average: Average, generator: np.random.Generator, *, num_draws: int = 10_000
) -> Interval:
    """Return the interval of an average over the runs of all tasks; the seeds of each task are resampled.

    Args:
        scores: Scores of each task. Shapes: (seeds,).
        average: Average of all runs.
        generator: Generator of the resamples.
        num_draws: Number of resamples.
    """
    drawn = [_resample(task, generator, num_draws) for task in scores]
    return _quantiles(average(np.concatenate(drawn, -1), -1))
