"""Averages, ratios and intervals over seeds, on numbers small enough to work out by hand."""

import numpy as np
import pytest

from prefgym.evaluation.statistics import (
    SEEDS_FOR_INTERVAL,
    Estimate,
    Interval,
    Ratio,
    average,
    band,
    difference,
    interval,
    interval_over_tasks,
    iqm,
    label_of,
    mean,
    over_tasks,
    probability_of_improvement,
    ratio,
)


def test_the_middle_half_counts() -> None:
    """Of 1, 2, 3, 10 the middle half is 2 and 3; of 0 to 9 it is 2 to 7, since 10 / 4 rounds down to 2 at each end."""
    assert iqm(np.array([10.0, 1.0, 3.0, 2.0])) == 2.5
    assert iqm(np.arange(10.0)) == 4.5


def test_below_six_seeds_the_average_is_the_mean() -> None:
    """Of 0, 0, 0, 0, 10 the mean is 2, and the middle half 0; of 0, 0, 0, 0, 0, 12 the middle half is 0."""
    assert SEEDS_FOR_INTERVAL == 6
    assert average(np.array([0.0, 0.0, 0.0, 0.0, 10.0])) == 2.0
    assert average(np.array([0.0, 0.0, 0.0, 0.0, 0.0, 12.0])) == 0.0
    assert [label_of(seeds) for seeds in ([3, 5], [6, 10], [10, 3], [])] == ["mean", "IQM", "IQM or mean", "mean"]


def test_the_ratio_is_that_of_the_averages(generator: np.random.Generator) -> None:
    """Middles 2 and 4 of arms without spread leave no doubt."""
    half = ratio(np.full(6, 2.0), np.full(7, 4.0), generator)
    assert (half.value, half.interval) == (0.5, (0.5, 0.5))
    assert half.verdict == "behind" and str(half) == "0.50 (0.50 to 0.50, behind)"
    double = ratio(np.full(6, 4.0), np.full(6, 2.0), generator)
    assert double.verdict == "ahead" and double.shown_interval == "2.00 to 2.00, ahead"


def test_fewer_than_six_seeds_in_one_arm_have_no_interval(generator: np.random.Generator) -> None:
    """Ten seeds of 3 against five of 1, 1, 1, 1, 6, whose mean is 2."""
    told = ratio(np.full(10, 3.0), np.array([1.0, 1.0, 1.0, 1.0, 6.0]), generator)
    assert told == Ratio(1.5, None)
    assert (told.verdict, told.shown_interval, str(told)) == ("open", "", "1.50")


def test_an_interval_that_holds_one_leaves_it_open() -> None:
    assert [Ratio(1.0, Interval(*ends)).verdict for ends in ((0.9, 1.1), (1.0, 1.2), (0.8, 1.0))] == ["open"] * 3
    assert str(Ratio(1.0, Interval(0.9, 1.1))) == "1.00 (0.90 to 1.10)"


def test_the_interval_holds_what_resampled_seeds_can_give(generator: np.random.Generator) -> None:
    """Middles of resampled seeds lie between the least and the largest: an arm against itself between 1/3 and 3."""
    scores = np.array([1.0, 1.0, 1.0, 3.0, 3.0, 3.0])
    told = ratio(scores, scores, generator)
    assert told.interval is not None
    assert 1 / 3 <= told.interval.low < 1 < told.interval.high <= 3
    assert told.interval.low * told.interval.high == pytest.approx(1, rel=0.1)  # swapping the arms inverts it


def test_seeds_are_resampled_within_their_task(generator: np.random.Generator) -> None:
    """Six seeds of 0 and six of 4 have no spread within a task: the middle of all is 2, without doubt."""
    told = over_tasks([np.zeros(6), np.full(6, 4.0)], generator)
    assert (told.value, told.interval) == (2.0, (2.0, 2.0))
    assert str(told) == "2.00 (2.00 to 2.00)"


