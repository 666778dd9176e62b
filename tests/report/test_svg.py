"""Charts that live inside a page: no addresses, ids of their own, colours of the page."""

import re

import numpy as np
import pytest

from prefgym.report import charts
from prefgym.report.data import Curve, Episode, RewardPairs
from prefgym.report.statistics import reliability
from prefgym.report.svg import BLUE, Figure, draw_svg

LINE = Curve(x=np.arange(5.0), y=np.linspace(0.5, 0.9, 5))
NOTHING = Curve(x=np.zeros(0), y=np.zeros(0))


def all_charts() -> dict[str, str]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=5000)
    return {
        "curve-wide": charts.learning_curve(
            charts.WIDE,
            true=LINE,
            std=LINE,
            final=(5.0, 1.0, 0.1),
            sessions=LINE.x,
            learned=LINE,
            reward_name="Learned",
        ),
        "curve-narrow": charts.learning_curve(
            charts.NARROW,
            true=LINE,
            std=NOTHING,
            final=None,
            sessions=NOTHING.x,
            learned=NOTHING,
            reward_name="Learned",
        ),
        "accuracy": charts.accuracy(held_out=LINE, train=LINE, x_label="session"),
        "reliability": charts.reliability_diagram(reliability(rng.random(50), rng.random(50))),
        "scatter": charts.reward_scatter(RewardPairs(true=x, learned=x + rng.normal(size=5000))),
        "episode": charts.episode_rewards(Episode(state=None, reward=x[:300], learned=x[:300]), 20.0, 10.0),
    }


def test_charts_are_small_elements_that_need_nothing_else() -> None:
    drawn = all_charts()
    for name, svg in drawn.items():
        assert svg.startswith('<svg role="img" aria-label="'), name
        assert svg.rstrip().endswith("</svg>"), name
        assert "http" not in svg and "<style" not in svg and "<!" not in svg, name
        assert "font-family" not in svg, name
        assert not re.search(r"#[0-9a-f]{6}", svg.replace("#000000", "")), name
        assert len(svg) < 150_000, name


def test_ids_are_found_and_occur_once_on_the_page() -> None:
    page = "".join(all_charts().values())
    ids = re.findall(r' id="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]*)"', page)) | set(re.findall(r"url\(#([^)]*)\)", page)) <= set(ids)


def test_one_chart_has_one_text() -> None:
    assert all_charts() == all_charts()


def test_colours_are_those_of_the_page() -> None:
    def draw(figure: Figure) -> None:
        figure.subplots().plot([0, 1], [0, 1], color=BLUE)

    assert "stroke: var(--blue)" in draw_svg("one", (2, 2), "a line", draw)


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (500, "500"), (20_000, "20k"), (1_000_000, "1M"), (2_500_000, "2.5M")]
)
def test_steps_are_written_short(value: float, text: str) -> None:
    assert charts.format_steps(value) == text


def test_a_curve_of_one_point_can_be_drawn() -> None:
    one = Curve(x=np.ones(1), y=np.ones(1))
    assert "<svg" in charts.accuracy(held_out=one, train=NOTHING, x_label="environment steps")
    two = RewardPairs(true=np.arange(3.0), learned=np.arange(3.0))
    assert "<svg" in charts.reward_scatter(two)
