"""The card of the learned reward: how well it predicts answers, and how it relates to the true reward."""

import math

import numpy as np

from prefgym.core.intervals import share_interval
from prefgym.report.data import RewardPairs
from prefgym.report.facts import Accuracies, KindAccuracy, View, accuracies, by_kind
from prefgym.report.markup import Column, caption, card, note, pair, table
from prefgym.report.numbers import number, percent, percent_range, steps
from prefgym.report.plot import NARROW, Plot, both, span_of
from prefgym.report.statistics import Reliability, correlation, rank_correlation, reliability

HALF = 430
"""Width of a chart across half the page, in pixels."""
MIN_HELD_OUT = 20
"""Fewest held-out preferences of a reliability diagram."""
MAX_DOTS = 600
"""Most dots of a scatter plot, which bounds the size of the page."""
NUM_MEANS = 12
"""Groups of steps with similar true reward; the line through a scatter plot joins their means."""


def reward(view: View) -> str:
    """Show accuracy with n and interval, and, once there are enough answers, calibration and rewards of steps."""
    if not view.run.learns_from_labels:
        return ""
    found = accuracies(view.run)
    if not len(found):
        return card("Reward", note("No accuracy: no answers were held out from a fit yet."), name="reward")
    kinds = by_kind(view.run)
    charts = pair(both(lambda is_wide: _accuracy(found, is_wide, guessing=not kinds)), _numbers(found), uneven=True)
    error = view.run.metrics.last("reward_model/calibration_error")
    calibration = (
        "" if error is None else f"Calibration error {error:.2f}: how far its probabilities are off, on average."
    )
    told = caption(
        "Blue: held-out answers that the reward, newly fitted after each session, predicts, with Wilson's 95 % "
        "interval for n answers; early sessions hold out few, so they say little. Dashed: answers that it was fitted "
        "to; far above the blue ones, it overfits.",
        calibration,
    )
    about = "how well it predicts answers that it was not fitted to"
    more = pair(_reliability(view), _scatter(view)) if view.state == "finished" else ""  # they need the last fit
    return card("Reward", charts, told, _kinds(kinds), more, about=about, name="reward")


def _accuracy(found: Accuracies, is_wide: bool, *, guessing: bool) -> str:
    low, high = found.interval
    lowest = np.nanmin([0.5, *low, *found.held_out, *found.fitted])
    span = (math.floor(min(0.45, lowest) * 10) / 10, 1.0)
    width, name = (560, "share of answers predicted") if is_wide else (NARROW, "answers predicted")
    x_name = "session" if found.by_session else "environment steps"
    across = (
        (float(found.session[0]) - 0.6, float(found.session[-1]) + 0.6) if found.by_session else span_of(found.session)
    )
    plot = Plot((width, 230), across, span, "Accuracy of the reward by session")
    every = max(1, math.ceil(len(found) / (12 if is_wide else 6)))
    plot.axes(x_name, name, number if found.by_session else steps, percent, x_ticks=found.session[::every].tolist())
    if guessing:  # each kind has a chance level of its own
        plot.level(0.5, "guessing", below=True, right=True)
    fitted, known = ~np.isnan(found.fitted), ~np.isnan(low)
    plot.line(found.session[fitted], found.fitted[fitted], "fitted")
    plot.intervals(found.session[known], low[known], high[known], 0)
    plot.line(found.session, found.held_out, "thin", 0)
    plot.dots(found.session, found.held_out, "dot", 0, radius=4)
    return plot.svg()


def _numbers(found: Accuracies, most: int = 6) -> str:
    columns = [Column(title="Session" if found.by_session else "Steps")]
    columns += [Column(title=title, is_number=True) for title in ("Accuracy", "95 %", "n")]
    low, high = found.interval
    rows: list[list[str]] = []
    for k in range(max(0, len(found) - most), len(found)):
        is_known = not math.isnan(low[k])
        spread = percent_range(low[k], high[k]) if is_known else ""
        num = f"{found.num[k]:.0f}" if is_known else ""
        rows.append([number(found.session[k]), percent(found.held_out[k]), spread, num])
    return table(columns, rows)


