"""The charts of a report, each an `<svg>` element."""

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator

from prefgym.report.data import Curve, Episode, FloatArray, RewardPairs
from prefgym.report.statistics import Reliability
from prefgym.report.svg import BLUE, GREEN, GREY, INK, MUTED, ORANGE, PAPER, Axes, Figure, draw_svg

WIDE, NARROW, HALF, THIRD = (10.4, 4.3), (3.8, 4.2), (5.0, 3.2), (3.5, 3.1)
"""Sizes, in inches: across the page, across a phone, and half and a third of the page."""

MAX_DOTS = 600
"""Most dots of a scatter plot, which bounds the size of the page."""
NUM_MEANS = 12
"""Groups of steps with similar true reward; the line through a scatter plot joins their means."""


def learning_curve(
    size: tuple[float, float],
    *,
    true: Curve,
    std: Curve,
    final: tuple[float, float, float] | None,
    sessions: FloatArray,
    learned: Curve,
    reward_name: str,
    true_name: str = "True return",
) -> str:
    """Draw the true return over environment steps, and below it that of the learned reward.

    Args:
        size: Width and height, in inches.
        true: Mean true return of each evaluation.
        std: Its standard deviation between episodes.
        final: Steps, mean and standard deviation of the final evaluation.
        sessions: Environment steps of the sessions.
        learned: Return of the learned reward.
        reward_name: Name of the learned return.
        true_name: Name of the true return.
    """

    def draw(figure: Figure) -> None:
        panels = figure.subplots(
            2 if len(learned) else 1, 1, sharex=True, squeeze=False, height_ratios=_heights(learned)
        )
        top: Axes = panels[0, 0]
        for at in sessions:
            for panel in panels[:, 0]:
                panel.axvline(at, color=GREY, linewidth=0.8, linestyle=(0, (2, 2)), zorder=1)
        if len(std) == len(true):
            top.fill_between(true.x, true.y - std.y, true.y + std.y, color=BLUE, alpha=0.16, linewidth=0)
        top.plot(true.x, true.y, color=BLUE, marker="o", markersize=3.2)
        top.set_title(f"{true_name} (evaluation)")
        if final is not None:
            at, mean, spread = final
            top.errorbar(at, mean, yerr=spread, color=INK, marker="D", markersize=5.5, elinewidth=1.4, zorder=4)
            top.annotate(f"final {mean:,.0f}", (at, mean), (-7, 7), textcoords="offset points", color=INK, ha="right")
            top.margins(y=0.12)
        if len(learned):
            panels[1, 0].plot(learned.x, learned.y, color=ORANGE, linewidth=1.4)
            panels[1, 0].set_title(reward_name)
        panels[-1, 0].set_xlabel("environment steps")
        panels[-1, 0].xaxis.set_major_formatter(FuncFormatter(format_steps))
        _thousands(*panels[:, 0])

    name = "curve-wide" if size == WIDE else "curve-narrow"
    return draw_svg(name, size, f"{true_name} over environment steps, sessions marked", draw)


def accuracy(*, held_out: Curve, train: Curve, x_label: str) -> str:
    """Draw the share of answers that the reward model predicts, session by session."""

    def draw(figure: Figure) -> None:
        axes: Axes = figure.subplots()
        axes.axhline(0.5, color=GREY, linewidth=1, linestyle=(0, (4, 3)))
        where = axes.get_yaxis_transform()
        axes.annotate("guessing", (0.99, 0.5), (0, 3), where, "offset points", color=MUTED, ha="right", fontsize=8)
        axes.plot(held_out.x, held_out.y, color=BLUE, marker="o", label="held-out answers")
        if len(train):
            axes.plot(train.x, train.y, color=GREY, marker="o", markersize=3, label="fitted answers")
        axes.set_ylim(min(0.4, *held_out.y, *train.y), 1.02)
        axes.yaxis.set_major_formatter(FuncFormatter(_percent))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        if x_label == "environment steps":
            axes.xaxis.set_major_formatter(FuncFormatter(format_steps))
        axes.set_xlabel(x_label)
        axes.set_ylabel("answers predicted")
        figure.legend(loc="outside upper left", ncols=2, borderpad=0, handlelength=1.4, columnspacing=1.4)

    return draw_svg("accuracy", THIRD, "Accuracy of the reward model, session by session", draw)


