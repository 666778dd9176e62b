"""The page of a run in a real browser: no errors, nothing sticks out, controls work."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from browser import opened, overflow
from PIL import Image
from playwright.sync_api import Browser, expect

from prefgym.core.preferences import Preferences
from prefgym.report import write_report
from prefgym.report.frame import Page as Shown
from prefgym.report.frame import render
from prefgym.sim.gl import MjModel


@pytest.fixture(scope="module")
def page(
    browser: Browser,
    gl: None,
    model: MjModel,
    preferences: Preferences,
    make_run: Callable[[Path], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    run = make_run(tmp_path_factory.mktemp("browser"))
    return write_report(run, model=model, camera={"distance": 4.0}, fps=20.0, preferences=preferences)


@pytest.mark.parametrize("device", ["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out(browser: Browser, page: Path, device: str, scheme: str) -> None:
    with opened(browser, page, device, scheme) as shown:
        assert overflow(shown) == []
        assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")
        paper = shown.evaluate("getComputedStyle(document.body).backgroundColor")
        assert paper == {"light": "rgb(246, 247, 248)", "dark": "rgb(16, 18, 20)"}[scheme]


def test_settings_unfold_and_a_click_selects_the_command(browser: Browser, page: Path) -> None:
    with opened(browser, page) as shown:
        steps = shown.locator("#configuration").get_by_text("10000", exact=True)
        assert not steps.is_visible()
        shown.get_by_text("5 settings").click()
        assert steps.is_visible()
        shown.locator(".command").last.click()
        assert shown.evaluate("getSelection().toString()").split() == ["prefgym", "train", "--steps", "10_000"]


def test_clips_have_their_pictures_and_play(browser: Browser, page: Path) -> None:
    with opened(browser, page) as shown:
        videos = shown.locator("video")
        assert videos.count() == 7
        assert all(videos.nth(k).evaluate("one => one.paused") for k in range(7))
        plays = "new Promise(done => { one.ontimeupdate = () => one.currentTime > 0.1 && done(true); one.play(); })"
        assert videos.first.evaluate(f"one => {plays}")


def test_questions_are_shown_in_3d_where_somebody_asks(browser: Browser, page: Path) -> None:
    """The page is one file under its strict policy."""
    with opened(browser, page) as shown:
        buttons = shown.get_by_role("button", name="in 3-D")
        assert buttons.count() == 6
        films = shown.locator("figure:has(button[data-poses])")
        figure = films.first
        buttons.first.click()
        canvas, bar = figure.locator("canvas"), figure.locator("input[type=range]")
        expect(bar).to_have_attribute("max", "8")
        expect(figure.locator("video")).to_be_hidden()
        assert figure.locator(".look-names span").all_inner_texts() == ["A", "B"]
        bar.fill("6")
        expect(figure.get_by_role("button", name="Play")).to_be_visible()
        assert number_of_colours(canvas.screenshot()) > 200, "a robot in the light, on a floor"
        second = films.nth(1)
        buttons.nth(1).click()
        expect(second.locator("canvas")).to_be_visible()
        expect(figure.locator("video")).to_be_visible()
        buttons.nth(1).click()
        expect(shown.locator("canvas")).to_have_count(0)


def number_of_colours(picture: bytes) -> int:
    """Count the colours of a PNG."""
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).reshape(-1, 3)
    return len(np.unique(pixels, axis=0))


def test_a_page_that_nobody_writes_any_more_says_so(browser: Browser, tmp_path: Path) -> None:
    running = Shown(title="t", about="a", name="n", verdict="v", rest="r", state="running", written=0.0)
    (tmp_path / "old.html").write_text(render(running))
    with opened(browser, tmp_path / "old.html") as shown:
        assert shown.locator("#state").inner_text().startswith("No news for ")
    (tmp_path / "new.html").write_text(render(replace(running, written=None)))
    with opened(browser, tmp_path / "new.html") as shown:
        assert shown.locator("#state").inner_text() == "Running"


def test_a_running_page_renews_itself_but_not_under_ones_hands(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    running = Shown(title="t", about="a", name="n", verdict="before", rest="<wait>", state="running")
    file.write_text(render(replace(running, main=("<details><summary>more</summary></details>",))))
    with opened(browser, file) as shown:
        shown.clock.install()
        shown.reload()
        shown.locator("summary").click()
        file.write_text(render(replace(running, verdict="after")))
        shown.clock.run_for(16_000)
        assert shown.locator("h1").inner_text() == "before"
        shown.locator("summary").click()
        shown.clock.run_for(16_000)
        expect(shown.locator("h1")).to_have_text("after")
