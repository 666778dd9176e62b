"""The page that people answer on while a run trains: served by the training, or attached to it later."""

import json
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from typing import IO, Any
from urllib.error import URLError
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pytest
from commands import TINY

from prefgym.runs.answer_log import AnswerLog

pytestmark = pytest.mark.slow

HUMAN = ("train", *TINY, "--rater", "human", "--rater.block", "--no-report", "--out", "run")
PATIENCE_S = 240


def started(folder: Path, *argv: str) -> subprocess.Popen[str]:
    """Start a command whose output and errors come in one stream."""
    return subprocess.Popen(
        [sys.executable, "-m", "prefgym", *argv],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def lines_of(stream: IO[str] | None, seen: list[str]) -> Iterator[str]:
    """Yield lines, and keep them."""
    for line in stream or ():
        seen.append(line)
        yield line


def link_in(lines: Iterator[str], whom: str = "label") -> str:
    """Return the first link for somebody."""
    return next(line.split()[1] for line in lines if line.startswith(whom))


class Browser:
    """As much of a browser as it takes to answer: cookies, and JSON."""

    def __init__(self, link: str) -> None:
        self.address, _, token = link.partition("/#i=")
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))
        self.call("session", {"invitation": token})

    def call(self, path: str, body: object = None) -> Any:  # noqa: ANN401
        """Call the API."""
        headers = {"Content-Type": "application/json", "Origin": self.address}
        content = None if body is None else json.dumps(body).encode()
        with self._opener.open(Request(f"{self.address}/api/v1/{path}", content, headers), timeout=PATIENCE_S) as reply:
            return json.loads(reply.read() or "null")

    def answer(self, num: int) -> None:
        """Answer questions as they come."""
        left, pause = num, threading.Event()
        while left:
            for one in self.call("assignments", {"num": 5})["assignments"]:
                event = {"client_id": str(uuid.uuid4()), "assignment": one["id"], "type": "answer"}
                self.call("events", [{**event, "statement": {"choice": 0}}])
                left -= 1
            pause.wait(0.2)


def test_the_training_serves_the_page_and_ends_it(tmp_path: Path) -> None:
    """It prints a link, waits for the answers of each session, and the server ends with it."""
    seen: list[str] = []
    with started(tmp_path, *HUMAN, "--rater.port", "0") as training:
        browser = Browser(link_in(lines_of(training.stdout, seen)))
        rest = threading.Thread(target=lambda: seen.extend(training.stdout or ()))
        rest.start()
        browser.answer(10)
        assert training.wait(timeout=PATIENCE_S) == 0, "".join(seen)
        rest.join(timeout=PATIENCE_S)
    log = AnswerLog(tmp_path / "run/preferences/answers.sqlite").read()
    assert len(log) == 10 and {row.status for row in log} == {"answered"}
    assert any("10 answers are in" in line for line in seen)
    with pytest.raises(URLError):
        browser.call("me")


def test_the_server_of_a_killed_training_ends(tmp_path: Path) -> None:
    """Even by kill -9: the kernel tells it."""
    if sys.platform != "linux":
        pytest.skip("other kernels do not tell a process that its parent has ended")
    with started(tmp_path, *HUMAN, "--rater.port", "0") as training:
        browser = Browser(link_in(lines_of(training.stdout, [])))
        training.kill()
        training.communicate(timeout=PATIENCE_S)  # ends when nobody holds its output any more, the server included
        with pytest.raises(URLError):
            browser.call("me")


def test_label_attaches_to_a_run_and_ends_with_it(tmp_path: Path) -> None:
    """`prefgym label --while RUN`."""
    seen: list[str] = []
    with started(tmp_path, *HUMAN, "--rater.no-serve") as training:
        next(line for line in lines_of(training.stdout, seen) if "waiting for 5 answers" in line)
        told = "people answer with: prefgym label --while run"
        assert any(told in line for line in seen)
        with started(tmp_path, "label", "--while", "run", "--port", "0", "--no-browser") as page:
            browser = Browser(link_in(lines_of(page.stdout, seen)))
            rest = threading.Thread(target=lambda: seen.extend(page.stdout or ()))
            rest.start()
            browser.answer(10)
            training.communicate(timeout=PATIENCE_S)
            assert training.returncode == 0 and page.wait(timeout=PATIENCE_S) == 0, "".join(seen)
            rest.join(timeout=PATIENCE_S)
    assert any("run has finished." in line for line in seen)
    assert len(AnswerLog(tmp_path / "run/preferences/answers.sqlite").read()) == 10