def reliability_diagram(bins: Reliability) -> str:
    """Draw predicted probability against empirical frequency, and below it the number of pairs of each bin."""

    def draw(figure: Figure) -> None:
        panels = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        top, bottom = panels
        top.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (4, 3)))
        bars = np.stack([bins.observed - bins.low, bins.high - bins.observed])
        top.errorbar(bins.predicted, bins.observed, yerr=bars, fmt="none", ecolor=BLUE, elinewidth=1, alpha=0.55)
        top.plot(bins.predicted, bins.observed, color=BLUE, marker="o", markeredgecolor=PAPER, markersize=6)
        top.set_ylabel("chose first")
        top.set_ylim(-0.04, 1.04)
        top.set_xlim(-0.02, 1.02)
        bottom.bar(bins.predicted, bins.count, width=0.05, color=BLUE, alpha=0.45, linewidth=0)
        bottom.set_ylabel("pairs")
        bottom.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=2))
        bottom.set_xlabel("predicted probability that the first is chosen")
        for panel in (top, bottom):
            panel.xaxis.set_major_formatter(FuncFormatter(_percent))
        top.yaxis.set_major_formatter(FuncFormatter(_percent))

    return draw_svg("reliability", THIRD, "Reliability diagram of the reward model", draw)


def reward_scatter(pairs: RewardPairs) -> str:
    """Draw the learned reward of single steps against their true reward, and its mean among similar steps."""

    def draw(figure: Figure) -> None:
        axes: Axes = figure.subplots()
        shown = slice(None, None, -(-len(pairs.true) // MAX_DOTS))
        axes.plot(pairs.true[shown], pairs.learned[shown], linestyle="none", marker="o", markersize=2.6,
                  color=BLUE, alpha=0.35, markeredgewidth=0)  # fmt: skip
        groups = np.array_split(np.argsort(pairs.true, kind="stable"), min(NUM_MEANS, len(pairs.true)))
        means = np.array([[pairs.true[group].mean(), pairs.learned[group].mean()] for group in groups])
        axes.plot(*means.T, color=ORANGE, linewidth=1.8)
        axes.set_xlabel("true reward of a step")
        axes.set_ylabel("learned reward")

    return draw_svg("scatter", THIRD, "Learned against true reward of single steps", draw)


def episode_rewards(episode: Episode, fps: float, seconds: float, true_name: str = "True reward") -> str:
    """Draw true and learned reward along the first `seconds` of an episode of `fps` steps a second."""

    def draw(figure: Figure) -> None:
        series = [(true_name, episode.reward, GREEN), ("Learned reward", episode.learned, ORANGE)]
        num = round(seconds * fps)
        drawn = [(title, values[:num], colour) for title, values, colour in series if values is not None]
        panels: list[Axes] = figure.subplots(len(drawn), 1, sharex=True, squeeze=False)[:, 0]
        for panel, (title, values, colour) in zip(panels, drawn, strict=True):
            panel.plot(np.arange(len(values)) / fps, values, color=colour, linewidth=1)
            panel.set_title(title)
            panel.yaxis.set_major_locator(MaxNLocator(nbins=4))
        panels[-1].set_xlabel("seconds")

    return draw_svg("episode", HALF, "True and learned reward along the episode", draw)


def _heights(learned: Curve) -> tuple[float, ...]:
    return (2.4, 1.0) if len(learned) else (1.0,)


def format_steps(value: float, _: int | None = None) -> str:
    """Format a number of environment steps for an axis: 200k, 1M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _percent(value: float, _: int | None = None) -> str:
    return f"{100 * value:.0f} %"


def _grouped(value: float, _: int | None = None) -> str:
    return f"{value:,g}"


def _thousands(*panels: Axes) -> None:
    for panel in panels:
        panel.yaxis.set_major_formatter(FuncFormatter(_grouped))
        panel.yaxis.set_major_locator(MaxNLocator(nbins=6))
