"""The card of learning curves: over steps, labels and wall time, each seed thin and the centre thick."""

from collections.abc import Sequence

import numpy as np

from prefgym.evaluation.statistics import SEEDS_FOR_INTERVAL
from prefgym.report.compare.arms import Arm
from prefgym.report.compare.comparison import Arms
from prefgym.report.compare.curves import middle
from prefgym.report.compare.runs import Axis, ComparedRun
from prefgym.report.compare.verdict import seeds
from prefgym.report.markup import caption, card, escape, legend, note, tabs
from prefgym.report.numbers import number, steps
from prefgym.report.plot import NARROW, WIDE, Plot, Span, both, key, span_of

TITLES: dict[Axis, str] = {"steps": "Environment steps", "labels": "Labels", "minutes": "Wall time"}


def learning(one: Arms) -> str:
    """Show the true return of each evaluation over three axes."""
    panels: dict[str, str] = {}
    for axis, title in TITLES.items():
        if drawn := _panel(one, axis):
            told = caption(_explanation(one, axis) + _far(one))
            panels[one.unit.capitalize() if axis == "steps" else title] = drawn + told
    if not panels:
        return card(
            "Learning curves", note("No learning curves: none of these runs has been evaluated."), name="curves"
        )
    items = [_legend(arm) for arm in one.arms] if not one.is_many else []
    return card("Learning curves", legend(*items, _lines(one)), tabs("axis", panels), about=_about(one), name="curves")


def _panel(one: Arms, axis: Axis) -> str:
    shown = [arm for arm in one.arms if axis != "labels" or arm.learns_from_labels]
    ends = [at[-1] for arm in shown for run in arm.runs if len(at := run.evaluations(axis)[0])]
    if not ends or max(ends) <= 0:
        return ""
    x: Span = (0.0, 1.02 * float(max(ends)))
    y = _heights(one)
    if not one.is_many:
        return both(lambda is_wide: _plot(one, shown, axis, x, y, (WIDE, 360) if is_wide else (NARROW, 300)))
    size = (NARROW, 220)
    small = [
        f"<figure><figcaption>{_count(arm)}</figcaption>{_plot(one, [arm], axis, x, y, size, others=shown)}</figure>"
        for arm in shown
    ]
    return f'<div class="multiples">{"".join(small)}</div>'


def _plot(
    one: Arms, shown: Sequence[Arm], axis: Axis, x: Span, y: Span, size: tuple[int, int], others: Sequence[Arm] = ()
) -> str:
    is_wide = size[0] > NARROW
    names: dict[Axis, str] = {"steps": one.unit, "labels": "labels answered", "minutes": "wall time, minutes"}
    plot = Plot(size, x, y, f"{one.metric} over {names[axis]}")
    told = f"{one.metric}: task reward summed over an episode" if one.metric == "true return" else one.metric
    plot.axes(names[axis], told if is_wide else f"{one.metric} of an episode", steps if axis == "steps" else number)
    _references(one, plot, is_wide)
    for arm in others:
        if arm not in shown and (centre := middle(arm.finished, axis)) is not None:
            plot.line(centre.x, centre.y, "thin")
    tint = {id(arm): 0 if others else arm.tint for arm in shown}
    centres = [(arm, middle(arm.finished, axis)) for arm in shown]
    for arm, centre in centres:
        if centre is not None and centre.band is not None:
            plot.band(centre.x, *centre.band, tint[id(arm)])
    for arm in shown:
        for run in arm.runs:
            _seed(plot, run, axis, tint[id(arm)], is_wide, dotted=not arm.has_interval)
    for arm, centre in centres:
        if centre is not None and len(arm.finished) > 1:
            plot.line(centre.x, centre.y, "middle", tint[id(arm)])
    return plot.svg()


