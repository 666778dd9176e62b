"""`prefgym bench label`: from the command to the first link, and how long an answer takes."""

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from prefgym.common.errors import UserError
from prefgym.common.files import write_text
from prefgym.common.limits import Count, Few, check

_READY_S = 0.1
"""Seconds between two looks whether there is something to answer."""
_PAUSE_S = 0.04
"""Seconds after an answer: nobody may send more than 40 requests a second for long."""


@dataclass(frozen=True, kw_only=True)
class BenchLabelCfg:
    """Time the labelling server: its start, the first question of the demonstration, and answers on SQLite."""

    starts: Few = 5
    """Starts of the demonstration; medians are printed."""
    answers: Count = 500
    """Answers of one rater, one after the other."""
    out: Path | None = None
    """File for the figures, as JSON; printed only if there is none."""

    __post_init__ = check

    @property
    def envs(self) -> tuple[str, ...]:
        """Return the environments to check: none, since the demonstration has its own."""
        return ()


@dataclass(frozen=True, kw_only=True)
class Start:
    """How long a start takes, in seconds from the command."""

    link_s: float
    """Until the link is printed."""
    question_s: float
    """Until the page gets its first question and what it shows."""


class Client:
    """A rater without a browser; the store is asked through the API alone.

    Args:
        link: Link of an invitation.
    """

    def __init__(self, link: str) -> None:
        self._base, _, token = link.partition("/#i=")
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        self.post("session", {"invitation": token})

    def post(self, path: str, body: object) -> Any:  # noqa: ANN401 - JSON
        """Send JSON, and return what comes back."""
        headers = {"Content-Type": "application/json", "Origin": self._base}
        request = urllib.request.Request(f"{self._base}/api/v1/{path}", json.dumps(body).encode(), headers)
        with self._opener.open(request, timeout=60) as told:
            return json.load(told)

    def load(self, path: str) -> bytes:
        """Return bytes."""
        with self._opener.open(f"{self._base}/api/v1/{path}", timeout=60) as told:
            return told.read()


@contextmanager
def served(*flags: str) -> Generator[tuple[Client, float]]:
    """Run `prefgym label`; give a rater, and the seconds until the link was printed.

    Raises:
        UserError: If the server does not start.
    """
    command = [sys.executable, "-m", "prefgym", "label", *flags, "--no-browser", "--port", "0"]
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            found = re.match(r"label +(\S+)$", process.stdout.readline())
            seconds = time.perf_counter() - begun
            if found is None:
                raise UserError("the labelling server did not start, as said above.")
            yield Client(found[1]), seconds
        finally:
            process.terminate()
            process.communicate()


def time_start() -> Start:
    """Start the demonstration, and wait for its first question with both segments."""
    begun = time.perf_counter()
    with served("--demo") as (client, link_s):
        while not (given := client.post("assignments", {"num": 1})["assignments"]):
            time.sleep(_READY_S)
        for part in given[0]["segments"]:
            client.load(f"segments/{part['id']}")
            client.load(f"geometries/{part['geometry']}")
        return Start(link_s=link_s, question_s=time.perf_counter() - begun)


def time_answers(num: int) -> list[float]:
    """Answer questions one after the other; return the seconds of each, which includes the wait for the disk."""
    with tempfile.TemporaryDirectory(prefix="prefgym-bench-") as folder:
        url = str(Path(folder) / "labels.sqlite")
        _fill(url, num)
        with served("--store", url) as (client, _):
            seconds: list[float] = []
            while len(seconds) < num:
                for one in client.post("assignments", {"num": 5})["assignments"]:
                    event = {"client_id": str(uuid.uuid4()), "assignment": one["id"], "type": "answer"}
                    begun = time.perf_counter()
                    client.post("events", [{**event, "statement": {"choice": 0}}])
                    seconds.append(time.perf_counter() - begun)
                    time.sleep(_PAUSE_S)
            return seconds


def _fill(url: str, num: int) -> None:
    from prefgym.store.records import NewQuestion, NewSegment  # an extra, which other measurements do without
    from prefgym.store.store import Store
    from prefgym.store.study import StudyCfg

    with Store.open(url) as store:
        study = store.add_study(StudyCfg(name="bench"))
        pair = [
            store.add_segment(
                NewSegment(
                    env="prefgym/HalfCheetah-v0",
                    num_steps=50,
                    dt_s=0.05,
                    drawing=bytes([number]) * 4000,
                    media_type="application/x-prefgym-poses",
                )
            )
            for number in range(2)
        ]
        store.ask(study, [NewQuestion(query_id=number, segments=tuple(pair)) for number in range(num + 5)])


def run_bench_label(cfg: BenchLabelCfg) -> dict[str, float]:
    """Print, and return, figures in seconds; they are written as JSON, if a file is named."""
    console = Console()
    with console.status("starting the demonstration"):
        starts = [time_start() for _ in range(cfg.starts)]
    with console.status("answering"):
        answers = time_answers(cfg.answers)
    figures = {
        "start to link": statistics.median(start.link_s for start in starts),
        "start to first question": statistics.median(start.question_s for start in starts),
        "answer p50": _quantile(answers, 0.5),
        "answer p95": _quantile(answers, 0.95),
    }
    table = Table(title=f"prefgym label: medians of {cfg.starts} starts, {len(answers)} answers on SQLite")
    table.add_column("what")
    table.add_column("seconds", justify="right")
    for name, seconds in figures.items():
        table.add_row(name, f"{seconds:.3f}")
    console.print(table)
    text = json.dumps({"starts": cfg.starts, "answers": len(answers), "seconds": figures}, indent=2)
    if cfg.out is None:
        print(text)
    else:
        write_text(cfg.out, f"{text}\n")
    return figures


def _quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
