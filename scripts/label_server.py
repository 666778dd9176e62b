"""A labelling server in a process of its own, with questions in its store: for scripts that load or kill it."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from prefgym.store.records import NewQuestion, NewSegment
from prefgym.store.store import Store
from prefgym.store.study import StudyCfg

SEGMENTS = 200
"""Segments that the questions are about."""
_PIECE = 500
"""Questions that are asked at a time."""


@dataclass(frozen=True, kw_only=True)
class DatabaseCfg:
    """The stores that a script tries."""

    store: str = ""
    """Store, such as postgresql://USER@HOST/NAME; default: SQLite in a folder of its own."""
    postgres: bool = False
    """Whether to do it on a PostgreSQL server of its own as well."""


@dataclass
class Server:
    """A server that runs."""

    process: "subprocess.Popen[str]"
    base: str
    """Its address."""
    token: str
    """Token of an invitation for any number of raters."""

    def memory_mb(self) -> float:
        """Return its resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1024


def fill(url: str, *, num_questions: int, overlap: int, lease_s: float = 300.0) -> str:
    """Begin a study with questions of two segments each; return its id."""
    with Store.open(url) as store:
        study = store.add_study(StudyCfg(name="load", overlap=overlap, lease_s=lease_s))
        segments = [
            store.add_segment(
                NewSegment(
                    env="prefgym/HalfCheetah-v0",
                    num_steps=50,
                    dt_s=0.05,
                    drawing=number.to_bytes(4, "big") * 1000,
                    media_type="application/x-prefgym-poses",
                )
            )
            for number in range(SEGMENTS)
        ]
        for first in range(0, num_questions, _PIECE):
            store.ask(
                study,
                [
                    NewQuestion(query_id=number, segments=_pair(segments, number))
                    for number in range(first, min(first + _PIECE, num_questions))
                ],
            )
    return study


def _pair(segments: list[str], number: int) -> tuple[str, str]:
    return segments[number % SEGMENTS], segments[(number + 1 + number // SEGMENTS % (SEGMENTS - 1)) % SEGMENTS]


@contextmanager
def databases(url: str, postgres: bool) -> Iterator[dict[str, str]]:
    """Give addresses of empty stores by what they are.

    Args:
        url: The only one; empty for SQLite in a folder of its own.
        postgres: Whether a PostgreSQL server is started for another one.
    """
    if url:
        yield {"the store": url}
        return
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="prefgym-label-"))
        found = {"SQLite": str(Path(folder) / "labels.sqlite")}
        if postgres:
            sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))
            server = import_module("postgres")
            found["PostgreSQL"] = stack.enter_context(server.postgres()).new_database("labels")
        yield found


@contextmanager
def started(url: str, port: int = 0) -> Iterator[Server]:
    """Run `prefgym label --store URL`, until the context ends."""
    command = [sys.executable, "-m", "prefgym", "label", "--store", url, "--crowd", "--no-browser", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            found = re.match(r"crowd +(http://\S+)/#i=(\S+)$", process.stdout.readline())
            assert found is not None, f"the server has ended with {process.wait()}"
            yield Server(process, found[1], found[2])
        finally:
            process.terminate()
