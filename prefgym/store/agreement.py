"""How far raters agree with each other, beyond chance.

Answers come as a table (R, Q): a row for each rater, a column for each question, numbers for what was said, and NaN
where a rater did not answer.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Level = Literal["nominal", "ordinal", "interval"]


@dataclass(frozen=True, kw_only=True)
class Alpha:
    """Krippendorff's alpha with its 95 % bootstrap interval."""

    value: float
    """1 for full agreement, 0 for that of chance, below 0 for systematic disagreement; NaN if it is not defined."""
    low: float
    """Lower end of the interval; NaN if it is not defined."""
    high: float
    """Upper end of the interval; NaN if it is not defined."""
    num_questions: int
    """Questions with answers of two raters or more: no other ones count."""


def table_of(rater: NDArray[np.int64], question: NDArray[np.int64], value: Floats) -> Floats:
    """Return the table (R, Q) of answers (B,), raters and questions in the order of their numbers.

    Args:
        rater: Shape: (B,).
        question: Shape: (B,).
        value: What was said; of several answers by one rater to one question, the last one counts. Shape: (B,).
    """
    raters, row = np.unique(rater, return_inverse=True)
    questions, column = np.unique(question, return_inverse=True)
    table = np.full((len(raters), len(questions)), np.nan)
    table[row, column] = value
    return table


def cohen_kappa(first: Floats, second: Floats) -> float:
    """Return Cohen's kappa of two raters' answers (Q,) to the same questions, without those that only one answered.

    It is NaN if nothing is left, or if chance alone would agree always. Jacob Cohen, A coefficient of agreement for
    nominal scales, Educational and Psychological Measurement 20, 1960.
    """
    return float(cohen_kappas(np.stack([first, second]))[0, 1])


def cohen_kappas(table: Floats) -> Floats:
    """Return Cohen's kappa of each pair of raters, over the questions that both answered. Shape: (R, R).

    Args:
        table: Shape: (R, Q).
    """
    said = np.isfinite(table)
    is_value = said[..., None] & (table[..., None] == np.unique(table[said]))  # (R, Q, V)
    is_value, said = is_value.astype(np.float64), said.astype(np.float64)
    num = said @ said.T
    agreeing = np.einsum("iqv,jqv->ij", is_value, is_value, optimize=True)
    counts = np.einsum("iqv,jq->ijv", is_value, said, optimize=True)  # how often i said v where j answered
    with np.errstate(divide="ignore", invalid="ignore"):
        # kappa = (p_o - p_e) / (1 - p_e), p_o the share of equal answers, p_e = sum_v p_i(v) p_j(v)
        observed = agreeing / num
        expected = (counts * counts.swapaxes(0, 1)).sum(-1) / num**2
        return np.where(expected < 1, (observed - expected) / (1 - expected), np.nan)


def krippendorff_alpha(table: Floats, level: Level = "nominal") -> float:
    """Return Krippendorff's alpha of a table of answers.

    It is NaN if no two raters answered the same question, or all of these answers are equal. Klaus Krippendorff,
    Content Analysis: An Introduction to Its Methodology, 4th edition, 2018, chapter 12.

    Args:
        table: NaN where a rater did not answer. Shape: (R, Q).
        level: What differs how far: `nominal` values are equal or not, `ordinal` ones are as far apart as there are
            answers between them, `interval` ones as their squared difference.
    """
    values, counts, kept = _counts(table)
    return float(_alphas(values, counts, np.ones((1, len(kept))), level, np.arange(len(kept)))[0])


def alpha_with_interval(
    table: Floats,
    level: Level,
    generator: np.random.Generator,
    num_draws: int = 1000,
    question: NDArray[np.int64] | None = None,
) -> Alpha:
    """Return Krippendorff's alpha with a 95 % percentile bootstrap interval, in which the questions are resampled.

    Args:
        table: NaN where a rater did not answer. Shape: (R, Q).
        level: See `krippendorff_alpha`.
        generator: Source of the resamples.
        num_draws: Number of resamples; those without an alpha are left out.
        question: The question of each column, where one has several, such as the pairs of a ranking: they are drawn
            together. Shape: (Q,).
    """
    values, counts, kept = _counts(table)
    _, group = np.unique(kept if question is None else question[kept], return_inverse=True)
    num = int(group.max(initial=-1)) + 1
    value = float(_alphas(values, counts, np.ones((1, num)), level, group)[0])
    low = high = np.nan
    if np.isfinite(value):
        weight = generator.multinomial(num, np.full(num, 1 / num), num_draws).astype(np.float64)
        draws = _alphas(values, counts, weight, level, group)
        low, high = np.nanquantile(draws, (0.025, 0.975))
    return Alpha(value=value, low=float(low), high=float(high), num_questions=num)


