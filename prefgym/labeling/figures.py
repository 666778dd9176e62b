"""The figures by which a study and its raters are judged, from the answers as they stand."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prefgym.core.intervals import Share
from prefgym.store.agreement import Alpha, Level, alpha_with_interval, cohen_kappas, disagreement
from prefgym.store.records import StoredAnswer
from prefgym.store.study import Kind

LEVELS: Mapping[Kind, Level] = {
    "comparison": "nominal",
    "ranking": "nominal",
    "rating": "ordinal",
    "thumbs": "ordinal",
    "mark": "nominal",
    "live": "nominal",
}
"""How values of each kind differ."""
TIE = -1.0
"""Value of a tie."""
NUM_DRAWS = 300
"""Resamples of an interval."""


def values_of(kind: Kind, statement: Mapping[str, Any]) -> Iterator[tuple[int, float]]:
    """Yield what is compared between raters: the part of the question, and what was said about it.

    A ranking has a part for each pair of options, a mark one for each step that somebody marked. Presses while watching
    come late by different times, so they are not compared step by step, but by whether most were good.
    """
    if kind == "comparison":
        yield 0, TIE if statement["choice"] == "tie" else float(statement["choice"])
    elif kind == "rating":
        yield 0, float(statement["level"])
    elif kind == "thumbs":
        yield 0, float(("bad", "silent", "good").index(statement["reaction"]))
    elif kind == "ranking":
        ranks = [rank if rank >= 0 else len(statement["rank"]) for rank in statement["rank"]]
        for part, (first, second) in enumerate(combinations(ranks, 2)):
            yield part, float(np.sign(second - first))
    elif kind == "mark":
        for one in statement["stretches"]:
            yield from ((step, 1.0 if one["good"] else -1.0) for step in range(one["start"], one["end"]))
    elif statement["presses"]:
        yield 0, float(np.sign(sum(1 if press["good"] else -1 for press in statement["presses"])))


@dataclass(frozen=True, eq=False, kw_only=True)
class Table:
    """The answers that can be compared between raters."""

    raters: tuple[str, ...]
    """Names, by row."""
    question: NDArray[np.int64]
    """Number of the question of each column. Shape: (Q,)."""
    values: NDArray[np.float64]
    """What was said; NaN where nothing was. Shape: (R, Q)."""
    level: Level
    """How values differ."""

    @classmethod
    def of(cls, kind: Kind, answers: Sequence[StoredAnswer]) -> "Table":
        """Build the table; gold, practice and repeats are left out."""
        said: dict[tuple[int, int], dict[str, float]] = {}
        asked: dict[int, dict[str, float]] = {}
        for row in answers:
            if row.status == "answered" and not (row.gold or row.practice or row.is_repeat):
                asked.setdefault(row.question, {})[row.rater] = 0.0
                for part, value in values_of(kind, row.statement):
                    said.setdefault((row.question, part), {})[row.rater] = value
        if kind == "mark":  # what one marked, and another did not, is no gap
            said = {key: asked[key[0]] | values for key, values in said.items()}
        names = sorted({row.rater for row in answers})
        columns = sorted(said)
        values = np.full((len(names), len(columns)), np.nan)
        place = {name: number for number, name in enumerate(names)}
        for column, key in enumerate(columns):
            for name, value in said[key].items():
                values[place[name], column] = value
        question = np.array([number for number, _ in columns], np.int64)
        return cls(raters=tuple(names), question=question, values=values, level=LEVELS[kind])

    def alpha(self) -> Alpha:
        """Return Krippendorff's alpha with its interval over questions."""
        return alpha_with_interval(self.values, self.level, np.random.default_rng(0), NUM_DRAWS, self.question)

    def kappas(self) -> NDArray[np.float64]:
        """Return Cohen's kappa of each pair of raters; NaN where it is not defined. Shape: (R, R)."""
        return cohen_kappas(self.values) if self.values.size else np.full((len(self.raters),) * 2, np.nan)

    def shared(self) -> NDArray[np.int64]:
        """Return how many columns both raters of each pair answered. Shape: (R, R)."""
        said = np.isfinite(self.values).astype(np.int64)
        return said @ said.T

    def disputed(self) -> dict[int, float]:
        """Return how far the raters disagree about each question, 1 being what chance gives; most first."""
        apart = disagreement(self.values, self.level)
        known = np.isfinite(apart)
        questions, group = np.unique(self.question[known], return_inverse=True)
        mean = np.bincount(group, apart[known]) / np.bincount(group)
        found = [(number, value) for number, value in zip(questions.tolist(), mean.tolist(), strict=True) if value > 0]
        return dict(sorted(found, key=lambda row: (-row[1], row[0])))

    def with_others(self) -> dict[str, Share]:
        """Return for each rater which part of the others gave the same answer, averaged over shared questions."""
        said = np.isfinite(self.values)
        others = said.sum(0) - 1
        shares: dict[str, Share] = {}
        for row, name in enumerate(self.raters):
            shared = said[row] & (others > 0)
            if shared.any():
                same = (self.values[:, shared] == self.values[row, shared]).sum(0) - 1
                questions, group = np.unique(self.question[shared], return_inverse=True)
                part = np.bincount(group, same / others[shared]) / np.bincount(group)
                shares[name] = Share(hits=float(part.sum()), num=len(questions))
        return shares

    def chance(self) -> float | None:
        """Return how often two answers to different questions are the same."""
        said = self.values[np.isfinite(self.values)]
        if not len(said):
            return None
        # sum_v p(v)², as in the kappa of raters who answer alike
        shares = np.unique(said, return_counts=True)[1] / len(said)
        return float((shares**2).sum())


