"""Take the pictures of the labelling page in docs/: real segments, a real server, a browser without a window.

    python scripts/label_screenshots.py --out docs

It takes Debian's Chromium, driven by Playwright; BROWSER names another one.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from PIL import Image
from playwright.sync_api import Browser, Page
from screenshots import open_browser

from prefgym.common.errors import UserError
from prefgym.labeling.app import make_app
from prefgym.labeling.config import ServerCfg
from prefgym.labeling.demo import record
from prefgym.labeling.drawn import Drawing, add_drawn
from prefgym.labeling.serve import listen, rater_link, serving
from prefgym.store.records import NewQuestion
from prefgym.store.store import Store
from prefgym.store.study import Criterion, StudyCfg

SHARP = """
const own = WebGL2RenderingContext.prototype.getExtension;
WebGL2RenderingContext.prototype.getExtension = function (name) {
  return name === "WEBGL_debug_renderer_info" ? null : own.call(this, name);
};"""
"""Lets the page draw as on a graphics card, with all pixels and soft shadows, however long it takes."""
STEPS = {"HalfCheetah": 60, "Walker2d": 100, "Ant": 60}
INSTRUCTIONS = """The robot should run to the right, as far as it can, on its feet.

Numbers on the floor are metres, and a dot falls ten times a second: wide gaps mean fast. Sliding on the back or
somersaults are worse than a slow run."""
QUESTIONS = {
    "comparison": "Which one runs better?",
    "ranking": "Rank the four by how well they run.",
    "rating": "How well does it run?",
    "thumbs": "Does it run well?",
    "mark": "Mark where it runs well, and where it goes wrong.",
    "live": "Does it run well right now?",
}
PLACES = {"comparison": 2, "ranking": 4}


@dataclass(frozen=True, kw_only=True)
class Shot:
    """A picture."""

    kind: str = "comparison"
    """Kind of the questions."""
    task: str = "HalfCheetah"
    """Task of the segments."""
    dark: bool = False
    phone: bool = False
    begin: bool = True
    """Whether the first dialog is closed."""
    practice: int = 0
    """Questions of practice."""
    act: Callable[[Page], None]
    """What is done before the picture is taken."""


def wait(page: Page, condition: str) -> None:
    """Poll: the page's policy forbids what Playwright's own waiting does."""
    for _ in range(1200):
        if page.evaluate(f"Boolean({condition})"):
            return
        page.wait_for_timeout(50)
    raise UserError(f"the page never came to: {condition}")


def see(page: Page) -> None:
    """Let the question on the screen be answered."""
    wait(page, "window.prefgym?.app.query && !prefgym.app.isWaiting")
    page.wait_for_timeout(400)
    page.evaluate("prefgym.app.theatre.clock.seen.forEach((frames) => frames.fill(1)); prefgym.app.drawn(0, 0)")


def answer(page: Page, *keys: str) -> None:
    """Answer questions, as if each had taken some seconds."""
    for key in keys:
        see(page)
        page.evaluate(f"prefgym.app.shownAt -= {3100 + 400 * (len(key) + ord(key[0]) % 5)}")
        page.keyboard.press(key)


def still(page: Page, frame: int) -> None:
    """Go to a frame."""
    see(page)
    page.evaluate(f"prefgym.app.theatre.clock.seek({frame})")


def five(page: Page) -> None:
    """Answer five questions, the last with a strength."""
    answer(page, "a", "d", "s", "d", "a")
    page.keyboard.press("2")
    still(page, 40)


def ghost(page: Page) -> None:
    """Show one option as a ghost over the other."""
    answer(page, "d", "a", "d", "x", "s", "d", "Shift+A")
    still(page, 30)
    page.keyboard.press("g")


def rank(page: Page) -> None:
    """Place two of four."""
    answer(page, "x")
    still(page, 33)
    page.keyboard.press("2")
    page.keyboard.press("4")


def mark(page: Page) -> None:
    """Paint a good stretch and a bad one."""
    for key, start, end in (("a", 8, 27), ("d", 33, 46)):
        still(page, start)
        wait(page, f"prefgym.app.theatre.onScreen === {start}")
        page.keyboard.down(key)
        page.evaluate(f"prefgym.app.theatre.clock.seek({end})")
        wait(page, f"prefgym.app.theatre.onScreen === {end}")
        page.keyboard.up(key)
    still(page, 41)


def live(page: Page) -> None:
    """Press four times."""
    for key, frame in (("a", 9), ("a", 17), ("d", 31), ("a", 44)):
        still(page, frame)
        wait(page, f"prefgym.app.theatre.onScreen === {frame}")
        page.keyboard.press(key)
    still(page, 48)


def rate(page: Page) -> None:
    """Rate two."""
    answer(page, "4", "2")
    still(page, 30)


def keys(page: Page) -> None:
    """Show the keys."""
    still(page, 30)
    page.keyboard.press("?")


def nothing(page: Page) -> None:
    """Leave the page as it is."""
    page.wait_for_timeout(1500)


def practise(page: Page) -> None:
    """Answer a question of practice."""
    still(page, 44)
    page.keyboard.press("a")
    wait(page, "document.querySelector('.feedback.right, .feedback.wrong')")


SHOTS = {
    "label_light": Shot(act=five),
    "label_dark": Shot(act=ghost, dark=True, task="Walker2d"),
    "label_phone": Shot(act=five, phone=True),
    "label_phone_dark": Shot(act=five, phone=True, dark=True, task="Ant"),
    "label_ranking": Shot(act=rank, kind="ranking", task="Ant"),
    "label_marking": Shot(act=mark, kind="mark"),
    "label_live": Shot(act=live, kind="live"),
    "label_rating": Shot(act=rate, kind="rating", dark=True, task="Walker2d"),
    "label_guide": Shot(act=nothing, begin=False, practice=4),
    "label_practice": Shot(act=practise, practice=1),
    "label_keys": Shot(act=keys),
}


@dataclass(frozen=True, kw_only=True)
class LabelScreenshotsCfg:
    """Take the pictures of the labelling page."""

    names: tyro.conf.Positional[tuple[str, ...]] = tuple(SHOTS)
    """Which ones; default: all."""
    out: Path = Path("docs")
    """Folder of the PNG files."""


@contextmanager
def studied(folder: Path, shot: Shot, recorded: dict[str, list[Any]]) -> Iterator[str]:
    """Serve a study for a picture; give its link."""
    env = f"prefgym/{shot.task}-v0"
    if shot.task not in recorded:
        recorded[shot.task] = record(env, STEPS[shot.task], 0)
    with Store.open(str(folder / "labels.sqlite")) as store:
        cfg = StudyCfg(
            name="Gait study",
            kind=shot.kind,  # pyright: ignore[reportArgumentType]
            instructions=INSTRUCTIONS,
            criteria=(Criterion(text=QUESTIONS[shot.kind]),),
            practice=shot.practice,
            overlap=2,
        )
        study = store.add_study(cfg)
        ids = add_drawn(store, Drawing.of(store, env), recorded[shot.task])
        groups = [*combinations(ids, PLACES.get(shot.kind, 1))]
        order = np.random.default_rng(3).permutation(len(groups))[:24]
        told = {"choice": 0, "text": "The other one hardly moves."}
        first = [
            NewQuestion(query_id=100 + k, segments=(ids[0], ids[-1 - k]), practice=True, gold=told)
            for k in range(shot.practice)
        ]
        store.ask(study, [*first, *(NewQuestion(query_id=k, segments=groups[at]) for k, at in enumerate(order))])
        opened, server = listen(replace(ServerCfg(), port=0), any_port=False)
        with serving(make_app(store, server), opened):
            yield rater_link(server, store.invite(study, name="Kim"))


def take(browser: Browser, shot: Shot, link: str) -> Image.Image:
    """Take one picture."""
    width, height = (390, 844) if shot.phone else (1360, 850)
    page = browser.new_page(
        viewport={"width": width, "height": height},
        color_scheme="dark" if shot.dark else "light",
        device_scale_factor=2 if shot.phone else 1,
        has_touch=shot.phone,
        is_mobile=shot.phone,
        reduced_motion="reduce",
    )
    page.add_init_script(SHARP)
    page.goto(link)
    wait(page, "document.querySelector('dialog[open]')")
    if shot.begin:
        page.keyboard.press("Enter")
    shot.act(page)
    if shot.begin:
        wait(page, "!prefgym.app.theatre.viewer.dirty && !prefgym.app.theatre.viewer.scene.busy()")
    wait(page, "prefgym.app.outbox.state === 'saved' && !document.querySelector('.toast')")
    image = Image.open(BytesIO(page.screenshot())).convert("RGB")
    page.close()
    return image


def main(args: list[str] | None = None) -> int:
    """Take the pictures that the command line names. Returns the exit code."""
    cfg = tyro.cli(LabelScreenshotsCfg, args=args)
    recorded: dict[str, list[Any]] = {}
    try:
        if unknown := [name for name in cfg.names if name not in SHOTS]:
            raise UserError(f"there is no picture {unknown[0]}, but {', '.join(SHOTS)}.")
        cfg.out.mkdir(parents=True, exist_ok=True)
        with open_browser() as browser:
            for name in cfg.names:
                with tempfile.TemporaryDirectory() as folder, studied(Path(folder), SHOTS[name], recorded) as link:
                    image = take(browser, SHOTS[name], link)
                picture = cfg.out / f"{name}.png"
                image.quantize(256, dither=Image.Dither.NONE).save(picture, optimize=True)
                print(f"{picture}: {picture.stat().st_size // 1024} kB")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
