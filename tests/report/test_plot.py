"""Charts that live inside a page: right places, no addresses, no ids, colours of the page, and no number too large."""

import math
import re

import numpy as np
import pytest

from prefgym.report.plot import NARROW, Plot, both, dot_row, key, mark, share_row, span_of, ticks


def test_a_point_lies_where_the_axes_say() -> None:
    """The box of 100 x 100 pixels is 34 wide, from 52 to 86, and 36 high, from 62 up to 26."""
    plot = Plot((100, 100), (0, 10), (0, 2), "x")
    assert plot.box == (52, 26, 86, 62)
    assert plot.at(0, 0) == (52, 62)
    assert plot.at(5, 1) == (69, 44)
    assert plot.at(10, 2) == (86, 26)


def test_ticks_are_round_and_inside() -> None:
    assert ticks((0, 1), 5) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert ticks((-130, 120), 5) == [-100, -50, 0, 50, 100]
    assert ticks((3.0, 3.4), 4) == pytest.approx([3.0, 3.1, 3.2, 3.3, 3.4])


def test_a_span_holds_all_values_with_room() -> None:
    assert span_of([0.0, 100.0], room=0.1) == (-10, 110)
    assert span_of([100.0], [], zero=True, room=0.1) == (0, 110)
    assert span_of([-100.0, -50.0], zero=True, room=0.1) == (-110, 0)
    assert span_of([]) == (-0.06, 1.06)
    low, high = span_of([7.0, 7.0])
    assert low < 7 < high


def drawing(low: float, high: float) -> str:
    """Draw everything a plot has, over values from `low` to `high`."""
    xs, ys = np.linspace(0, 1e6, 3), np.array([low, 0.0, high])
    plot = Plot((NARROW, 200), span_of(xs), span_of(ys), 'what "it" shows')
    plot.axes("environment <steps>", "return & more")
    plot.line(xs, ys, "seed", 0)
    plot.band(xs, ys - 1, ys + 1, 1)
    for tint in range(3):
        plot.dots(xs, ys, tint=tint)
    plot.intervals(xs, ys - 1, ys + 1)
    plot.columns(xs, ys, 1000)
    plot.level(low, "<expert>")
    plot.upright(1e6, "now", "<now>")
    plot.words(0, low, "<b>")
    return plot.svg()


@pytest.mark.parametrize("largest", [1.0, 1e308])
def test_a_drawing_needs_nothing_else_and_breaks_out_of_nothing(largest: float) -> None:
    svg = drawing(-largest, largest)
    assert svg.startswith('<svg class="chart"') and svg.endswith("</svg>")
    assert 'aria-label="what &quot;it&quot; shows"' in svg
    assert "environment &lt;steps&gt;" in svg and "return &amp; more" in svg and "<b>" not in svg
    for banned in ("http", "<style", "<!", " id=", "#", "url(", "inf", "nan"):
        assert banned not in svg, banned
    places = [float(text) for text in re.findall(r'(?:cx|cy|x|y)="([-\d.]+)"', svg)]
    assert all(math.isfinite(place) and abs(place) < 1000 for place in places)


def test_seeds_are_told_apart_without_colours() -> None:
    shapes = [mark(0, 0, 3, tint).split(" ")[0] for tint in (0, 1, 2)]
    assert len(set(shapes)) == 3


def test_rows_of_a_table_draw_each_seed_once() -> None:
    row = dot_row([1.0, 2.0, 3.0], (0, 4), tint=0, centre=2.0, interval=(1.0, 3.0), references=[2.5])
    assert row.count("<circle") == 3
    assert 'aria-label="1, 2, 3"' in row
    # 6 + 2/4 * 238 = 125
    assert 'class="centre tint-0" d="M125.0 5V25"' in row
    # 4 + (0.75 - 0.5) / 0.5 * 96 = 52
    assert 'cx="52.0"' in share_row(0.75, (0.6, 0.9))


def test_a_chart_is_drawn_for_wide_pages_and_for_phones() -> None:
    drawn = both(lambda is_wide: f"<p>{is_wide}</p>")
    assert drawn == '<div class="on-wide"><p>True</p></div><div class="on-narrow"><p>False</p></div>'
    assert key(1).count("<rect") == 1
