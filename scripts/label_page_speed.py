"""Measure how long the labelling page takes from a key to the next pair: its drawing commands, and its pixels.

    python scripts/label_page_speed.py --answers 30

It takes Debian's Chromium, driven by Playwright, which draws in software; BROWSER names another one.
"""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

import tyro
from label_screenshots import Shot, nothing, see, studied, wait
from screenshots import open_browser

from prefgym.common.errors import UserError

MEASURE = """() => {
  const { theatre } = prefgym.app, own = theatre.draw.bind(theatre);
  window.pixels = [];
  theatre.draw = () => {
    own();
    const { gl } = theatre.viewer.scene;
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
    window.pixels.push(performance.now() - prefgym.app.pressedAt);
  };
  prefgym.app.times.length = 0;
}"""


@dataclass(frozen=True, kw_only=True)
class LabelPageSpeedCfg:
    """Measure how long the labelling page takes from a key to the next pair."""

    answers: int = 20
    """Answers given, at most 23."""
    pixels: bool = False
    """Whether to wait for the pixels as well, which holds up the commands of the next picture."""
    width: int = 1360
    height: int = 850


def main(args: list[str] | None = None) -> int:
    """Measure, and print. Returns the exit code."""
    cfg = tyro.cli(LabelPageSpeedCfg, args=args)
    try:
        with (
            open_browser() as browser,
            tempfile.TemporaryDirectory() as folder,
            studied(Path(folder), Shot(act=nothing), {}) as link,
        ):
            page = browser.new_page(viewport={"width": cfg.width, "height": cfg.height})
            page.goto(link)
            wait(page, "document.querySelector('dialog[open]')")
            page.keyboard.press("Enter")
            see(page)
            page.evaluate(MEASURE if cfg.pixels else "() => { prefgym.app.times.length = 0; }")
            for _ in range(cfg.answers):
                wait(page, "prefgym.app.feed.ready.has(prefgym.app.feed.queue[1]?.id)")
                page.evaluate("prefgym.app.theatre.clock.seen.forEach((frames) => frames.fill(1))")
                page.wait_for_timeout(500)
                page.keyboard.press("a")
            times: list[float] = page.evaluate("window.pixels ?? prefgym.app.times")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    what = "finished pixels" if cfg.pixels else "all drawing commands"
    print(f"key to {what}: median {median(times):.1f} ms, p95 {quantiles(times, n=20)[-1]:.1f} ms, n {len(times)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
