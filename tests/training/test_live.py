"""The page of a run that is going on."""

import time
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from commands import run
from tiny import tiny_run

from prefgym.runs.activity import activity_of
from prefgym.training.callbacks import Callback
from prefgym.training.live import LivePage
from prefgym.training.loop import Loop


class Reader(Callback):
    """Reads the page after each step, and stops at one as Ctrl-C does.

    Args:
        stop_at: At which step.
    """

    def __init__(self, stop_at: int | None = None) -> None:
        self.stop_at = stop_at
        self.seen: dict[int, str] = {}

    def on_step(self, loop: Loop, metrics: object) -> None:
        del metrics
        self.seen[loop.steps] = (loop.run.path / "report.html").read_text()
        if loop.steps == self.stop_at:
            raise KeyboardInterrupt


def test_a_page_is_there_from_the_start_and_renews_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prefgym.training.live.SHARE", 1e9)  # however long a page takes
    reader = Reader()
    tiny_run(out="run", callbacks=[reader])
    first, last = reader.seen[200], reader.seen[600]
    for page in (first, last):
        assert 'class="status running"' in page and "location.reload()" in page
    assert "33\N{NO-BREAK SPACE}% done" in first and "true return was" in last
    finished = Path("run/report.html").read_text()
    assert 'class="status finished"' in finished and "location.reload()" not in finished


def test_a_run_that_is_stopped_says_so() -> None:
    tiny_run(out="run", callbacks=[Reader(stop_at=400)])
    page = Path("run/report.html").read_text()
    assert 'class="status stopped"' in page and "prefgym</span> <span>train</span> <span>--resume" in page


def test_pages_take_a_hundredth_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that took a tenth of a second is written again after ten, with news; without, 15 seconds later."""
    now, written = [0.0], list[float]()

    def write(*_: object, **__: object) -> None:
        written.append(now[0])
        now[0] += 0.1

    monkeypatch.setattr("prefgym.report.page.write_report", write)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    page, loop = LivePage(), cast(Loop, SimpleNamespace(run=SimpleNamespace(path=Path("run"))))
    for second in range(100):
        now[0] = max(now[0], float(second))
        page.on_step(loop, {"eval/mean_reward": 1.0} if second < 20 else {})
    # at 0.1 + 10 and 11.1 + 10 with news; at 22.1 + 10 + 15 and 48.1 + 10 + 15 without
    assert [round(at) for at in written] == [0, 11, 22, 48, 74]


def test_a_page_that_fails_is_a_line_and_the_run_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr("prefgym.report.page.write_report", fails)
    assert tiny_run(out="run").result.steps == 600
    assert capsys.readouterr().err.count("no page while training: OSError: no room") == 1


def test_the_report_of_a_running_run_has_its_questions(capsys: pytest.CaptureFixture[str]) -> None:
    """Written by a command, from the answers so far, while the run holds its lock."""
    told: list[tuple[int, str]] = []

    class Report(Callback):
        def on_step(self, loop: Loop, metrics: object) -> None:
            del metrics
            if loop.steps == 400:
                assert activity_of(loop.run.path).state == "running"
                code, output, _ = run(capsys, "report", str(loop.run.path))
                told.append((code, (loop.run.path / "report.html").read_text()))
                assert output.strip() == "run/report.html"

    tiny_run(out="run", callbacks=[Report()])
    ((code, page),) = told
    assert code == 0
    assert 'class="status running"' in page and "<h2>Questions</h2>" in page and "5 answered of 5" in page
