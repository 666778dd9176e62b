"""Take the pictures of the admin page in docs/: real segments, a real server, and people who are simulated.

python scripts/label_admin_screenshots.py --out docs
"""

import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from label_screenshots import INSTRUCTIONS, SHARP, STEPS, wait
from PIL import Image
from playwright.sync_api import Browser, Page
from screenshots import open_browser

from prefgym.common.errors import UserError
from prefgym.labeling.app import make_app
from prefgym.labeling.config import ServerCfg
from prefgym.labeling.demo import record
from prefgym.labeling.drawn import Drawing, add_drawn
from prefgym.labeling.serve import admin_link, listen, serving
from prefgym.store.records import Assignment, EventType, NewEvent, NewQuestion, Rater
from prefgym.store.store import Store
from prefgym.store.study import Criterion, StudyCfg

CFG = StudyCfg(
    name="Gait study",
    instructions=INSTRUCTIONS,
    criteria=(Criterion(text="Which one runs better?"),),
    overlap=4,
    gold_share=0.12,
    repeat_share=0.1,
)


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who is simulated."""

    name: str
    num: int
    """Answers."""
    seconds: float
    """Median time of an answer."""
    care: float = 0.93
    """How often the better one is seen, where one is clearly better."""
    lazy: float = 0.0
    """How often the first place is chosen without a look."""


PEOPLE = (
    Person(name="Ada", num=64, seconds=3.4),
    Person(name="Birgit", num=58, seconds=4.1, care=0.97),
    Person(name="Chen", num=52, seconds=4.6),
    Person(name="Devi", num=47, seconds=5.2, care=0.95),
    Person(name="Emre", num=56, seconds=2.1, care=0.72, lazy=0.6),
    Person(name="Femke", num=33, seconds=6.3, care=0.96),
    Person(name="Goran", num=14, seconds=3.9),
)
NOTES = (
    "Left is faster but drags its back leg. Is that worse?",
    "Both fall; I took the one that fell later.",
    "One hops. The guide says run.",
)


@dataclass
class Clock:
    """A clock that is set."""

    now: float

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def fill(store: Store, clock: Clock, tasks: tuple[str, ...] = ("HalfCheetah", "Walker2d"), scale: float = 1.0) -> str:
    """Add a study with answers of simulated people, the last of whom answer now; returns its id.

    Args:
        store: A store that reads this clock.
        clock: Set to now; it is there again at the end.
        tasks: Tasks of the segments.
        scale: Part of the answers.
    """
    study, rng, now = store.add_study(CFG), np.random.default_rng(4), clock.now
    clock.now -= 3.2 * 3600
    worth: dict[str, float] = {}
    new: list[NewQuestion] = []
    for task in tasks:
        env = f"prefgym/{task}-v0"
        ids = add_drawn(store, Drawing.of(store, env), record(env, STEPS[task], 0))
        worth |= {name: float(at) for at, name in enumerate(reversed(ids))}  # recorded from good to bad
        pairs = [*combinations(ids, 2)]
        for at in rng.permutation(len(pairs))[:45]:
            new.append(NewQuestion(query_id=len(new), segments=pairs[at][:: int(rng.choice((1, -1)))]))
        for k in range(3):
            new.append(NewQuestion(query_id=len(new), segments=(ids[k], ids[-1 - k]), gold={"choice": 0}))
    store.ask(study, new)
    everyone = [(person, store.join(store.invite(study, name=person.name))) for person in PEOPLE]
    turns = [one for one in everyone for _ in range(max(2, round(one[0].num * scale)))]
    gaps = 0.4 + 1.2 * rng.random(len(turns)) * (1 + np.sin(np.arange(len(turns)) / 18)) / 2
    times = clock.now + (now - clock.now) * np.cumsum(gaps) / gaps.sum()
    for at, turn in zip(times, rng.permutation(len(turns)), strict=True):
        person, rater = turns[turn]
        clock.now = float(at)
        _answer(store, rater, person, worth, rng)
    clock.now = now
    for name in ("Hana", "Workshop, seat 3"):
        store.invite(study, name=name, expires_at=now + 6 * 86400)
    store.invite(study, max_raters=None)
    for person, rater in everyone[:4]:
        _answer(store, rater, person, worth, rng)
    return study


def _answer(store: Store, rater: Rater, person: Person, worth: dict[str, float], rng: np.random.Generator) -> None:
    """Let somebody answer one question, and now and then write a note."""
    for given in store.assign(rater.id, 1):
        lead = worth[given.segments[0].id] - worth[given.segments[1].id]
        right, is_hard = int(lead < 0), abs(lead) <= 1
        choice: Any = right if rng.random() < (0.55 if is_hard else person.care) else 1 - right
        if is_hard and rng.random() < 0.2:
            choice = "tie"
        if rng.random() < person.lazy:
            choice = 0
        seconds = float(person.seconds * rng.lognormal(0, 0.35))
        _send(store, rater, given, "answer", {"choice": choice}, seconds)
        if is_hard and rng.random() < 0.12:
            _send(store, rater, given, "note", {"text": NOTES[int(rng.integers(len(NOTES)))]})


def _send(
    store: Store, rater: Rater, given: Assignment, kind: EventType, statement: dict[str, Any], seconds: float = 0.0
) -> None:  # fmt: skip
    event = NewEvent(client_id=str(uuid.uuid4()), assignment=given.id, type=kind, statement=statement, seconds=seconds)
    store.record(rater.id, event)


@contextmanager
def administered(folder: Path, scale: float = 1.0) -> Iterator[str]:
    """Serve the study; give the link of its admin page."""
    clock = Clock(time.time())
    with Store.open(str(folder / "labels.sqlite"), clock=clock) as store:
        fill(store, clock, scale=scale)
        opened, server = listen(replace(ServerCfg(), port=0), any_port=False)
        app = make_app(store, server)
        with serving(app, opened):
            yield admin_link(server, app.state.desk.sessions.admin_token)


def take(browser: Browser, link: str, *, dark: bool, phone: bool, look: bool) -> Image.Image:
    """Take one picture."""
    page = browser.new_page(
        viewport={"width": 390, "height": 844} if phone else {"width": 1440, "height": 900},
        color_scheme="dark" if dark else "light",
        device_scale_factor=2 if phone else 1,
        reduced_motion="reduce",
    )
    page.add_init_script(SHARP)
    page.goto(link)
    drawn(page)
    if look:
        page.locator(".dispute").first.click()
        wait(page, "document.querySelector('dialog.look .theatre')")
        page.wait_for_timeout(1500)
    image = Image.open(BytesIO(page.screenshot(full_page=not (look or phone)))).convert("RGB")
    page.close()
    return image


def drawn(page: Page) -> None:
    """Wait until all stills are there."""
    wait(
        page,
        "document.querySelectorAll('.dispute .picture').length >= 1 && document.querySelector('.kappas, .nothing')",
    )
    last = "[...document.querySelectorAll('.picture')].at(-1)"
    wait(page, f"{last}.getContext('2d').getImageData(300, 95, 1, 1).data[3] === 255")


SHOTS = {
    "label_admin": {"dark": False, "phone": False, "look": False},
    "label_admin_dark": {"dark": True, "phone": False, "look": False},
    "label_admin_phone": {"dark": False, "phone": True, "look": False},
    "label_admin_look": {"dark": False, "phone": False, "look": True},
}


@dataclass(frozen=True, kw_only=True)
class Cfg:
    """Take the pictures of the admin page."""

    names: tyro.conf.Positional[tuple[str, ...]] = tuple(SHOTS)
    """Which ones; default: all."""
    out: Path = Path("docs")
    """Folder of the PNG files."""


def main(args: list[str] | None = None) -> int:
    """Take the pictures that the command line names. Returns the exit code."""
    cfg = tyro.cli(Cfg, args=args)
    try:
        if unknown := [name for name in cfg.names if name not in SHOTS]:
            raise UserError(f"there is no picture {unknown[0]}, but {', '.join(SHOTS)}.")
        cfg.out.mkdir(parents=True, exist_ok=True)
        with open_browser() as browser, tempfile.TemporaryDirectory() as folder, administered(Path(folder)) as link:
            for name in cfg.names:
                picture = cfg.out / f"{name}.png"
                image = take(browser, link, **SHOTS[name])
                image.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(picture, optimize=True)
                print(f"{picture}: {picture.stat().st_size // 1024} kB")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
