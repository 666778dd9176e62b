"""What several seeds say: the mean of their middle half, and how sure a ratio of two such means is."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats  # pyright: ignore[reportMissingTypeStubs]

Scores = npt.NDArray[np.float64]


class Estimate(NamedTuple):
    """A number that several seeds tell, and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


def iqm(scores: Scores, axis: int = -1) -> Any:  # noqa: ANN401
    """Return the interquartile mean, that of the middle half (Agarwal et al., arXiv:2108.13264).

    >>> float(iqm(np.array([10.0, 1.0, 3.0, 2.0])))
    2.5
    """
    return stats.trim_mean(scores, 0.25, axis=axis)  # pyright: ignore[reportUnknownMemberType]


def ratio_of_iqms(scores: Scores, reference: Scores, generator: np.random.Generator) -> Estimate:
    """Return IQM(scores) / IQM(reference); for its percentile interval the seeds of both arms are drawn anew.

    Shapes: (seeds,), two or more, and the other arm's.
    """

    def ratio(scores: Scores, reference: Scores, axis: int = -1) -> Any:  # noqa: ANN401
        return iqm(scores, axis) / iqm(reference, axis)

    drawn: Any = stats.bootstrap(  # pyright: ignore[reportUnknownMemberType]
        (scores, reference), ratio, method="percentile", rng=generator, vectorized=True
    )
    low, high = drawn.confidence_interval
    return Estimate(float(ratio(scores, reference)), float(low), float(high))


def over_tasks(
    scores: Sequence[Scores],
    generator: np.random.Generator,
    *,
    mean: Callable[..., Any] = iqm,
    num_draws: int = 10_000,
) -> Estimate:
    """Return a mean over the runs of all tasks; for its percentile interval the seeds of each task are drawn anew.

    Args:
        scores: Of each task. Shapes: (seeds,).
        generator: Draws the seeds.
        mean: Which one: takes scores, and `axis`.
        num_draws: How often.
    """
    drawn = [task[generator.integers(len(task), size=(num_draws, len(task)))] for task in scores]
    low, high = np.quantile(mean(np.concatenate(drawn, -1), axis=-1), (0.025, 0.975))
    return Estimate(float(mean(np.concatenate(scores))), float(low), float(high))
