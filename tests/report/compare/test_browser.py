"""The page of a comparison in a real browser: nothing sticks out, and the three axes are chosen without a script."""

from pathlib import Path

import pytest
from browser import opened, overflow
from compared import Row, write_run
from playwright.sync_api import Browser

from prefgym.report.compare.api import compare


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write the pages of two and of six arms."""
    top = tmp_path_factory.mktemp("compared")
    for k in range(6):
        rows: list[Row] = [(100_000.0 * n, 50.0 * n, 1.5 * n, 300.0 * n * (k + 1)) for n in range(11)]
        for seed in range(2):
            name = top / "runs" / f"a-folder-with-a-long-name-{k}" / f"seed-{seed}"
            write_run(name, rows[-1][-1], seed, rows=rows, budget=100 * k + 100, held_out=[(0.9, 1.0)] * 20)
    few = [top / "runs" / f"a-folder-with-a-long-name-{k}" for k in range(2)]
    command = ["prefgym", "compare", *map(str, few)]
    return {
        "two": compare(few).write(top / "two.html", command, films=False),
        "six": compare(top / "runs").write(top / "six.html", command, films=False),
    }


@pytest.mark.parametrize("device", ["desktop", "phone"])
@pytest.mark.parametrize("name", ["two", "six"])
def test_nothing_sticks_out(browser: Browser, pages: dict[str, Path], name: str, device: str) -> None:
    with opened(browser, pages[name], device) as shown:
        assert overflow(shown) == []
        assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_each_axis_can_be_chosen(browser: Browser, pages: dict[str, Path]) -> None:
    """One panel shows at a time, that of the chosen axis; print shows all three."""
    with opened(browser, pages["two"]) as shown:
        panels = shown.locator("#curves .panel")
        for place, title in enumerate(("Environment steps", "Labels", "Wall time")):
            shown.locator("#curves .bar label", has_text=title).click()
            assert [panels.nth(k).is_visible() for k in range(3)] == [k == place for k in range(3)]
        shown.emulate_media(media="print")
        assert [panels.nth(k).is_visible() for k in range(3)] == [True, True, True]
