"""Inline SVG charts, drawn without a library: their colours and type are those of style.css, light, dark and in print.

A drawing has no ids, so it may stand on a page twice: `both` draws it for a wide page and for a phone.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from html import escape

import numpy as np

from prefgym.report.numbers import number

Format = Callable[[float], str]
Span = tuple[float, float]
Values = Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]]

WIDE, NARROW = 900, 338
"""Widths of a chart across the page, and across a phone, in pixels."""
LARGEST = 1e300
"""Numbers are cut off here, so that the difference of two is finite."""


def ticks(span: Span, most: int) -> list[float]:
    """Return round numbers within a span, at most about so many.

    >>> ticks((0.0, 4200.0), 5)
    [0.0, 1000.0, 2000.0, 3000.0, 4000.0]
    """
    low, high = span
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * k for k in (1, 2, 2.5, 5, 10) if power * k >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(k * step) for k in range(first, last + 1)]


def span_of(*groups: Values, zero: bool = False, room: float = 0.06) -> Span:
    """Return a span that holds all values with some room around them.

    Args:
        *groups: Values; any of them may be empty.
        zero: Whether the span begins at 0 if no value is negative, or ends there if none is positive.
        room: Share of the span above and below the values.
    """
    values = np.concatenate([np.asarray(group, np.float64).reshape(-1) for group in groups] or [np.zeros(0)])
    values = np.clip(values[np.isfinite(values)], -LARGEST, LARGEST)
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    gap = (high - low) * room or abs(high) * 0.1 or 1.0
    return (0.0 if zero and low == 0.0 else low - gap, 0.0 if zero and high == 0.0 and low < 0 else high + gap)


class Plot:
    """One panel with axes, and what is put on it.

    Args:
        size: Width and height, in pixels.
        x: Span of the horizontal axis.
        y: Span of the vertical axis.
        label: Text for screen readers.
        left: Room on the left, for the numbers of the vertical axis, in pixels.
    """

    def __init__(self, size: tuple[int, int], x: Span, y: Span, label: str, *, left: int = 52) -> None:
        self.size, self.label = size, label
        self.x, self.y = (span if span[1] > span[0] else span_of(span) for span in (x, y))
        self.box = (left, 26, size[0] - 14, size[1] - 38)
        self.parts: list[str] = []

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return the place of a point, in pixels; points far outside are moved to the margin."""
        left, top, right, bottom = self.box
        across, up = _share(x, self.x), _share(y, self.y)
        return round(left + across * (right - left), 1), round(bottom - up * (bottom - top), 1)

    def axes(
        self,
        x_name: str,
        y_name: str,
        x_format: Format = number,
        y_format: Format = number,
        *,
        x_ticks: Iterable[float] | None = None,
        y_ticks: Iterable[float] | None = None,
    ) -> None:
        """Draw the axes with their names, units included.

        Args:
            x_name: Name of the horizontal axis.
            y_name: Name of the vertical axis, which stands above it.
            x_format: Format of its numbers.
            y_format: Format of its numbers.
            x_ticks: Where the horizontal axis has numbers; default: at round ones.
            y_ticks: Where the vertical axis has numbers; default: at round ones.
        """
        left, _, right, bottom = self.box
        for tick in ticks(self.y, 5 if self.size[1] > 180 else 3) if y_ticks is None else y_ticks:
            y = self.at(self.x[0], tick)[1]
            self.parts.append(f'<path class="grid" d="M{left} {y}H{right}"/>')
            self.parts.append(f'<text x="{left - 8}" y="{y + 4}" class="end">{escape(y_format(tick))}</text>')
        for tick in ticks(self.x, 8 if self.size[0] > 500 else 4) if x_ticks is None else x_ticks:
            x = self.at(tick, self.y[0])[0]
            self.parts.append(f'<path class="tick" d="M{x} {bottom}v4"/>')
            self.parts.append(f'<text x="{x}" y="{bottom + 17}" class="mid">{escape(x_format(tick))}</text>')
        self.parts.append(f'<path class="axis" d="M{left} {bottom}H{right}"/>')
        self.parts.append(f'<text x="{right}" y="{bottom + 33}" class="end name">{escape(x_name)}</text>')
        self.parts.append(f'<text x="0" y="12" class="name">{escape(y_name)}</text>')

    def line(self, xs: Values, ys: Values, kind: str = "middle", tint: int | None = None) -> None:
        """Draw a line; kinds are `middle` (thick), `thin`, `seed` (thin, pale) and `fitted` (dashed)."""
        points = " ".join("{},{}".format(*self.at(x, y)) for x, y in zip(xs, ys, strict=True))
        self.parts.append(f'<polyline class="{kind}{_tint(tint)}" points="{points}"/>')

    def band(self, xs: Values, low: Values, high: Values, tint: int | None = None) -> None:
        """Fill what lies between two lines."""
        edge = [self.at(x, y) for x, y in zip(xs, high, strict=True)]
        edge += [self.at(x, y) for x, y in zip(xs, low, strict=True)][::-1]
        points = " ".join(f"{x},{y}" for x, y in edge)
        self.parts.append(f'<polygon class="band{_tint(tint)}" points="{points}"/>')

    def dots(self, xs: Values, ys: Values, kind: str = "dot", tint: int | None = None, *, radius: float = 3) -> None:
        """Draw marks; see `mark`. Kinds are `dot`, `seed-dot` (pale), `open-dot` and `cloud` (many)."""
        self.parts += [mark(*self.at(x, y), radius, tint, kind) for x, y in zip(xs, ys, strict=True)]

    def intervals(self, xs: Values, low: Values, high: Values, tint: int | None = None) -> None:
        """Draw an upright stroke over each x."""
        for x, a, b in zip(xs, low, high, strict=True):
            at, bottom = self.at(x, a)
            self.parts.append(f'<path class="whisker{_tint(tint)}" d="M{at} {bottom}V{self.at(x, b)[1]}"/>')

    def columns(self, xs: Values, ys: Values, width: float, tint: int | None = None) -> None:
        """Draw columns of a width, in the unit of x, from 0 to `ys`."""
        for x, y in zip(xs, ys, strict=True):
            (x0, y0), (x1, y1) = self.at(x - width / 2, y), self.at(x + width / 2, 0)
            box = f'x="{x0}" y="{y0}" width="{x1 - x0:.1f}" height="{y1 - y0:.1f}"'
            self.parts.append(f'<rect class="column{_tint(tint)}" {box}/>')

    def level(self, y: float, words: str, *, below: bool = False, right: bool = False) -> None:
        """Draw a dotted line across, with words at its left or right."""
        left, _, right_end, _ = self.box
        at = self.at(self.x[0], y)[1]
        self.parts.append(f'<path class="reference" d="M{left} {at}H{right_end}"/>')
        x, side = (right_end, " end") if right else (left + 6, "")
        place = f'x="{x}" y="{at + (14 if below else -6)}"'
        self.parts.append(f'<text {place} class="halo name{side}">{escape(words)}</text>')

    def upright(self, x: float, kind: str, words: str = "") -> None:
        """Draw a line upwards; kinds are `session`, `session to-come`, `now` and `reference`."""
        left, top, right, bottom = self.box
        at = self.at(x, self.y[0])[0]
        is_right = at > (left + right) / 2
        self.parts.append(f'<path class="{kind}" d="M{at} {top - 6}V{bottom}"/>')
        if words:
            side, place = ("end", at - 6) if is_right else ("", at + 6)
            self.parts.append(f'<text x="{place}" y="{top + 2}" class="halo name {side}">{escape(words)}</text>')

    def words(self, x: float, y: float, words: str, kind: str = "strong", *, dx: float = 0, dy: float = 0) -> None:
        """Write words at a point, moved by so many pixels; kinds are `strong`, `name`, `mid` and `end`."""
        across, down = self.at(x, y)
        self.parts.append(f'<text x="{across + dx}" y="{down + dy}" class="halo {kind}">{escape(words)}</text>')

    def svg(self, kind: str = "") -> str:
        """Return the drawing as an `<svg>` element."""
        return _svg(self.size, self.label, "".join(self.parts), kind)


