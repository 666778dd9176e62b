"""The display of several seeds: a line each, read from their run folders."""

import json
import os
from pathlib import Path
from typing import Any, Self, cast

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from prefgym.common.files import LOG_BYTES, open_to_read
from prefgym.runs.config_file import read_config
from prefgym.runs.manifest import has_finished


class SeedsProgress:
    """Show a line for each seed that is trained in another process; without a terminal, print a line when one ends.

    Args:
        runs: Run folders by seed.
        jobs: Processes; with 0 each run shows its own progress.
    """

    def __init__(self, runs: dict[int, Path], jobs: int) -> None:
        self.console, self.jobs = Console(stderr=True), jobs
        self._watched = {seed: Watched(seed, run) for seed, run in runs.items()}
        self._bar = Progress(
            TextColumn("seed {task.fields[seed]}"),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[words]}"),
            TimeRemainingColumn(compact=True),
            console=self.console,
            disable=not (jobs and self.console.is_terminal),
        )
        self._lines: dict[int, TaskID] = {}

    def __enter__(self) -> Self:
        for seed, run in self._watched.items():
            finished = has_finished(run.folder)
            words = "finished before" if finished else "waits"
            self._lines[seed] = self._bar.add_task("", total=1.0, completed=int(finished), seed=seed, words=words)
            if finished and (not self.console.is_terminal or not self.jobs):
                self.console.print(f"seed {seed}: finished before", highlight=False)
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self) -> None:
        """Read what the runs have written since the last call."""
        for seed, run in self._watched.items():
            if run.read():
                self._bar.update(self._lines[seed], completed=run.share, words=run.words)

    def end(self, seed: int, problem: str) -> None:
        """Show that a seed has ended, and what went wrong; an empty text if nothing did."""
        run = self._watched[seed]
        run.read()
        words = problem or f"finished, {run.words}"
        self._bar.update(self._lines[seed], completed=run.share if problem else 1.0, words=words[:40])
        if problem or (self.jobs and not self.console.is_terminal):
            self.console.print(f"seed {seed}: {words}", highlight=False, markup=False)


class Watched:
    """The metrics of a run that another process writes."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed, self.folder = seed, folder
        self._place, self._total, self._budget = 0, 0.0, 0.0
        self._latest: dict[str, float] = {}

    def read(self) -> bool:
        """Read the lines that are new; return whether there are any."""
        file = self.folder / "metrics.jsonl"
        if not file.is_file():
            return False
        if not self._total:
            config = read_config(self.folder)
            self._total = float(config.get("updates", config.get("steps", 1)))
            self._budget = 0 if config.get("rater") == "none" else config.get("budget", 0)
        with open_to_read(file, LOG_BYTES) as opened:
            size = opened.seek(0, os.SEEK_END)
            # a resumed run drops what came after its checkpoint
            opened.seek(self._place if self._place <= size else 0)
            text = opened.read()
        lines = text[: text.rfind(b"\n") + 1]
        self._place = size - len(text) + len(lines)
        for line in lines.splitlines():
            self._latest |= _numbers(line)
        return bool(lines)

    @property
    def share(self) -> float:
        """Return the share of the training that is done."""
        return min(self._latest.get("time/total_timesteps", 0.0) / (self._total or 1.0), 1.0)

    @property
    def words(self) -> str:
        """Return labels and true return in words."""
        words: list[str] = []
        if self._budget:
            words.append(f"{self._latest.get('feedback/num_answers', 0):,.0f}/{self._budget:,.0f} labels")
        if (value := self._latest.get("eval/mean_reward")) is not None:
            words.append(f"return {value:,.{0 if abs(value) >= 100 else 1}f}")
        return ", ".join(words) or "begins"


def _numbers(line: bytes) -> dict[str, float]:
    """Return the numbers of a line by name; none of a damaged one, which the run itself will report."""
    try:
        row: Any = json.loads(line)
    except ValueError:
        return {}
    row = cast("dict[str, Any]", row) if isinstance(row, dict) else {}
    return {name: value for name, value in row.items() if isinstance(value, int | float)}