def disagreement(table: Floats, level: Level = "nominal") -> Floats:
    """Return how far the answers to each question differ, 1 being what chance would give: D_o(u) / D_e. Shape: (Q,).

    One minus its mean, weighted by numbers of answers, is Krippendorff's alpha. It is NaN for questions that fewer than
    two raters answered.

    Args:
        table: NaN where a rater did not answer. Shape: (R, Q).
        level: See `krippendorff_alpha`.
    """
    apart = np.full(table.shape[1], np.nan)
    values, counts, kept = _counts(table)
    num = counts.sum(-1)
    total = counts.sum(0)
    difference = _differences(values, total[None], level)[0]
    expected = total @ difference @ total / (total.sum() * (total.sum() - 1)) if len(counts) else 0.0
    if expected > 0:
        observed = ((counts @ difference) * counts).sum(-1) / (num * (num - 1))
        apart[kept] = observed / expected
    return apart


def _counts(table: Floats) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Return the values (V,), how often each was said to each column of two answers or more (U, V), and which (U,)."""
    said = np.isfinite(table)
    paired = said & (said.sum(0) >= 2)
    values, place = np.unique(table[paired], return_inverse=True)
    kept, column = np.unique(np.nonzero(paired)[1], return_inverse=True)
    counts = np.zeros((len(kept), len(values)))
    np.add.at(counts, (column, place), 1)
    return values, counts, kept


def _alphas(values: Floats, counts: Floats, weight: Floats, level: Level, group: NDArray[np.int64]) -> Floats:
    """Return alpha under each weighting of groups of columns. Shapes: (V,), (U, V), (W, G), U in 0..G-1 -> (W,)."""
    if not len(counts):
        return np.full(len(weight), np.nan)
    num, num_groups = counts.sum(-1), weight.shape[1]
    total = weight @ _sums(counts, group, num_groups)  # n_v
    answers = total.sum(-1)
    difference = _differences(values, total, level)
    # D_o n = sum_u 1 / (m_u - 1) sum_(v, w) n_uv n_uw d²(v, w)
    if len(difference) == 1:  # the same for all weightings
        apart = weight @ _sums(((counts @ difference[0]) * counts).sum(-1) / (num - 1), group, num_groups)
    else:
        pairs = np.einsum("uv,uw->uvw", counts, counts / (num - 1)[:, None]).reshape(len(counts), -1)
        apart = ((weight @ _sums(pairs, group, num_groups)) * difference.reshape(len(weight), -1)).sum(-1)
    # D_e n (n - 1) = sum_(v, w) n_v n_w d²(v, w)
    chance = np.einsum("bv,bvw,bw->b", total, np.broadcast_to(difference, (len(weight), *difference.shape[1:])), total)
    with np.errstate(divide="ignore", invalid="ignore"):
        # alpha = 1 - D_o / D_e
        return np.where(chance > 0, 1 - (answers - 1) * apart / chance, np.nan)


def _sums(values: Floats, group: NDArray[np.int64], num: int) -> Floats:
    """Sum rows by group. Shape: (U, ...) -> (num, ...)."""
    sums = np.zeros((num, *values.shape[1:]))
    np.add.at(sums, group, values)
    return sums


def _differences(values: Floats, total: Floats, level: Level) -> Floats:
    """Return d²(v, w) between values (V,), said so often (W, V). Shape: (W, V, V), or (1, V, V) if all are the same."""
    if level == "nominal":
        return 1 - np.eye(len(values))[None]
    if level == "interval":
        return np.square(values[:, None] - values)[None]
    if level == "ordinal":
        # d(v, w) = |sum_(g = v)^w n_g - (n_v + n_w) / 2| = |c_w - c_v|, c_v = sum_(g <= v) n_g - n_v / 2
        centre = np.cumsum(total, -1) - total / 2
        return np.square(centre[:, :, None] - centre[:, None, :])
    raise ValueError(f"level must be one of {', '.join(get_args(Level))}")
