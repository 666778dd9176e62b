"""People during a run: their questions are in a store, and a page is served for as long as the training lasts."""

import ctypes
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from prefgym.core.capabilities import Capability, capabilities_of
from prefgym.core.protocols import Rater

if TYPE_CHECKING:
    from prefgym.store.store import Store

STORE = "labels.sqlite"
"""The store of a run, in its folder, unless the settings name another one."""
NOTE = "labels.json"
"""The study of a run, and the store that has it."""
SECONDS_AN_ANSWER = 4.0
"""Time that a person takes for an answer."""
LOOK_AGAIN_S = 2.0
"""Seconds after which the display counts again how many questions wait."""
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


class PeopleSettings(Protocol):
    """Settings of a rater of people."""

    store: str
    serve: bool
    invite: tuple[str, ...]
    crowd: bool
    host: str
    port: int | None
    allow_remote: bool
    criteria: tuple[str, ...]
    overlap: int


class People(Protocol):
    """A rater outside the run, whose questions are in a store."""

    page: str
    """Address at which people answer; empty while none is served."""

    @property
    def cfg(self) -> PeopleSettings:
        """Return its settings."""
        ...

    @property
    def store(self) -> "Store":
        """Return the open store."""
        ...

    @property
    def num_waiting(self) -> int:
        """Return how many questions wait for answers."""
        ...

    def check(self) -> None:
        """Check the settings of store and study."""
        ...

    def open(self, url: str, note: Path) -> None:
        """Open the store, and the study of the run."""
        ...

    def close(self) -> None:
        """Close the store."""
        ...


def people_of(rater: Rater | None) -> People | None:
    """Return a rater whose questions are in a store; None for any other."""
    return cast(People, rater) if Capability.OUTSIDE in capabilities_of(rater) else None


def check_people(rater: Rater | None) -> None:
    """Check, before a run folder is made, that people can be asked.

    Raises:
        UserError: If the store cannot be opened, the study file is none, or a package is missing.
    """
    if (people := people_of(rater)) is not None:
        people.check()


@contextmanager
def asking(rater: Rater | None, run: Path) -> Generator[None]:
    """Keep the store of a rater open, and serve the page, within the context.

    Args:
        rater: The rater; nothing is done for one that is no person.
        run: Run folder.

    Raises:
        UserError: If the store cannot be opened.
    """
    people = people_of(rater)
    if people is None:
        yield
        return
    people.open(people.cfg.store or str(run / STORE), run / NOTE)
    page = Page(people, run) if people.cfg.serve else None
    try:
        if page is None:
            where = f" --store {people.store.url_shown}" if people.cfg.store else ""
            print(f"people answer with: prefgym label --while {run}{where}", file=sys.stderr)
        yield
    finally:
        if page is not None:
            page.close()
        people.close()


class Page:
    """The labelling page of a run, served by a process of its own, which ends with this one.

    Args:
        people: The rater, whose `page` becomes the link for people once it is known.
        run: Run folder.
    """

    def __init__(self, people: People, run: Path) -> None:
        self.people = people
        command = [sys.executable, "-m", "prefgym", "label", "--while", str(run), *_flags(people.cfg)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, preexec_fn=_end_with_parent, start_new_session=True
        )
        assert self._process.stdout is not None
        self._lines = self._process.stdout
        self._reader = threading.Thread(target=self._tell, daemon=True)
        self._reader.start()

    def _tell(self) -> None:
        """Pass on what the server prints, and keep the first link."""
        for line in self._lines:
            if line.startswith("Ctrl-C"):  # which is for the training
                continue
            print(line, end="", file=sys.stderr, flush=True)
            links = [word for word in line.split() if word.startswith(("http://", "https://")) and "/admin" not in word]
            if links and not self.people.page:
                self.people.page = links[0]

    def close(self) -> None:
        """End the server."""
        self.people.page = ""
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._lines.close()


def _flags(cfg: PeopleSettings) -> list[str]:
    """Return the flags of the server."""
    flags = ["--host", cfg.host, "--no-browser"]
    flags += ["--store", cfg.store] if cfg.store else []
    flags += [] if cfg.port is None else ["--port", str(cfg.port)]
    flags += ["--allow-remote"] * cfg.allow_remote + ["--crowd"] * cfg.crowd
    return flags + (["--invite", *cfg.invite] if cfg.invite else [])


def _end_with_parent() -> None:
    """Have the kernel end this process when the training is killed; elsewhere than on Linux, only its end does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGTERM)


def waiting_line(rater: Rater | None, clock: Callable[[], float] = time.monotonic) -> Callable[[], str]:
    """Return a function that says how many questions wait for people, and where to answer; empty if none do."""
    people = people_of(rater)
    said, next_look = "", -1.0

    def line() -> str:
        nonlocal said, next_look
        if people is None:
            return ""
        if clock() >= next_look:
            next_look = clock() + LOOK_AGAIN_S
            num = people.num_waiting
            where = f" at {people.page}" if people.page else ""
            said = f"{num:,} questions wait{where}" if num else ""
        return said

    return line


def minutes_of_people(cfg: PeopleSettings, num_queries: int) -> str:
    """Return how long people take to answer all questions about some queries, in words."""
    minutes = num_queries * max(1, len(cfg.criteria)) * cfg.overlap * SECONDS_AN_ANSWER / 60
    took = f"{minutes:.0f} minutes" if minutes >= 1.5 else f"{60 * minutes:.0f} seconds"
    return f"{took} of people at {SECONDS_AN_ANSWER:g} s an answer"
