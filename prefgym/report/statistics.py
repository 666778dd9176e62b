"""Statistics of answers and of the reward model."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from prefgym.core.intervals import wilson
from prefgym.core.kinds import Statement
from prefgym.core.preferences import Preferences, Status
from prefgym.core.scores import PartialReturn

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Reliability:
    """Share of choices of the first option in bins of similar predictions; empty bins are left out."""

    predicted: FloatArray
    """Mean prediction in each bin. Shape: (bins,)."""
    observed: FloatArray
    """Mean share of the first option in each bin. Shape: (bins,)."""
    low: FloatArray
    """Lower end of the 95 % Wilson interval of `observed`. Shape: (bins,)."""
    high: FloatArray
    """Upper end of the 95 % Wilson interval of `observed`. Shape: (bins,)."""
    count: NDArray[np.int64]
    """Pairs in each bin. Shape: (bins,)."""

    @property
    def error(self) -> float:
        """Return the expected calibration error: |predicted - observed|, averaged over pairs."""
        return float(np.average(np.abs(self.predicted - self.observed), weights=self.count))


def reliability(probability: FloatArray, share: FloatArray, num_bins: int = 10) -> Reliability:
    """Compare predictions (B,) with the share (B,) the first option got, in bins of equal width."""
    index = np.minimum((probability * num_bins).astype(np.int64), num_bins - 1)
    count = np.bincount(index, minlength=num_bins)
    filled = count > 0
    n = count[filled]
    predicted = np.bincount(index, probability, num_bins)[filled] / n
    observed = np.bincount(index, share, num_bins)[filled] / n
    low, high = wilson(observed, n)
    return Reliability(predicted=predicted, observed=observed, low=low, high=high, count=n)


def correlation(x: FloatArray, y: FloatArray) -> float | None:
    """Return Pearson's correlation; None if one of the two does not vary, or fewer than three are given."""
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    return float(np.corrcoef(x, y)[0, 1])


def rank_correlation(x: FloatArray, y: FloatArray) -> float | None:
    """Return Spearman's correlation: Pearson's of the ranks, equal values sharing their mean rank."""
    return correlation(_ranks(x), _ranks(y))


def _ranks(values: FloatArray) -> FloatArray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]


@dataclass(frozen=True, kw_only=True)
class LabelCounts:
    """Counts of the queries of a run, by answer."""

    first: int
    """Answers that chose the option shown first."""
    later: int
    """Answers that chose another option."""
    ties: int
    skipped: int
    failed: int
    invalid: int
    agreeing: int
    """Choices of the option with the highest true return, among `comparable`."""
    comparable: int
    """Choices between options of known, different true return."""

    @property
    def asked(self) -> int:
        """Return the number of queries."""
        return self.answered + self.skipped + self.failed + self.invalid

    @property
    def answered(self) -> int:
        """Return the number of answered queries, ties included."""
        return self.first + self.later + self.ties


def count_labels(preferences: Preferences) -> LabelCounts:
    """Count answers by kind, and choices by their agreement with the true return."""
    answers = preferences.answers
    chose = answers.answered & ~answers.tie
    chosen = answers.choice.argmax(-1)
    first = chose & (chosen == preferences.shown_order[:, 0])
    agreeing = comparable = 0
    returns = true_returns(preferences)
    if returns is not None and len(preferences):
        best, second = returns.topk(2, dim=-1).values.unbind(-1)
        known = chose & (best > second)
        comparable, agreeing = int(known.sum()), int((known & (chosen == returns.argmax(-1))).sum())
    by_status = {status: int((answers.status == int(status)).sum()) for status in Status}
    return LabelCounts(
        first=int(first.sum()),
        later=int((chose & ~first).sum()),
        ties=int(answers.tie.sum()),
        skipped=by_status[Status.SKIPPED],
        failed=by_status[Status.FAILED],
        invalid=by_status[Status.INVALID],
        agreeing=agreeing,
        comparable=comparable,
    )


def true_returns(preferences: Preferences[Statement]) -> torch.Tensor | None:
    """Sum the task reward of every option over its valid steps, if it was recorded. Shape: (B, K)."""
    options = preferences.queries.options
    return None if options.reward is None else PartialReturn()(options)