@dataclass(frozen=True, kw_only=True)
class FirstPlace:
    """How often a rater chose what stood first on the page."""

    share: Share
    """Of choices without ties."""
    expected: float
    """Share without a bias: 1 / K on average."""


def first_place(kind: Kind, answers: Iterable[StoredAnswer]) -> FirstPlace | None:
    """Return how often the first place of the page won; None where there is nothing to choose from.

    Args:
        kind: Form of the answers.
        answers: Answers of one rater; sides are shuffled, so that a share other than 1 / K is a bias.
    """
    hits, num, expected = 0, 0, 0.0
    for row in answers:
        best = _best(kind, row)
        if best is not None and not row.practice:
            hits, num, expected = hits + (row.shown_order[0] == best), num + 1, expected + 1 / len(row.shown_order)
    return FirstPlace(share=Share(hits=hits, num=num), expected=expected / num) if num else None


def _best(kind: Kind, row: StoredAnswer) -> int | None:
    """Return the option that an answer puts above all others."""
    if row.status != "answered":
        return None
    if kind == "comparison" and row.statement["choice"] != "tie":
        return row.statement["choice"]
    if kind == "ranking" and row.statement["rank"].count(0) == 1:
        return row.statement["rank"].index(0)
    return None


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """Answers by time."""

    start: float
    """Begin of the first interval: Unix time, in seconds."""
    every_s: float
    """Length of an interval, in seconds."""
    counts: list[int]
    """Answers in each interval."""


_INTERVALS = (60, 300, 600, 1800, 3600, 4 * 3600, 12 * 3600, 24 * 3600)


def timeline(at: Sequence[float], most: int = 40) -> Timeline | None:
    """Count answers by intervals of round length, of which there are about `most` at most; None of nothing."""
    if not at:
        return None
    first, last = min(at), max(at)
    fits = [every for every in _INTERVALS if (last - first) / every < most]
    every = float(fits[0]) if fits else (last - first) / most
    start = first // every * every
    counts = np.bincount(((np.asarray(at) - start) // every).astype(np.int64))
    return Timeline(start=start, every_s=every, counts=counts.tolist())


def pace(seconds: Sequence[float], num: int = 24) -> list[float]:
    """Return medians of about `num` stretches of a rater's times, oldest first."""
    parts = np.array_split(np.asarray(seconds, np.float64), min(num, len(seconds))) if len(seconds) else []
    return [round(float(np.median(part)), 2) for part in parts]
