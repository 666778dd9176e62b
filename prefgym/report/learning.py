"""The card of the learning curve: true return in evaluation, and below it the learned return."""

import numpy as np

from prefgym.report.data import Curve
from prefgym.report.facts import View, latest_return
from prefgym.report.markup import caption, card, note
from prefgym.report.numbers import number, steps
from prefgym.report.plot import NARROW, WIDE, Plot, both, span_of


def learning(view: View) -> str:
    """Show the true return over the steps with the sessions marked, and what the agent's own reward says of it."""
    true, learned = view.run.metrics.curve("eval/mean_reward"), view.run.metrics.curve("rollout/ep_rew_mean")
    if not len(true):
        when = "it comes with the first evaluation" if view.state == "running" else "this run has not been evaluated"
        return card("Learning", note(f"No learning curve: {when}."), name="learning")
    drawn = both(lambda is_wide: _true(view, true, is_wide))
    if len(learned):
        drawn += both(lambda is_wide: _learned(view, learned, is_wide))
    told = caption(_what(view), _sessions(view), _of_learned(view, true, learned))
    about = {"running": "so far", "stopped": "until it stopped", "finished": "all of the run"}[view.state]
    return card("Learning", drawn, told, about=about, name="learning")


def _true(view: View, true: Curve, is_wide: bool) -> str:
    std = view.run.metrics.curve("eval/std_reward")
    spread = std.y if len(std) == len(true) else np.zeros(len(true))
    references = [] if view.expert is None else [view.expert]
    ys = span_of(true.y - spread, true.y + spread, references, zero=True)
    size = (WIDE, 330) if is_wide else (NARROW, 270)
    plot = Plot(size, _across(view, true.x), ys, f"{view.run.metric} over {view.unit}")
    unit = "task reward summed over an episode" if not view.run.is_counted else "of an episode"
    plot.axes(view.unit, f"{view.run.metric}: {unit}" if is_wide else f"{view.run.metric} of an episode", steps)
    for at in view.run.metrics.session_starts():
        plot.upright(float(at), "session")
    if view.expert is not None:
        plot.level(view.expert, f"shipped expert {number(view.expert)}" if is_wide else "expert")
    plot.intervals(true.x, true.y - spread, true.y + spread, 0)
    plot.line(true.x, true.y, "middle", 0)
    plot.dots(true.x, true.y, "dot", 0, radius=3.6)
    last, before = float(true.y[-1]), float(true.y[max(len(true) - 2, 0)])
    final = latest_return(view.run)
    written = number(last if final is None else final.mean)
    is_left = len(true) > 1 and true.x[-1] > 0.15 * plot.x[1]
    plot.words(
        float(true.x[-1]), last, written, "strong end" if is_left else "strong", dx=-9 if is_left else 9,
        dy=-9 if last >= before else 20,
    )  # fmt: skip
    if view.state == "running":
        plot.upright(view.steps, "now", "now")
    return plot.svg()


def _learned(view: View, learned: Curve, is_wide: bool) -> str:
    size = (WIDE, 130) if is_wide else (NARROW, 130)
    name = "learned return" if view.run.learns_from_labels else "task return while training"
    plot = Plot(size, _across(view, learned.x), span_of(learned.y, zero=True), f"{name} over {view.unit}")
    unit = "sum of the learned reward, in units of its own" if view.run.learns_from_labels else "with exploration noise"
    plot.axes(view.unit, f"{name}: {unit}" if is_wide else name, steps)
    shown = slice(None, None, -(-len(learned) // 400))
    plot.line(learned.x[shown], learned.y[shown], "thin", 1)
    if view.state == "running":
        plot.upright(view.steps, "now")
    return plot.svg()


def _across(view: View, x: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[float, float]:
    return 0.0, 1.01 * max(view.total or 0.0, float(x[-1]), 1.0)


def _what(view: View) -> str:
    final = latest_return(view.run)
    each = f"mean {view.run.metric} of an evaluation without exploration noise"
    last = f", the last one of {final.episodes} episodes" if final and final.is_final and final.episodes else ""
    return f"Blue: {each}{last}; upright, one standard deviation between its episodes. This is one seed: no interval."


def _sessions(view: View) -> str:
    num = len(view.run.metrics.session_starts())
    return f"Grey: the {num} sessions in which answers came." if num else ""


def _of_learned(view: View, true: Curve, learned: Curve) -> str:
    """Explain the learned return beside the true one: what counts is where they part."""
    if not len(learned) or not view.run.learns_from_labels:
        return ""
    text = "Orange: return of the learned reward, which each session fits anew: its scale and zero mean nothing."
    half = len(true) // 2
    rises = len(true) > 3 and true.y[half:].mean() > true.y[:half].mean()
    late, early = learned.y[len(learned) // 2 :].mean(), learned.y[: max(len(learned) // 2, 1)].mean()
    if rises and late < early:
        return f"{text} It falls here while the true return rises: later fits set it lower, which is no fault."
    return f"{text} If it rises while the blue one falls, the reward is being exploited."
