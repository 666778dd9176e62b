"""Pages that are one file: the modules of the viewer as one script, under a strict policy."""

import io
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from browser import opened
from PIL import Image
from playwright.sync_api import Browser, expect
from recorded import record_states, segment_of

from prefgym.video.drawing import CannotDraw, drawer_of
from prefgym.video.inline import MODULES, segment_page, viewer_script

MOST_SCRIPT, MOST_PAGE = 58_000, 75_000
"""Most bytes of the viewer inside a page, and of a page with two segments of HalfCheetah."""


def test_every_module_is_in_the_script_after_what_it_imports() -> None:
    folder = resources.files("prefgym.video") / "viewer"
    assert sorted(f"{name}.js" for name in MODULES) == sorted(file.name for file in folder.iterdir())
    for place, name in enumerate(MODULES):
        source = (folder / f"{name}.js").read_text()
        imported = {other for other in MODULES if f'from "./{other}.js"' in source}
        assert imported <= set(MODULES[:place]), name
    script = viewer_script()
    assert "import " not in script
    assert "export " not in script
    assert "//" not in script, "neither comments nor addresses"
    assert len(script) < MOST_SCRIPT


def test_a_page_of_segments_is_one_small_file(browser: Browser, tmp_path: Path) -> None:
    drawer, name = drawer_of("prefgym/HalfCheetah-v0"), "Left & <right>"
    segments = [segment_of(record_states("prefgym/HalfCheetah-v0", 50, seed)[1]) for seed in range(2)]
    file = tmp_path / "page.html"
    file.write_text(segment_page(drawer, segments, name))
    assert file.stat().st_size < MOST_PAGE
    with opened(browser, file) as page:
        expect(page.locator("input[type=range]")).to_have_attribute("max", "50")
        page.locator("input[type=range]").fill("20")
        expect(page.get_by_role("button", name="Play")).to_be_visible()
        assert page.title() == name
        pixels = np.asarray(Image.open(io.BytesIO(page.locator("canvas").screenshot())).convert("RGB"))
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 200, "robots in the light, on a floor"


def test_what_has_no_states_is_refused() -> None:
    frames = np.zeros((3, 4, 4, 3), np.uint8)
    with pytest.raises(CannotDraw, match=r"^segments of CartPole-v1 have no physics states to be drawn in 3-D\.$"):
        segment_page(drawer_of("CartPole-v1"), [segment_of(np.zeros((4, 4)), frames)], "")
