"""The card of all runs, not only their middle: performance profile and probability of improvement."""

import numpy as np

from prefgym.evaluation.statistics import Scores
from prefgym.report.compare.arms import Arm
from prefgym.report.compare.comparison import Arms, Pair
from prefgym.report.data import FloatArray
from prefgym.report.markup import caption, card, pair
from prefgym.report.numbers import number, percent, percent_range
from prefgym.report.plot import NARROW, Plot, Span, both, span_of

HALF = 430
NUM_POINTS = 81
NUM_DRAWS = 2000


def profile(one: Arms) -> str:
    """Show both, if all arms have enough seeds for an interval."""
    shown = list(one.finished)
    if one.is_many or len(shown) < 2 or not all(arm.has_interval for arm in shown):
        return ""
    told = caption(
        f"Performance profile: the share of runs whose final {one.metric} is x or more. Higher and further right is"
        " better; bands are 95 % bootstrap intervals, point by point."
    )
    left = both(lambda is_wide: _profiles(one, shown, HALF if is_wide else NARROW)) + told
    pairs = one.pairs
    words = caption(
        "Probability of improvement: of all pairs of a seed of either arm, the share in which the first ends higher,"
        f" with its 95 % bootstrap interval. {' '.join(map(_of_pair, pairs))}"
    )
    right = both(lambda is_wide: _improvements(pairs, HALF if is_wide else NARROW)) + words
    return card("All runs, not only their middle", pair(left, right), about="Agarwal et al., 2021", name="profile")


def _profiles(one: Arms, shown: list[Arm], width: int) -> str:
    span = span_of(*(arm.finals for arm in shown))
    plot = Plot((width, 260), span, (0.0, 1.0), "Performance profile")
    plot.axes(f"final {one.metric}", "runs that reach it", number, percent, y_ticks=(0, 0.25, 0.5, 0.75, 1))
    for arm in shown:
        grid = np.linspace(*span, NUM_POINTS)
        low, high = profile_band(arm.finals, grid, np.random.default_rng(0))
        plot.band(grid, low, high, arm.tint)
    for arm in shown:
        plot.line(*stairs(arm.finals, span), "middle", arm.tint)
    return plot.svg()


def profile_band(scores: Scores, grid: FloatArray, generator: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Return the interval of the share of runs that reach each point. Shapes: (seeds,), (points,) to (points,)."""
    drawn = scores[generator.integers(len(scores), size=(NUM_DRAWS, len(scores)))]
    low, high = np.quantile((drawn[:, :, None] >= grid).mean(1), (0.025, 0.975), axis=0)
    return low, high


def stairs(scores: Scores, span: Span) -> tuple[list[float], list[float]]:
    """Return the corners of the share of runs that reach x or more.

    >>> stairs(np.array([3.0, 1.0]), (0.0, 4.0))
    ([0.0, 1.0, 1.0, 3.0, 3.0, 4.0], [1.0, 1.0, 0.5, 0.5, 0.0, 0.0])
    """
    ordered = np.sort(scores).tolist()
    xs = [span[0], *(x for x in ordered for _ in range(2)), span[1]]
    ys = [1 - (k + 1) // 2 / len(ordered) for k in range(2 * len(ordered) + 1)]
    return xs, [1.0, *ys]


def _improvements(pairs: tuple[Pair, ...], width: int) -> str:
    plot = Plot(
        (width, 74 + 46 * len(pairs)), (0.0, 1.0), (0.0, float(len(pairs))), "Probability of improvement", left=8
    )
    plot.axes("probability", "", percent, x_ticks=(0, 0.25, 0.5, 0.75, 1), y_ticks=())
    plot.upright(0.5, "reference", "no difference")
    for place, one in enumerate(pairs):
        y = len(pairs) - place - 0.5
        interval = one.improvement.interval
        if interval is not None:
            plot.line(interval, (y, y), "whisker", one.arm.tint)
        plot.dots([one.improvement.value], [y], "dot", one.arm.tint, radius=5)
        plot.words(one.improvement.value, y, percent(one.improvement.value), "strong mid", dy=-12)
    return plot.svg()


def _of_pair(one: Pair) -> str:
    interval = one.improvement.interval
    if interval is None:
        return ""
    out = "does not leave out" if interval.low <= 0.5 <= interval.high else "leaves out"
    told = f"{percent(one.improvement.value)} ({percent_range(*interval)})"
    return f"{one.arm.name} above {one.reference.name}: {told}, which {out} {percent(0.5)}."