def _kinds(found: list[KindAccuracy]) -> str:
    """Show the accuracy of each kind of feedback; empty where all answers are comparisons."""
    if not found:
        return ""
    columns = [Column(title="Feedback")]
    columns += [Column(title=title, is_number=True) for title in ("Accuracy", "95 %", "n", "Cross-entropy")]
    rows = [
        [one.kind, percent(one.accuracy), percent_range(*share_interval(one.accuracy * one.num, one.num)),
         f"{one.num:,}", "" if one.cross_entropy is None else f"{one.cross_entropy:.2f}"]
        for one in found
    ]  # fmt: skip
    told = (
        "By kind, after the last fit: choices, ordered pairs of a ranking, levels, good or bad. Silences and ties are "
        "not among the n, but count in the cross-entropy."
    )
    return table(columns, rows) + caption(told)


def _reliability(view: View) -> str:
    held_out = view.run.held_out
    num = 0 if held_out is None else len(held_out.share)
    if held_out is None or num < MIN_HELD_OUT:
        return note(f"No reliability diagram: it takes at least {MIN_HELD_OUT} held-out preferences, there are {num}.")
    bins = reliability(held_out.probability, held_out.share)
    events, what, called, columns = "", "preferences", "a pair called 80 % is chosen", "pairs"
    if by_kind(view.run):
        what, called, columns = "answers", "an event called 80 % occurs", "events"
        events = (
            "Events: the first option is chosen, or ranked before the second; a level in the upper half; a reaction or "
            "a mark that is good."
        )
    told = (
        f"Reliability over {num:,} held-out {what}, with 95 % intervals: on the diagonal, {called} 80 % of the time. "
        f"Columns: {columns} in each bin. Expected calibration error {bins.error:.3f}."
    )
    axes = ("predicted: the event occurs", "share in which it occurred") if events else _AXES
    return both(lambda is_wide: _reliability_diagram(bins, is_wide, axes)) + caption(told, events)


_AXES = ("predicted: the first is chosen", "share that chose the first")


def _reliability_diagram(bins: Reliability, is_wide: bool, axes: tuple[str, str]) -> str:
    plot = Plot((HALF if is_wide else NARROW, 260), (-0.02, 1.02), (0, 1.02), "Reliability of the reward's predictions")
    marks = (0.0, 0.25, 0.5, 0.75, 1.0)
    plot.axes(*axes, percent, percent, x_ticks=marks, y_ticks=marks)
    plot.columns(bins.predicted, 0.25 * bins.count / bins.count.max(), 0.04)
    plot.line([0, 1], [0, 1], "fitted")
    plot.intervals(bins.predicted, bins.low, bins.high, 0)
    plot.line(bins.predicted, bins.observed, "thin", 0)
    plot.dots(bins.predicted, bins.observed, "dot", 0, radius=4)
    return plot.svg()


def _scatter(view: View) -> str:
    if view.run.reward_pairs is None:
        return note("No comparison with the true reward: this run recorded no pairs of the two.")
    pairs = view.run.reward_pairs
    linear, rank = correlation(pairs.true, pairs.learned), rank_correlation(pairs.true, pairs.learned)
    if linear is None or rank is None:
        return note("No comparison with the true reward: one of the two does not vary.")
    told = (
        f"Learned against true reward of single steps: correlation {linear:.2f}, rank correlation {rank:.2f}, over "
        f"{len(pairs.true):,} steps. A narrow band that rises ranks steps as the task does. Orange: the mean."
    )
    return both(lambda is_wide: _reward_scatter(pairs, is_wide)) + caption(told)


def _reward_scatter(pairs: RewardPairs, is_wide: bool) -> str:
    size = (HALF if is_wide else NARROW, 260)
    plot = Plot(size, span_of(pairs.true), span_of(pairs.learned), "Learned against true reward of single steps")
    plot.axes("true reward of a step", "learned reward of a step, in units of its own")
    shown = slice(None, None, -(-len(pairs.true) // MAX_DOTS))
    plot.dots(pairs.true[shown], pairs.learned[shown], "cloud", 0, radius=2)
    groups = np.array_split(np.argsort(pairs.true, kind="stable"), min(NUM_MEANS, len(pairs.true)))
    means = np.array([[pairs.true[group].mean(), pairs.learned[group].mean()] for group in groups])
    plot.line(means[:, 0], means[:, 1], "middle", 1)
    return plot.svg()