def test_few_seeds_of_one_task_have_the_mean_and_no_interval(generator: np.random.Generator) -> None:
    """Of 0 and 4, and 1: the mean of three runs is 5/3."""
    told = over_tasks([np.array([0.0, 4.0]), np.array([1.0])], generator)
    assert told.value == pytest.approx(5 / 3)
    assert told.interval is None and str(told) == "1.67"


def test_intervals_over_tasks_by_hand(generator: np.random.Generator) -> None:
    """Two seeds of one task, 0 and 4, and one each of three others, 1, 2 and 3: draws have the middles 1, 2 and 3."""
    scores = [np.array([0.0, 4.0]), np.array([1.0]), np.array([2.0]), np.array([3.0])]
    # of five, one is left out at each end: of 0 0 1 2 3 there remain 0 1 2, of 0 1 2 3 4 the middle, of 1 2 3 4 4 2 3 4
    assert interval_over_tasks(scores, iqm, generator) == pytest.approx((1.0, 3.0))
    assert interval_over_tasks(scores[:2], mean, generator) == pytest.approx((1 / 3, 3.0))


def test_intervals_are_those_of_rliable(generator: np.random.Generator) -> None:
    """Three seeds of four tasks: get_interval_estimates of rliable 1.2.0 gives 1.3229 to 1.7915."""
    scores = generator.normal([0, 1, 2, 5], [1, 0.2, 0.5, 1], (3, 4))
    interval = interval_over_tasks(list(scores.T), iqm, np.random.default_rng(0))
    assert interval == pytest.approx((1.32294733, 1.79146897), abs=0.005)  # it draws other seeds


def test_one_generator_gives_one_interval() -> None:
    scores, reference = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0]), np.array([9.0, 2.0, 6.0, 5.0, 3.0, 5.0])
    first, second = (ratio(scores, reference, np.random.default_rng(0)) for _ in range(2))
    assert first == second
    assert first.interval is not None
    assert first.interval.low < first.value < first.interval.high


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def test_returns_that_may_be_negative_are_subtracted(generator: np.random.Generator) -> None:
    """Middles -2 and -5 of arms without spread: 3, in every bootstrap."""
    told = difference(np.full(6, -2.0), np.full(6, -5.0), generator)
    assert (told.value, told.interval) == (3.0, (3.0, 3.0))
    assert difference(np.array([1.0, 3.0]), np.full(6, 5.0), generator) == Estimate(-3.0, None)


def test_the_probability_of_improvement_counts_pairs(generator: np.random.Generator) -> None:
    """Of the pairs of 1, 2 with 1, 3: 1 ties with 1 and loses to 3, 2 wins and loses: (1/2 + 0 + 1 + 0) / 4."""
    told = probability_of_improvement(np.array([1.0, 2.0]), np.array([1.0, 3.0]), generator)
    assert told == Estimate(0.375, None)
    above = probability_of_improvement(np.arange(6.0) + 10, np.arange(6.0), generator)
    assert (above.value, above.interval) == (1.0, (1.0, 1.0))


def test_the_interval_of_an_arm_is_that_of_its_middle_half(generator: np.random.Generator) -> None:
    """Of 0, 0, 0, 0, 0, 60, four or more of six draws are 60 in 0.9 % of the bootstraps, and three in 5.4 %.

    So the upper end, 97.5 %, is that of three: after the highest is cut off, two of the middle four, 120 / 4 = 30.
    """
    assert interval(np.full(6, 7.0), generator) == (7.0, 7.0)
    assert interval(np.array([0.0, 0.0, 0.0, 0.0, 0.0, 60.0]), generator) == (0.0, 30.0)


def test_a_band_is_an_interval_at_each_point(generator: np.random.Generator) -> None:
    curves = np.stack([np.full(6, 7.0), np.array([0.0, 0.0, 0.0, 0.0, 0.0, 60.0])], -1)
    low, high = band(curves, generator)
    assert low.tolist() == [7.0, 0.0]
    assert high[0] == 7.0 and high[1] == 30.0
