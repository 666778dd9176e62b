"""Agreement of several answers to the same query."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prefgym.core.preferences import Preferences
from prefgym.runs.answer_log import shown_sum

Numbers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """A share of agreeing answers."""

    share: float
    """Between 0 and 1."""
    num: int
    """Number of choices, or of pairs of answers."""

    @classmethod
    def of(cls, part: float, num: int) -> "Agreement | None":
        """Return the share that a part has; None of nothing."""
        return cls(share=part / num, num=num) if num else None


def question_of(preferences: Preferences) -> Numbers:
    """Return the number of each row's query; queries that show the same segments are the same. Shape: (B,)."""
    options = preferences.queries.options
    sums = [shown_sum(options[row]) for row in range(len(preferences))]
    numbers = {shown: number for number, shown in enumerate(dict.fromkeys(sums))}
    return np.array([numbers[shown] for shown in sums], np.int64)


def between_raters(preferences: Preferences, question: Numbers) -> Agreement | None:
    """Return how often two raters gave the same answer to a query; None without such pairs of answers.

    Args:
        preferences: Answers.
        question: See `question_of`. Shape: (B,).
    """
    agreeing, num = _pairs(preferences, question)
    own_agreeing, own_num = _pairs(preferences, _by_rater(preferences, question))
    return Agreement.of(agreeing - own_agreeing, num - own_num)


def within_raters(preferences: Preferences, question: Numbers) -> Agreement | None:
    """Return how often a rater repeated its answer to a query that it got again; arguments as `between_raters`."""
    return Agreement.of(*_pairs(preferences, _by_rater(preferences, question)))


def _by_rater(preferences: Preferences, question: Numbers) -> Numbers:
    return question * len(preferences.raters) + preferences.rater.numpy()


def _pairs(preferences: Preferences, group: Numbers) -> tuple[float, int]:
    """Return the number of agreeing pairs of answers within groups (B,), and the number of all of these pairs."""
    answers, said = preferences.answers, preferences.answers.answered.numpy()
    # an answer d is a distribution over the options and the tie; two answers agree with probability d . d'
    tie = answers.tie.numpy()[:, None]
    stated = np.concatenate([answers.choice.double().numpy() * ~tie, tie], -1)[said]
    found, member = np.unique(group[said], return_inverse=True)
    total = np.zeros((len(found), stated.shape[-1]))
    np.add.at(total, member, stated)
    # sum_(i<j) d_i . d_j = (|sum_i d_i|^2 - sum_i |d_i|^2) / 2, and n (n - 1) / 2 pairs of n answers
    num = np.bincount(member, minlength=len(found))
    return float((total**2).sum() - (stated**2).sum()) / 2, int((num * (num - 1)).sum()) // 2
