"""Pictures of a page: taken by a real browser, or one sentence where there is none."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import screenshots
from PIL import Image

PAGE = "<meta name='color-scheme' content='light dark'><body style='margin:0;background:light-dark(#fff,#000)'>"


@pytest.fixture
def page() -> Path:
    path = Path("my run") / "report.html"
    path.parent.mkdir()
    path.write_text(PAGE)
    return path


@pytest.mark.usefixtures("browser")
def test_the_pictures_have_the_sizes_and_colours_of_devices_and_schemes(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ThreadPoolExecutor() as other:  # a thread has one driver, and this one has that of other tests
        assert other.submit(screenshots.main, [str(page), "--out", "made", "--height", "300"]).result() == 0
    named = {
        f"made/my run-report-{device}-{scheme}.png": (width, shade)
        for device, width in (("desktop", 1280), ("phone", 390))
        for scheme, shade in (("light", 255), ("dark", 0))
    }
    assert capsys.readouterr().out.splitlines() == list(named)
    for file, (width, shade) in named.items():
        with Image.open(file) as image:
            assert image.size == (width, 300)
            assert image.convert("L").getpixel((100, 100)) == shade


def test_a_long_picture_is_cut_into_columns() -> None:
    image = Image.new("RGB", (10, 9))
    image.putpixel((0, 8), (255, 0, 0))
    sheet = screenshots.in_columns(image, 2)
    assert sheet.size == (10 + 16 + 10, 5)  # rows 0 to 4, and 5 to 8
    assert sheet.getpixel((26, 3)) == (255, 0, 0)


def test_no_browser_and_no_page_are_one_sentence(
    page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BROWSER", "netscape")
    assert screenshots.main([str(page)]) == 2
    assert "a screenshot needs Chromium or Chrome" in capsys.readouterr().err
    assert screenshots.main(["missing.html"]) == 2
    assert capsys.readouterr().err == "error: there is no page missing.html: prefgym report RUN writes one.\n"
