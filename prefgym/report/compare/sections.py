"""The cards of the page beside the curves: arms, profile, how soon, and each run in numbers."""

from collections.abc import Sequence

import numpy as np

from prefgym.core.intervals import share_interval
from prefgym.evaluation.statistics import SEEDS_FOR_INTERVAL
from prefgym.report.compare.arms import Arm
from prefgym.report.compare.comparison import Arms, Pair
from prefgym.report.compare.runs import ComparedRun
from prefgym.report.compare.verdict import estimate, number_range, seeds, signed
from prefgym.report.markup import Column, caption, card, escape, folded, table
from prefgym.report.numbers import duration, number, percent, percent_range
from prefgym.report.plot import dot_row, share_row, span_of, ticks

DASH = "\N{EN DASH}"
SHARES = (0.5, 0.75, 0.9)
MOST_EARLY = 0.25
"""Share of final episodes that end early from which the number is marked."""


def arms(one: Arms) -> str:
    """Show what each arm came to, in numbers."""
    if not one.finished:
        return ""
    levels = levels_near(one)
    low, high = span_of(*(arm.finals for arm in one.finished), np.array(levels))
    marks = ticks((low, high), 3)
    span = (min(low, marks[0]), max(high, marks[-1])) if marks else (low, high)
    words = f"final {one.metric} of each seed"
    ends = (number(span[0]), escape(words), number(span[1]))
    scale = f'<div class="scale">{"".join(f"<span>{end}</span>" for end in ends)}</div>'
    pairs = {id(pair.arm): pair for pair in one.pairs}
    columns = [
        Column(title="Arm"),
        Column(title="", is_full=True, head=scale),
        Column(title=one.average, is_number=True),
        Column(title=_against(one), is_number=True),
        Column(title="End early", is_number=True),
        Column(title="Wall time", is_number=True),
        Column(title="Reward accuracy"),
    ]
    rows = [_row(one, arm, span, scale, pairs.get(id(arm)), levels) for arm in one.finished]
    shown = table(columns, rows, stacked=True, tints=tints_of(one, one.finished))
    return card("Arms", shown, caption(*_told(one)), name="arms")


def levels_near(one: Arms) -> list[float]:
    """Return what the task reward comes to, if that leaves the seeds room on one line with it."""
    finals = np.concatenate([arm.finals for arm in one.finished])
    low, high = span_of(finals)
    room = max(high - low, abs(high))
    return [level for level in (one.level,) if level is not None and low - room <= level <= high + room]


def _row(
    one: Arms, arm: Arm, span: tuple[float, float], scale: str, pair: Pair | None, levels: Sequence[float]
) -> list[str]:
    early, num = arm.early(one.limit)
    spread = arm.interval or arm.range
    between = number_range(spread) if spread and len(arm.finals) > 1 else "one seed"
    fewest, most = arm.labels
    labels = f"{most:,} labels" if fewest == most else f"{fewest:,} to {most:,} labels"
    ended = f'<span class="flag">{early}</span>' if num and early > MOST_EARLY * num else f"{early}"
    times = sorted(run.seconds for run in arm.finished)
    row = dot_row(
        arm.finals,
        span,
        tint=one.tint(arm),
        centre=arm.centre,
        interval=arm.interval,
        references=np.array(levels),
        width=210,
    )
    return [
        f'{escape(arm.name)}<small class="nowrap">{labels}, {seeds(len(arm.finals))}</small>',
        row + scale,
        f'<b>{number(arm.centre or 0.0)}</b><small class="nowrap">{between}</small>',
        f"<b>{_ratio(arm, pair, one)}</b>",
        f'<span class="nowrap">{ended} of {num}</span>' if num else DASH,
        f'<span class="nowrap">{duration(times[len(times) // 2])}</span>',
        _accuracy(arm),
    ]


def _ratio(arm: Arm, pair: Pair | None, one: Arms) -> str:
    if pair is not None:
        return estimate(pair)
    if one.pairs:
        return "1.00" if one.pairs[0].is_ratio else "0"
    level = one.level
    if level is None or arm.centre is None:
        return DASH
    return f"{arm.centre / level:.2f}" if level > 0 and arm.centre > 0 else signed(arm.centre - level)


def _against(one: Arms) -> str:
    if not one.pairs:
        return "Of task reward"
    pair = one.pairs[0]
    name = "task reward" if pair.reference.is_task_reward else pair.reference.name
    return f"{'Of' if pair.is_ratio else 'Above'} {name}"


def _accuracy(arm: Arm) -> str:
    right, num = arm.held_out
    if not num:
        return f"{DASH}<small>{'no reward is learned' if arm.is_task_reward else 'none held out'}</small>"
    interval = share_interval(right, num)
    row = f'<span class="nowrap">{share_row(right / num, interval, width=84)} {percent(right / num)}</span>'
    return f'{row}<small class="nowrap">{percent_range(*interval)}, n = {num:,}</small>'


