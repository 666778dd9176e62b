"""The labelling page in a real browser: a store with a study, its server, and a rater at the keyboard."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations, islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from playwright.sync_api import Browser, BrowserContext, Error, Page

from prefgym.labeling.app import make_app
from prefgym.labeling.config import ServerCfg
from prefgym.labeling.demo import record
from prefgym.labeling.serve import listen, rater_link, serving
from prefgym.store.records import NewQuestion, NewSegment, StoredAnswer
from prefgym.store.store import Store
from prefgym.store.study import StudyCfg
from prefgym.video.clips import encode_mp4
from prefgym.video.drawing import drawer_of

ENV = "prefgym/HalfCheetah-v0"
WIDTHS = {"desktop": (760, 560), "wide": (1280, 720), "phone": (390, 844)}
"""Windows: the smaller, the faster a browser without a graphics card draws."""
PLACES = {"comparison": 2, "ranking": 4}
"""Segments of a question; one of other kinds."""


@cache
def drawn(num_steps: int) -> tuple[bytes, tuple[NewSegment, ...]]:
    """Record segments, from good to bad; return the geometry, and what a page draws of each."""
    drawer = drawer_of(ENV)
    geometry = drawer.geometry()
    assert geometry is not None
    new: list[NewSegment] = []
    for segment in record(ENV, num_steps, 0):
        drawing = drawer.draw(segment)
        new.append(
            NewSegment(
                env=ENV,
                num_steps=num_steps,
                dt_s=drawer.dt,
                drawing=drawing.content,
                media_type=drawing.media_type,
            )
        )
    return geometry, tuple(new)


@dataclass(frozen=True)
class Served:
    """A study that is served."""

    store: Store
    study: str
    cfg: ServerCfg

    def link(self, name: str | None = None) -> str:
        """Invite somebody."""
        return rater_link(self.cfg, self.store.invite(self.study, name=name))

    def answers(self) -> list[StoredAnswer]:
        """Return the answers that stand, of the newest revision each, in the order of their questions."""
        newest = {(one.question, one.rater): one for one in self.store.answers(self.study)}
        standing = (one for one in newest.values() if one.status != "failed")
        return sorted(standing, key=lambda one: one.question)

    def events(self) -> list[str]:
        """Return the types of all events of raters, in order."""
        return [event.type for event in self.store.log(self.study)]


def put_clips(store: Store, study: str, num_steps: int = 6) -> None:
    """Ask about two segments that are clips: a square that moves to the right, and one that moves to the left."""
    names: list[str] = []
    for way in (1, -1):
        frames = np.full((num_steps, 64, 96, 3), 60, np.uint8)
        for step in range(num_steps):
            left = 44 + way * 6 * step
            frames[step, 24:40, left : left + 8] = 230
        content = encode_mp4(frames, 10.0, keyframes=8)
        clip = NewSegment(env=ENV, num_steps=num_steps, dt_s=0.1, drawing=content, media_type="video/mp4")
        names.append(store.add_segment(clip))
    store.ask(study, [NewQuestion(query_id=900, segments=tuple(names))])


def put_questions(store: Store, study: str, num: int, num_steps: int = 5, **fields: Any) -> None:  # noqa: ANN401
    """Ask `num` questions about recorded segments."""
    geometry, new = drawn(num_steps)
    name = store.add_geometry(geometry)
    segments = [store.add_segment(replace(one, geometry=name)) for one in new]
    places = PLACES.get(store.study(study).cfg.kind, 1)
    chosen = list(islice(combinations(segments * (num if places == 1 else 1), places), num))
    store.ask(study, [NewQuestion(query_id=k, segments=shown, **fields) for k, shown in enumerate(chosen)])


@contextmanager
def served(
    folder: Path,
    kind: str = "comparison",
    num: int = 4,
    *,
    num_steps: int = 5,
    server: ServerCfg | None = None,
    **study: Any,  # noqa: ANN401
) -> Iterator[Served]:
    """Serve a study of some kind with `num` questions."""
    with Store.open(str(folder / "labels.sqlite")) as store:
        name = store.add_study(StudyCfg(name="Gait study", kind=kind, **study))  # pyright: ignore[reportArgumentType]
        if num:
            put_questions(store, name, num, num_steps)
        opened, cfg = listen(replace(server or ServerCfg(), port=0), any_port=False)
        with serving(make_app(store, cfg), opened):
            yield Served(store, name, cfg)


@dataclass
class Sat:
    """A rater at a page: presses keys, and waits until something holds."""

    page: Page

    def wait(self, condition: str, what: str = "") -> None:
        """Poll: the page's policy forbids what Playwright's own waiting does."""
        for _ in range(1200):
            if self.holds(condition):
                return
            self.page.wait_for_timeout(50)
        state = self.page.evaluate("document.body.innerText")
        raise AssertionError(f"still not: {what or condition}; the page says:\n{state}")

    def holds(self, condition: str) -> bool:
        """Return whether something holds; not while the page is being left for another one."""
        try:
            return self.page.evaluate(f"Boolean({condition})")
        except Error as error:
            if "context was destroyed" in str(error):
                return False
            raise

    def open_work(self) -> None:
        """Close the dialog that begins, and wait for the first question."""
        self.wait("document.querySelector('dialog[open]')")
        self.page.keyboard.press("Enter")
        self.wait("!document.querySelector('dialog[open]')")
        self.ready()

    def ready(self) -> None:
        """Wait until there is a question on the screen."""
        self.wait("window.prefgym?.app.query && !prefgym.app.isWaiting")

    def watched(self) -> None:
        """Wait until the question on the screen was seen, and may be answered."""
        self.ready()
        self.wait("prefgym.app.unlocked() && performance.now() - (prefgym.app.committedAt ?? -1e3) > 400")

    def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def fast(self) -> None:
        """Play as fast as the page can."""
        self.press(*["BracketRight"] * 4)

    def answer(self, *keys: str) -> None:
        """Answer the question on the screen, once it may be answered, and wait for the next one."""
        self.watched()
        query = self.query()
        self.press(*keys)
        self.wait(f"prefgym.app.query?.id !== {query!r}", f"another question after {keys}")

    def query(self) -> str:
        """Return the id of the assignment on the screen."""
        return self.page.evaluate("prefgym.app.query?.id ?? ''")

    def saved(self) -> None:
        """Wait until the server has everything."""
        self.wait("prefgym.app.outbox.state === 'saved'")

    def text(self, selector: str = "body") -> str:
        """Return the text that is seen."""
        return self.page.evaluate("(selector) => document.querySelector(selector)?.innerText ?? ''", selector)


@contextmanager
def window(
    browser: Browser, device: str = "desktop", scheme: str = "light", *, allowed: tuple[str, ...] = ()
) -> Iterator[BrowserContext]:
    """Give a window; fail the test if a page in it reported an error, or asked another host for anything.

    Args:
        browser: The browser.
        device: See `WIDTHS`.
        scheme: light or dark.
        allowed: Parts of errors that are expected.
    """
    width, height = WIDTHS[device]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,  # pyright: ignore[reportArgumentType]
        has_touch=device == "phone",
    )
    problems: list[str] = []
    hosts: set[str] = set()
    context.on("weberror", lambda error: problems.append(str(error.error)))
    context.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    context.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    try:
        yield context
    finally:
        context.close()  # or pages of a failed test would go on drawing beside the others
    problems = [one for one in problems if not any(part in one for part in allowed)]
    assert not problems, problems
    assert len(hosts - {""}) <= 1, hosts


@contextmanager
def seated(
    browser: Browser, link: str, device: str = "desktop", scheme: str = "light", *, allowed: tuple[str, ...] = ()
) -> Iterator[Sat]:
    """Open a link in a window of its own, and begin."""
    with window(browser, device, scheme, allowed=allowed) as context:
        sat = Sat(context.new_page())
        sat.page.goto(link)
        sat.open_work()
        yield sat


OFFLINE = ("ERR_INTERNET_DISCONNECTED", "Failed to load resource")
"""What a browser says of a page whose connection is gone."""
