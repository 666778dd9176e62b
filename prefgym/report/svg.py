"""Matplotlib figures as inline SVG that takes its colours and its type from the page."""

import io
import re
from collections.abc import Callable
from typing import Any, TypeAlias

import matplotlib
import matplotlib.figure as matplotlib_figure

Figure: TypeAlias = Any
"""A `matplotlib.figure.Figure`; its type stubs are too incomplete for strict checks."""
Axes: TypeAlias = Any
"""A `matplotlib.axes.Axes`."""

_matplotlib: Any = matplotlib
_figure: Any = matplotlib_figure

INK, MUTED, RULE, PAPER = "#1b1f24", "#5b6470", "#d9dee4", "#fffffe"
BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#8a94a0"
"""Colours that people with colour blindness can tell apart (Okabe and Ito); style.css has the dark ones."""

_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    RULE: "var(--rule)",
    PAPER: "var(--card)",
    BLUE: "var(--blue)",
    ORANGE: "var(--orange)",
    GREEN: "var(--green)",
    GREY: "var(--grey)",
}
_STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": RULE,
    "axes.grid": True,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 9.0,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 9.5,
    "font.size": 9.0,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "legend.labelcolor": MUTED,
    "lines.linewidth": 1.8,
    "lines.markersize": 4.0,
    "path.simplify": True,
    "path.simplify_threshold": 0.3,
    "svg.fonttype": "none",
    "xtick.color": RULE,
    "xtick.labelcolor": MUTED,
    "xtick.labelsize": 8.5,
    "ytick.color": RULE,
    "ytick.labelcolor": MUTED,
    "ytick.labelsize": 8.5,
}
_NO_METADATA = {"Creator": None, "Date": None, "Format": None, "Type": None}


def draw_svg(name: str, size: tuple[float, float], label: str, draw: Callable[[Figure], None]) -> str:
    """Let `draw` fill a figure and return it as an `<svg>` element.

    Args:
        name: Prefix of the ids of this picture, unique on the page; a plain word.
        size: Width and height, in inches.
        label: Text for screen readers; no markup.
        draw: Function that adds axes and their content.
    """
    out = io.StringIO()
    with _matplotlib.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure: Figure = _figure.Figure(figsize=size, layout="constrained")
        draw(figure)
        figure.savefig(out, format="svg", transparent=True, metadata=_NO_METADATA)
    return _inline(out.getvalue(), name, label)


def _inline(svg: str, name: str, label: str) -> str:
    svg = svg[svg.index("<svg") :]
    head, body = svg.split(">", 1)
    box = re.search(r'viewBox="[^"]*"', head)
    body = re.sub(r"<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = re.sub(r' id="', f' id="{name}-', body)
    body = re.sub(r'(?:xlink:)?href="#', f'href="#{name}-', body).replace("url(#", f"url(#{name}-")
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    body = re.sub(r"(\d+\.\d{2})\d+", r"\1", body)
    body = re.sub(r"\s*\n\s*", " ", body)
    for colour, variable in _VARIABLES.items():
        body = body.replace(colour, variable)
    return f'<svg role="img" aria-label="{label}" {box.group(0) if box else ""}>{body}'
