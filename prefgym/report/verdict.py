"""The top of the page of a run: a sentence, what to know about it, and figures."""

import math
import time

from prefgym.report.facts import Return, View, accuracies, latest_return
from prefgym.report.markup import Figure
from prefgym.report.numbers import about, duration, number, percent, percent_range
from prefgym.report.shipped import shipped_words


def verdict(view: View) -> str:
    """Return the sentence on top: how far the run is, or what it came to."""
    final, share = latest_return(view.run), view.share
    if view.state == "running":
        if share is None or view.seconds_left is None:
            return "The run has begun."
        return f"{percent(share)} done, about {about(view.seconds_left)} left."
    if final is None or (view.state == "stopped" and not final.is_final):
        return f"Stopped after {view.steps:,.0f} {view.unit}." if view.steps else "Nothing is known of this run yet."
    labels = view.labels
    source = f"from {labels[1]:,} labels" if labels else "on the task reward" if view.run.fact("rater") else ""
    stopped = f", stopped after {view.steps:,.0f} {view.unit}" if view.state == "stopped" else ""
    return f"{_capital(view.run.metric)} {number(final.mean)} {source}".rstrip() + f"{stopped}."


def rest(view: View) -> str:
    """Return what to know about the sentence."""
    run, final = view.run, latest_return(view.run)
    agent, rater, env = (str(run.fact(name) or "") for name in ("agent", "rater", "env"))
    told: list[str] = []
    if wanted := run.fact("task_description"):
        told.append(f"Wanted: {str(wanted).rstrip('.')}.")
    if agent and env:
        learns = "learns" if view.state == "running" else "learned"
        source = f" from answers of the rater {rater}" if rater and run.learns_from_labels else ""
        source = " from the task reward" if rater == "none" else source
        told.append(f"{agent.upper() if len(agent) < 4 else _capital(agent)} {learns} {env}{source}.")
    if final is not None:
        told.append(_of_return(view, final))
    if view.state == "finished" and final is not None:
        told.append("One seed says nothing about a method: compare several with prefgym train --seeds 0-5.")
    told.append(shipped_words(run.config))
    return " ".join(sentence for sentence in told if sentence)


def figures(view: View) -> tuple[Figure, ...]:
    """Return the figures: steps, labels, time, return, accuracy."""
    shown = (_steps(view), _labels(view), _time(view), _return(view), _accuracy(view))
    return tuple(one for one in shown if one is not None)


def _of_return(view: View, final: Return) -> str:
    if final.is_final:
        ends = f", of which {final.ends}" if final.ends else ""
        return f"Mean of {final.episodes} final episodes{ends}." if final.episodes else ""
    evaluations = view.run.metrics.curve("eval/mean_reward")
    best = f"; the best so far was {number(float(evaluations.y.max()))}" if len(evaluations) > 1 else ""
    at = f"after {evaluations.x[-1]:,.0f} {view.unit}"
    ends = f", {final.ends}" if final.ends else ""
    return f"At the last evaluation, {at}, the {view.run.metric} was {number(final.mean)}{ends}{best}."


def _steps(view: View) -> Figure | None:
    name = _capital(view.unit)
    if not view.steps and view.state != "running":
        return None
    whole = f"of {view.total:,.0f}" if view.total else ""
    return Figure(name=name, value=f"{view.steps:,.0f}", about=whole, share=view.share)


def _labels(view: View) -> Figure | None:
    labels, budget = view.labels, view.run.number("budget")
    if not view.run.learns_from_labels:
        return Figure(name="Labels", value="none", about="trained on the task reward")
    if labels is None:
        return None if view.state != "running" else Figure(name="Labels", value="0", about="no question was asked yet")
    sessions = len(view.run.metrics.session_starts())
    told = f"of {labels[0]:,} asked" + (f" in {sessions} sessions" if sessions > 1 else "")
    told += f", budget {budget:,.0f}" if budget else ""
    return Figure(name="Labels", value=f"{labels[1]:,}", about=told, share=labels[1] / budget if budget else None)


def _time(view: View) -> Figure | None:
    left, seconds, speed, unit = view.seconds_left, view.seconds, view.speed, view.unit.split()[-1]
    if view.state == "running" and left is not None and speed is not None:
        end = time.strftime("%H:%M", time.localtime(time.time() + left)) if left < 1e6 else "much later"
        return Figure(name="Time left", value=about(left), about=f"done about {end}, {speed:,.0f} {unit}/s")
    if seconds is None:
        return None
    each = f"{view.steps / seconds:,.0f} {unit}/s, labels and fits included" if view.steps and seconds > 0 else ""
    return Figure(name="Time", value=duration(seconds), about=each)


def _return(view: View) -> Figure | None:
    final = latest_return(view.run)
    if final is None:
        return None
    spread = "" if final.std is None else f"\N{PLUS-MINUS SIGN} {number(final.std)}"
    over = f"between {final.episodes} episodes" if final.episodes else "between episodes" if spread else ""
    when = "" if final.is_final else "last evaluation"
    told = ", ".join(words for words in (" ".join((spread, over)).strip(), final.ends, when) if words)
    return Figure(name=_capital(view.run.metric), value=number(final.mean), about=told)


def _accuracy(view: View) -> Figure | None:
    found = accuracies(view.run)
    if not view.run.learns_from_labels or not len(found):
        return None
    low, high = (float(end[-1]) for end in found.interval)
    told = "of held-out answers; how many is not known"
    if not math.isnan(low):
        told = f"{percent_range(low, high)}, n = {found.num[-1]:.0f} held-out answers"
    return Figure(name="Reward accuracy", value=percent(float(found.held_out[-1])), about=told)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
