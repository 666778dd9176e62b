"""Pictures of a page: taken by a real browser where there is one, and one sentence where there is none."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

PAGE = "<meta name='color-scheme' content='light dark'><body style='margin:0;background:light-dark(#fff,#000)'>"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "scripts" / "screenshot_report.py"
    spec = importlib.util.spec_from_file_location("screenshot_report", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def page() -> Path:
    path = Path("a report.html")
    path.write_text(PAGE)
    return path


@pytest.mark.parametrize(("flag", "shade"), [("--no-dark", 255), ("--dark", 0)])
def test_the_picture_has_the_size_and_the_colours_asked_for(
    script: ModuleType, page: Path, flag: str, shade: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BROWSER", raising=False)
    try:
        script.find_browser()
    except script.ScreenshotError as error:
        pytest.skip(str(error))
    picture = Path("made") / "page.png"
    sizes = ["--width", "600", "--height", "300", "--scale", "2"]
    assert script.main([str(page), str(picture), *sizes, flag]) == 0
    with Image.open(picture) as image:
        assert image.size == (1200, 600)
        assert image.convert("L").getpixel((600, 300)) == shade


def test_no_browser_is_one_sentence(
    script: ModuleType, page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("BROWSER", raising=False)
    monkeypatch.setenv("PATH", "")
    assert script.main([str(page), "page.png"]) == 2
    assert capsys.readouterr().err == (
        "error: a screenshot needs Chromium or Chrome: on Debian or Ubuntu, apt-get install chromium\n"
    )
    monkeypatch.setenv("BROWSER", "netscape")
    assert script.main([str(page), "page.png"]) == 2
    assert capsys.readouterr().err == "error: there is no browser netscape, which BROWSER names\n"


def test_a_browser_that_takes_no_picture_is_one_sentence(
    script: ModuleType, page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    browser = Path("broken").absolute()
    browser.write_text("#!/bin/sh\necho first >&2\necho 'cannot start' >&2\n")
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(browser))
    assert script.main([str(page), "page.png"]) == 2
    assert capsys.readouterr().err == f"error: {browser} took no picture: cannot start\n"
    assert not Path("page.png").exists()


def test_no_page_is_one_sentence(script: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert script.main(["nowhere.html", "page.png"]) == 2
    assert capsys.readouterr().err == "error: there is no page nowhere.html: prefgym report RUN writes one\n"
