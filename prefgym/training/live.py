"""The page of a run that is going on: written at the start, at each session and evaluation, and every so often."""

import sys
import time
from typing import TYPE_CHECKING

from prefgym.training.callbacks import Callback
from prefgym.training.parts import Metrics

if TYPE_CHECKING:
    from prefgym.report.frame import State
    from prefgym.training.loop import Loop

SECONDS = 15.0
"""Seconds between two pages, as often as one renews itself."""
FPS = 30.0
"""Steps a second of the films, of which there are none yet."""
SHARE = 0.01
"""Largest share of the time of a run that its pages take."""


class LivePage(Callback):
    """Writes `report.html` while the run goes on, in at most a hundredth of its time; clips come at the end."""

    def __init__(self) -> None:
        self._next, self._is_due, self._failed = 0.0, False, False

    def on_start(self, loop: "Loop") -> None:
        """Write the page, so that it is there from the first second on."""
        self._write(loop, "running")

    def on_step(self, loop: "Loop", metrics: Metrics) -> None:
        """Write the page if there is news, or if the last one is old; soon, if it was written just now."""
        has_news = "feedback/session" in metrics or "eval/mean_reward" in metrics
        self._is_due = self._is_due or has_news
        if time.monotonic() >= self._next + (0.0 if self._is_due else SECONDS):
            self._write(loop, "running")

    def on_end(self, loop: "Loop") -> None:
        """Say that the run was stopped, until the whole page of a run that came to its end replaces this one."""
        self._write(loop, "stopped")

    def _write(self, loop: "Loop", state: "State") -> None:
        from prefgym.report.page import write_report  # the video encoder takes long to import

        if self._failed:
            return
        begun = time.monotonic()
        try:
            write_report(loop.run.path, model=None, camera={}, fps=FPS, preferences=None, state=state)
        except Exception as error:  # a page is nothing that a training could not do without
            print(f"no page while training: {type(error).__name__}: {error}", file=sys.stderr)
            self._failed = True
        self._is_due, self._next = False, time.monotonic() + (time.monotonic() - begun) / SHARE
