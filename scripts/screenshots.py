"""Take pictures of pages with a browser that shows no window: desktop and phone, light and dark.

    python scripts/screenshots.py runs/demo/report.html --out screens

It takes Debian's Chromium, driven by Playwright; BROWSER names another one.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import tyro
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from prefgym.common.errors import UserError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
WIDTHS = {"desktop": 1280, "phone": 390}
"""Widths of a window, in CSS pixels."""
SOFTWARE_GL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")
"""Flags with which the browser draws WebGL where there is no graphics card."""
DRAWING = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")
"""Options with which WebGL2 draws where there is no graphics card."""
HEIGHT = 844
"""Height of a window, in CSS pixels."""


@dataclass(frozen=True, kw_only=True)
class ScreenshotsCfg:
    """Take pictures of pages: desktop and phone, light and dark."""

    pages: tyro.conf.Positional[tuple[Path, ...]]
    """HTML files."""
    out: Path = Path("screens")
    """Folder of the PNG files, named by the page's folder, device and scheme."""
    devices: tuple[str, ...] = tuple(WIDTHS)
    """Which of desktop and phone."""
    schemes: tuple[str, ...] = ("light", "dark")
    """Which of light and dark."""
    height: int | None = None
    """Height of a picture, in CSS pixels; default: the whole page, that of a phone in columns."""


def find_browser() -> str | None:
    """Return the path of a browser; None if there is none."""
    chosen = os.environ.get("BROWSER")
    return next((path for name in ((chosen,) if chosen else BROWSERS) if (path := shutil.which(name))), None)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start a browser without a window.

    Raises:
        UserError: If there is none.
    """
    path = find_browser()
    if path is None:
        raise UserError("a screenshot needs Chromium or Chrome: on Debian or Ubuntu, apt-get install chromium.")
    with sync_playwright() as driver:
        is_root = hasattr(os, "geteuid") and os.geteuid() == 0  # root has no sandbox
        browser = driver.chromium.launch(executable_path=path, args=[*SOFTWARE_GL, *["--no-sandbox"][:is_root]])
        yield browser
        browser.close()


def open_page(browser: Browser, file: Path, device: str = "desktop", scheme: str = "light") -> Page:
    """Open an HTML file in a window of a device."""
    size = {"width": WIDTHS[device], "height": HEIGHT}
    page = browser.new_page(viewport=size, color_scheme=scheme)  # pyright: ignore[reportArgumentType]
    page.goto(file.resolve().as_uri())
    return page


def in_columns(image: Image.Image, num: int = 4) -> Image.Image:
    """Cut a long picture into columns side by side."""
    height = -(-image.height // num)
    sheet = Image.new("RGB", (num * image.width + (num - 1) * 16, height), "#888888")
    for k in range(num):
        sheet.paste(image.crop((0, k * height, image.width, (k + 1) * height)), (k * (image.width + 16), 0))
    return sheet


def take(browser: Browser, file: Path, device: str, scheme: str, out: Path, height: int | None = None) -> Path:
    """Take one picture, and return its path."""
    page = open_page(browser, file, device, scheme)
    if height is not None:
        page.set_viewport_size({"width": WIDTHS[device], "height": height})
    image = Image.open(BytesIO(page.screenshot(full_page=height is None))).convert("RGB")
    page.close()
    is_long = height is None and image.height > 3 * image.width
    image = in_columns(image) if is_long else image
    picture = out / f"{file.resolve().parent.name}-{file.stem}-{device}-{scheme}.png"
    image.quantize(256, dither=Image.Dither.NONE).save(picture, optimize=True)
    return picture


def main(args: list[str] | None = None) -> int:
    """Take the pictures that the command line describes. Returns the exit code."""
    cfg = tyro.cli(ScreenshotsCfg, args=args)
    try:
        if missing := [file for file in cfg.pages if not file.is_file()]:
            raise UserError(f"there is no page {missing[0]}: prefgym report RUN writes one.")
        cfg.out.mkdir(parents=True, exist_ok=True)
        with open_browser() as browser:
            for file in cfg.pages:
                for device in cfg.devices:
                    for scheme in cfg.schemes:
                        print(take(browser, file, device, scheme, cfg.out, cfg.height))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