def mark(x: float, y: float, radius: float, tint: int | None = None, kind: str = "dot") -> str:
    """Draw a circle, or for tints 1 and 2 a square or a diamond, so that they differ without colours, too."""
    name = f'class="{kind}{_tint(tint)}"'
    if tint == 1:
        side = radius * 1.8
        box = f'x="{x - side / 2:.1f}" y="{y - side / 2:.1f}" width="{side:.1f}" height="{side:.1f}"'
        return f"<rect {name} {box}/>"
    if tint == 2:
        r = radius * 1.3
        points = f"{x},{y - r:.1f} {x + r:.1f},{y} {x},{y + r:.1f} {x - r:.1f},{y}"
        return f'<polygon {name} points="{points}"/>'
    return f'<circle {name} cx="{x}" cy="{y}" r="{radius}"/>'


def both(draw: Callable[[bool], str]) -> str:
    """Draw a chart for a wide page (True) and for a phone (False): text keeps its size on either."""
    return f'<div class="on-wide">{draw(True)}</div><div class="on-narrow">{draw(False)}</div>'


def key(tint: int | None = None, kind: str = "middle", *, dotted: bool = True) -> str:
    """Draw the sample of a line for a legend."""
    dot = mark(15, 6, 3.4, tint) if dotted else ""
    return f'<svg viewBox="0 0 30 12" class="chart" aria-hidden="true"><path class="{kind}" d="M0 6H30"/>{dot}</svg>'