def _told(one: Arms) -> list[str]:
    few = [arm for arm in one.finished if not arm.has_interval]
    shade = (
        f"there is no interval below {seeds(SEEDS_FOR_INTERVAL)}: the lowest and the highest seed stand below the mean"
        if len(few) == len(one.finished)
        else "the shaded stretch is the 95 % bootstrap interval of the IQM"
    )
    levels = ", the dotted line the task reward" if levels_near(one) else ""
    told = [
        f"A mark is a seed: the mean of the final episodes of the last policy, never of the best. The upright stroke is"
        f" the {one.average}{levels}; {shade}.",
        "Wall time: the median of the seeds.",
    ]
    if any(arm.early(one.limit)[1] for arm in one.finished):
        told.append(f"End early: final episodes that ended before step {one.limit:,.0f}.")
    if any(arm.held_out[1] for arm in one.finished):
        told.append(
            "Reward accuracy: held-out answers that the last reward predicts, of all seeds together, with Wilson's"
            " interval as if all were independent."
        )
    if len({arm.settings.get("sampler") for arm in one.arms if not arm.is_task_reward}) > 1:
        told.append("Samplers ask different questions, some of them closer ones: their accuracies do not compare.")
    return told


def tints_of(one: Arms, arms: Sequence[Arm]) -> list[int]:
    """Return the tints of rows of arms; none if there are too many to tell apart."""
    tints = [one.tint(arm) for arm in arms]
    return [tint for tint in tints if tint is not None]


def soon(one: Arms) -> str:
    """Show when each arm first reached shares of the task reward; nothing if nobody came near it."""
    if one.level is None or one.level <= 0 or not one.finished:
        return ""
    level = one.level
    reached = [first_reached(run, SHARES[0] * level) for arm in one.finished for run in arm.finished]
    if not any(reached):
        return ""
    columns = [Column(title="Arm"), *(Column(title=f"{percent(share)}: {number(share * level)}") for share in SHARES)]
    rows = [[escape(arm.name), *(_reached(arm, share * level) for share in SHARES)] for arm in one.finished]
    gaps = np.concatenate([np.diff(run.evaluations("steps")[0]) for arm in one.finished for run in arm.finished])
    every = f" Evaluations are up to {number(float(gaps.max()))} {one.unit} apart." if len(gaps) else ""
    whose = "" if one.task_reward is not None else " of the shipped table"
    told = caption(
        f"The first evaluation at or above a share of the task reward{whose} ({number(level)}), the median of the seeds"
        f" that reach it.{every} A policy may fall back afterwards."
    )
    shown = table(columns, rows, stacked=True, tints=tints_of(one, one.finished))
    return card("How soon", shown, told, about="Steps and labels to shares of the task reward", name="soon")


def _reached(arm: Arm, level: float) -> str:
    hits = sorted(hit for run in arm.finished if (hit := first_reached(run, level)) is not None)
    if not hits:
        return '<span class="quiet">not reached</span>'
    at, labels = hits[len(hits) // 2]  # of an even number the later, so that it is an evaluation
    told = f" · {labels:,.0f} labels" if arm.learns_from_labels else ""
    return f"<b>{number(at)}</b> steps{told}<small>{len(hits)} of {len(arm.finished)} seeds</small>"


def first_reached(run: ComparedRun, level: float) -> tuple[float, float] | None:
    """Return steps and labels of the first evaluation at or above a level; None if there is none."""
    at, values = run.evaluations("steps")
    above = np.flatnonzero(values >= level)
    return (float(at[above[0]]), float(run.evaluations("labels")[0][above[0]])) if len(above) else None


def runs(one: Arms) -> str:
    """Show each run in numbers, folded."""
    columns = [
        Column(title="Run"),
        Column(title="Arm"),
        Column(title="Seed", is_number=True),
        Column(title=f"Final {one.metric}", is_number=True),
        Column(title="End early", is_number=True),
        Column(title="Labels", is_number=True),
        Column(title=one.unit.removeprefix("environment ").capitalize(), is_number=True),
        Column(title="Wall time", is_number=True),
    ]
    rows = [_cells(one, arm, run) for arm in one.arms for run in arm.runs]
    tints = tints_of(one, [arm for arm in one.arms for _ in arm.runs])
    shown = folded(f"Each of the {len(rows)} runs in numbers", table(columns, rows, stacked=True, tints=tints))
    return card("Runs", shown, name="runs")


def _cells(one: Arms, arm: Arm, run: ComparedRun) -> list[str]:
    early, num = run.early(one.limit)
    return [
        escape(run.name),
        escape(arm.name),
        DASH if run.seed is None else f"{run.seed}",
        number(run.final) if run.is_finished else run.state if run.state == "running" else "stopped",
        f"{early} of {num}" if num and run.is_finished else DASH,
        f"{run.labels:,}",
        f"{run.steps:,}",
        f'<span class="nowrap">{duration(run.seconds)}</span>',
    ]
