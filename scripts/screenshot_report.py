"""Take a picture of a report with a browser that shows no window.

    python scripts/screenshot_report.py runs/demo/report.html docs/report.png --height 1500

It takes Chromium or Chrome: the one that BROWSER names, or else the first one found.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import tyro

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
SECONDS_TO_ANSWER = 120


@dataclass(frozen=True, kw_only=True)
class ScreenshotCfg:
    """Take a picture of a report."""

    report: tyro.conf.Positional[Path]
    """The page."""
    picture: tyro.conf.Positional[Path]
    """The PNG file to write."""
    width: int = 1280
    """Width of the window, in CSS pixels; below 500 a browser may refuse."""
    height: int = 1600
    """Height of the window, in CSS pixels: what lies below is cut off."""
    scale: float = 1.0
    """Pixels of the picture for each CSS pixel."""
    dark: bool = False
    """Ask the page for its dark colours."""


class ScreenshotError(Exception):
    """There is no picture; the message is one sentence."""


def take_screenshot(cfg: ScreenshotCfg) -> Path:
    """Write the picture and return its path.

    Raises:
        ScreenshotError: If there is no page, no browser, or no picture in the end.
    """
    if not cfg.report.is_file():
        raise ScreenshotError(f"there is no page {cfg.report}: prefgym report RUN writes one")
    browser = find_browser()
    cfg.picture.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        taken = Path(profile) / "page.png"
        command = [
            browser,
            "--headless",
            "--no-first-run",
            "--disable-gpu",
            "--disable-background-networking",
            "--hide-scrollbars",
            f"--user-data-dir={profile}",
            f"--window-size={cfg.width},{cfg.height}",
            f"--force-device-scale-factor={cfg.scale:g}",
            f"--blink-settings=preferredColorScheme={0 if cfg.dark else 1}",
            "--virtual-time-budget=3000",  # ms of the page's own time, so that videos show their first pictures
            f"--screenshot={taken}",
            *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),  # root has no sandbox
            cfg.report.resolve().as_uri(),
        ]
        try:
            ran = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_TO_ANSWER, check=False)
        except subprocess.TimeoutExpired:
            raise ScreenshotError(f"{browser} did not finish within {SECONDS_TO_ANSWER} s") from None
        if not taken.is_file():
            reason = ran.stderr.strip().splitlines()[-1:] or ["it gave no reason"]
            raise ScreenshotError(f"{browser} took no picture: {reason[0]}")
        shutil.copyfile(taken, cfg.picture)
    return cfg.picture


def find_browser() -> str:
    """Return the path of a browser.

    Raises:
        ScreenshotError: If there is none.
    """
    chosen = os.environ.get("BROWSER")
    for name in (chosen,) if chosen else BROWSERS:
        if path := shutil.which(name):
            return path
    if chosen:
        raise ScreenshotError(f"there is no browser {chosen}, which BROWSER names")
    raise ScreenshotError("a screenshot needs Chromium or Chrome: on Debian or Ubuntu, apt-get install chromium")


def main(args: list[str] | None = None) -> int:
    """Take the picture that the command line describes. Returns the exit code."""
    try:
        print(take_screenshot(tyro.cli(ScreenshotCfg, args=args)))
    except ScreenshotError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