def _seed(plot: Plot, run: ComparedRun, axis: Axis, tint: int, is_wide: bool, *, dotted: bool) -> None:
    xs, ys = run.evaluations(axis)
    if not len(xs):
        return
    plot.line(xs, ys, "seed", tint)
    if dotted:
        plot.dots(xs, ys, "seed-dot", tint, radius=2.6 if is_wide else 2)
    if not run.is_finished:
        plot.dots(xs[-1:], ys[-1:], "open-dot", tint, radius=4)
        if is_wide:
            is_late = xs[-1] > plot.x[1] / 2
            words = f"{run.name} {'still runs' if run.state == 'running' else 'stopped here'}"
            plot.words(xs[-1], ys[-1], words, "name end" if is_late else "name", dx=-8 if is_late else 8, dy=-10)


def _references(one: Arms, plot: Plot, is_wide: bool) -> None:
    """Draw the levels of the task reward and of the expert that lie on the chart, the lower with its name below."""
    levels: list[tuple[float, str]] = []
    if one.level is not None:
        arm = one.task_reward
        whose = "shipped table" if arm is None else f"{'IQM' if arm.has_interval else 'mean'} of these runs"
        levels.append((one.level, f"task reward, {whose}: {number(one.level)}" if is_wide else "task reward"))
    if one.expert is not None:
        levels.append((one.expert, f"shipped expert: {number(one.expert)}" if is_wide else "expert"))
    on_it = [(value, words) for value, words in levels if plot.y[0] <= value <= plot.y[1]]
    for value, words in on_it:
        plot.level(value, words, below=len(on_it) > 1 and value == min(on_it)[0])


def _heights(one: Arms) -> Span:
    """Return a span with all runs, and the levels that are near enough to leave room for them."""
    values = [run.evaluations("steps")[1] for run in one.runs]
    low, high = span_of(*values, zero=True)
    near = [level for level in (one.level, one.expert) if level is not None and low - high <= level <= 2 * high - low]
    return span_of(*values, np.array(near), zero=True)


def _far(one: Arms) -> str:
    """Name the levels that are not on the chart."""
    span, told = _heights(one), {"the task reward": one.level, "the shipped expert": one.expert}
    far = [f"{who} ({number(at)})" for who, at in told.items() if at is not None and not span[0] <= at <= span[1]]
    return f" Not on the chart: {' and '.join(far)}." if far else ""


def _legend(arm: Arm) -> str:
    tint = f"tint-{arm.tint}"
    return f'<span class="{tint}">{key(arm.tint)}</span><span class="{tint}">{_count(arm)}</span>'


def _count(arm: Arm) -> str:
    num = len(arm.finished)
    return f"<b>{escape(arm.name)}</b> {num} seed{'' if num == 1 else 's'}{escape(arm.unfinished)}"


def _lines(one: Arms) -> str:
    others = "; grey: the other arms" if one.is_many else ""
    if all(arm.has_interval for arm in one.finished):
        return f"thin: each seed; thick: IQM; band: its 95 % bootstrap interval, point by point{others}"
    if any(arm.has_interval for arm in one.finished):
        return f"thin: each seed; thick: IQM, or below {seeds(SEEDS_FOR_INTERVAL)} the mean, without a band{others}"
    return f"thin: each seed; thick: their mean; no band below {seeds(SEEDS_FOR_INTERVAL)}{others}"


def _about(one: Arms) -> str:
    return f"{one.metric.capitalize()} in evaluation"


def _explanation(one: Arms, axis: Axis) -> str:
    if axis == "labels":
        return (
            "The same evaluations over the labels that were answered by then. Training on the task reward uses"
            " none, so it is a dotted line. Evaluations after the last label stand above each other: the policy still"
            " changes there, the labels do not; the thick line takes the last of them."
        )
    if axis == "minutes":
        return (
            "The same evaluations over wall time; evaluations, labels and fits are included. It compares runs that had"
            " the machine to themselves, or shared it alike. The thick line ends with the fastest seed."
        )
    episodes = one.runs[0].settings.get("eval.episodes")
    few = f"Each evaluation is the mean of {episodes} episodes without exploration noise" if episodes else ""
    final = len(one.runs[0].lengths) or None
    last = f"; the last one of each seed has {final}" if few and final and f"{final}" != episodes else ""
    return f"{few}{last}." if few else ""
