"""Numbers of the report, worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from prefgym.core.fit_report import calibration_error
from prefgym.core.preferences import Preferences
from prefgym.report.statistics import correlation, count_labels, rank_correlation, reliability


def test_reliability_by_hand() -> None:
    bins = reliability(np.array([0.1, 0.2, 0.9, 0.9, 1.0]), np.array([0.0, 1.0, 1.0, 0.5, 1.0]), num_bins=2)
    np.testing.assert_array_equal(bins.count, [2, 3])
    np.testing.assert_allclose(bins.predicted, [0.15, 2.8 / 3])
    np.testing.assert_allclose(bins.observed, [0.5, 2.5 / 3])
    # (2 |0.15 - 0.5| + 3 |0.9333 - 0.8333|) / 5 = (0.7 + 0.3) / 5
    assert bins.error == pytest.approx(0.2)
    # Wilson at n = 2, f = 1/2: middle 0.5, half z sqrt(1/8 + z²/16) / (1 + z²/2) = 1.96 * 0.604 / 2.921
    assert bins.low[0] == pytest.approx(0.095, abs=1e-3)
    assert bins.high[0] == pytest.approx(0.905, abs=1e-3)


def test_reliability_leaves_out_empty_bins_and_keeps_what_was_seen_inside_the_interval() -> None:
    bins = reliability(np.array([0.05, 0.95]), np.array([0.0, 1.0]))
    assert len(bins.count) == 2
    assert (bins.low <= bins.observed).all()
    assert (bins.observed <= bins.high).all()
    assert (bins.low >= 0).all()
    assert (bins.high <= 1).all()


def test_calibration_error_is_the_one_that_is_logged() -> None:
    generator = np.random.default_rng(0)
    probability, share = generator.random(200), generator.integers(0, 2, 200).astype(float)
    logged = calibration_error(torch.tensor(probability).float(), torch.tensor(share).float())
    assert reliability(probability, share).error == pytest.approx(logged, abs=1e-6)


def test_correlations_by_hand() -> None:
    x, y = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 4.0, 9.0, 16.0])
    # cov = (1.5·6.5 + 0.5·3.5 + 0.5·1.5 + 1.5·8.5) = 25; |x|² = 5, |y|² = 129; 25 / sqrt(645)
    assert correlation(x, y) == pytest.approx(25 / np.sqrt(645))
    assert rank_correlation(x, y) == pytest.approx(1.0)
    # ranks (1, 2.5, 2.5, 4) against (1, 2, 3, 4): cov = 2.25 + 0 + 0 + 2.25, norms² = 4.5 and 5
    assert rank_correlation(np.array([1.0, 5.0, 5.0, 9.0]), x) == pytest.approx(4.5 / np.sqrt(4.5 * 5))


def test_no_correlation_of_what_does_not_vary() -> None:
    assert correlation(np.ones(5), np.arange(5.0)) is None
    assert rank_correlation(np.arange(2.0), np.arange(2.0)) is None


def test_labels_are_counted_by_what_they_say(preferences: Preferences) -> None:
    counts = count_labels(preferences)
    # queries 0, 3, 6 choose the second option, but 3 is a tie and 5 is skipped
    assert (counts.first, counts.later, counts.ties, counts.skipped) == (5, 2, 1, 1)
    assert (counts.failed, counts.invalid) == (0, 0)
    assert (counts.asked, counts.answered) == (9, 8)
    assert 0 <= counts.agreeing <= counts.comparable == 7


def test_first_is_what_was_shown_first(preferences: Preferences) -> None:
    turned = replace(preferences, shown_order=preferences.shown_order.flip(-1))
    assert (count_labels(turned).first, count_labels(turned).later) == (2, 5)


def test_agreement_counts_valid_steps_only(preferences: Preferences) -> None:
    options = preferences.queries.options
    assert options.reward is not None
    reward = torch.ones_like(options.reward)
    reward[0, 1, 3:] = 1000.0  # padding: the second option of query 0 has three steps
    queries = replace(preferences.queries, options=replace(options, reward=reward))
    counts = count_labels(replace(preferences, queries=queries))
    # all returns are equal but those of query 0, 8 against 3, and there the second option was chosen
    assert (counts.comparable, counts.agreeing) == (1, 0)


def test_without_rewards_nothing_is_compared(preferences: Preferences) -> None:
    assert count_labels(preferences.without_truth()).comparable == 0
    assert count_labels(preferences[:0]).asked == 0
