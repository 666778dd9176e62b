"""Means and ratios over seeds, on numbers small enough to work out by hand."""

import numpy as np
import pytest

from prefgym.bench.statistics import iqm, over_tasks, ratio_of_iqms


def test_the_middle_half_counts() -> None:
    """Of 1, 2, 3, 10 the middle half is 2 and 3; of 0 to 9 it is 2 to 7, since 10 / 4 rounds down to 2 at each end."""
    assert iqm(np.array([10.0, 1.0, 3.0, 2.0])) == 2.5
    assert iqm(np.arange(10.0)) == 4.5


def test_the_ratio_is_that_of_the_means(generator: np.random.Generator) -> None:
    """Middles 2 and 4 of arms without spread leave no doubt."""
    assert ratio_of_iqms(np.full(4, 2.0), np.full(5, 4.0), generator) == pytest.approx((0.5, 0.5, 0.5))


def test_the_interval_holds_what_two_seeds_can_give(generator: np.random.Generator) -> None:
    """From 1 and 3 come the means 1, 2, 2, 3: an arm against itself lies between 1/3 and 3, each in one case of 16."""
    scores = np.array([1.0, 3.0])
    assert ratio_of_iqms(scores, scores, generator) == pytest.approx((1.0, 1 / 3, 3.0))


def test_seeds_are_drawn_within_their_task(generator: np.random.Generator) -> None:
    """Two seeds of one task, 0 and 4, and one each of three others, 1, 2 and 3: draws have the middles 1, 2 and 3."""
    told = over_tasks([np.array([0.0, 4.0]), np.array([1.0]), np.array([2.0]), np.array([3.0])], generator)
    # of five, one is left out at each end: of 0 0 1 2 3 there remain 0 1 2, of 0 1 2 3 4 the middle, of 1 2 3 4 4 2 3 4
    assert told == pytest.approx((2.0, 1.0, 3.0))


def test_another_mean_is_drawn_in_the_same_way(generator: np.random.Generator) -> None:
    """Of 0 and 4, and 1: draws have the means 1/3, 5/3 and 3."""
    told = over_tasks([np.array([0.0, 4.0]), np.array([1.0])], generator, mean=np.mean)
    assert told == pytest.approx((5 / 3, 1 / 3, 3.0))


def test_intervals_are_those_of_rliable(generator: np.random.Generator) -> None:
    """Three seeds of four tasks: get_interval_estimates of rliable 1.2.0 says 1.5756, and from 1.3229 to 1.7915."""
    scores = generator.normal([0, 1, 2, 5], [1, 0.2, 0.5, 1], (3, 4))
    told = over_tasks(list(scores.T), np.random.default_rng(0))
    assert told.value == pytest.approx(1.57556464)
    assert told[1:] == pytest.approx((1.32294733, 1.79146897), abs=0.005)  # it draws other seeds


def test_one_generator_gives_one_interval() -> None:
    scores, reference = np.array([3.0, 1.0, 4.0, 1.0, 5.0]), np.array([9.0, 2.0, 6.0, 5.0, 3.0])
    first, second = (ratio_of_iqms(scores, reference, np.random.default_rng(0)) for _ in range(2))
    assert first == second
    assert first.low < first.value < first.high


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(0)
