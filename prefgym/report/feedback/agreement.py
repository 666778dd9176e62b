"""Agreement of several answers to the same query."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from prefgym.core.kinds import Statement
from prefgym.core.preferences import Preferences
from prefgym.runs.answers import shown_sum

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


def questions_of(parts: Sequence[Preferences[Statement]]) -> list[Numbers]:
    """Return the numbers of the queries in each part; those that show the same segments are the same. Shapes: (B,)."""
    options = [part.queries.options for part in parts]
    sums = [[shown_sum(shown[row]) for row in range(len(shown))] for shown in options]
    numbers = {shown: number for number, shown in enumerate(dict.fromkeys(chain.from_iterable(sums)))}
    return [np.array([numbers[shown] for shown in part], np.int64) for part in sums]


def identity_of(part: Preferences[Statement]) -> Numbers:
    """Return who answered each row: a person of several sittings is the first of these raters. Shape: (B,)."""
    infos = [replace(info, sitting=None) for info in part.raters]
    return np.array([infos.index(info) for info in infos], np.int64)[part.rater.numpy()]


def agreement(parts: Sequence[Preferences], questions: Sequence[Numbers]) -> tuple[Agreement | None, Agreement | None]:
    """Return how often two raters gave the same answer to a query, and how often a rater repeated its own.

    Args:
        parts: Answers; those in different parts, or by different criteria, are not compared.
        questions: See `questions_of`. Shape of each: (B,).

    Returns:
        None in the place of a share without pairs of answers.
    """
    every, own = np.zeros(2), np.zeros(2)
    for part, question in zip(parts, questions, strict=True):
        asked = question * len(part.criteria) + part.criterion.numpy()
        every += _pairs(part, asked)
        own += _pairs(part, asked * len(part.raters) + identity_of(part))
    between, within = (every - own).tolist(), own.tolist()
    return Agreement.of(between[0], round(between[1])), Agreement.of(within[0], round(within[1]))


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