def dot_row(
    values: Values,
    span: Span,
    *,
    tint: int | None = None,
    centre: float | None = None,
    interval: Span | None = None,
    references: Values = (),
    width: int = 250,
) -> str:
    """Draw values on one line, for a cell of a table.

    Args:
        values: A mark each.
        span: Ends of the line.
        tint: Tint, and shape of the marks.
        centre: An upright stroke.
        interval: A shaded stretch.
        references: Dotted upright strokes.
        width: In pixels.
    """

    def place(value: float) -> float:
        return round(6 + _share(value, span) * (width - 12), 1)

    parts = [f'<path class="rule" d="M6 15H{width - 6}"/>']
    parts += [f'<path class="reference" d="M{place(value)} 2V28"/>' for value in references]
    if interval is not None:
        parts.append(f'<path class="range wide{_tint(tint)}" d="M{place(interval[0])} 15H{place(interval[1])}"/>')
    parts += [mark(place(value), 15, 3.6, tint) for value in values]
    if centre is not None:
        parts.append(f'<path class="centre{_tint(tint)}" d="M{place(centre)} 5V25"/>')
    label = ", ".join(number(value) for value in values)
    return _svg((width, 30), label, "".join(parts), "row-chart", fixed=True)


def share_row(share: float, interval: Span, span: Span = (0.5, 1.0), width: int = 104) -> str:
    """Draw a share and its interval, for a cell of a table."""
    low, at, high = (
        round(4 + _share(max(v, span[0]), span) * (width - 8), 1) for v in (interval[0], share, interval[1])
    )
    parts = f'<path class="rule" d="M4 9H{width - 4}"/><path class="range" d="M{low} 9H{high}"/>{mark(at, 9, 3.6)}'
    return _svg((width, 18), "", parts, "row-chart", fixed=True)


def _svg(size: tuple[int, int], label: str, inner: str, kind: str, *, fixed: bool = False) -> str:
    width, height = size
    name = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    pixels = f'width="{width}" height="{height}"' if fixed else ""
    return f'<svg class="{f"chart {kind}".strip()}" viewBox="0 0 {width} {height}" {pixels} {name}>{inner}</svg>'


def _share(value: float, span: Span) -> float:
    low, high = span
    share = (min(max(float(value), -LARGEST), LARGEST) - low) / (high - low)
    return min(max(share, -0.5), 1.5)


def _tint(tint: int | None) -> str:
    return "" if tint is None else f" tint-{tint}"
