"""Cells of a table: runs in processes of their own, some at a time, a line of a results file for each."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from prefgym.common.revision import git_revision
from prefgym.runs.folder import has_finished, plain

Line = dict[str, Any]
"""What a cell came to: JSON."""


def in_json(cfg: Any) -> Line:  # noqa: ANN401
    """Write a configuration as it comes back from a results file."""
    return json.loads(json.dumps(plain(asdict(cfg))))


class Named(Protocol):
    """A cell."""

    @property
    def name(self) -> str:
        """Name its folder."""
        ...


Cell = TypeVar("Cell", bound=Named)


def run_cells(
    cells: Sequence[Cell], run: Callable[[Cell], Line], results: Path, jobs: int, tell: Callable[[Line], str]
) -> dict[Cell, Line]:
    """Run cells, and add a line to the results file for each one that has finished.

    Args:
        cells: Which ones.
        run: What a cell comes to; it may raise RuntimeError, which is printed.
        results: The file.
        jobs: Cells run at the same time.
        tell: What is printed of a line.

    Returns:
        The lines of those that have finished.
    """
    results.parent.mkdir(parents=True, exist_ok=True)
    done: dict[Cell, Line] = {}
    with ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(run, cell): cell for cell in cells}
        for finished in as_completed(running):
            cell = running[finished]
            try:
                line = finished.result()
            except RuntimeError as error:
                print(f"{cell.name}: {error}", flush=True)
                continue
            done[cell] = line
            with results.open("a") as file:
                file.write(json.dumps(line) + "\n")
            print(f"{cell.name}: {tell(line)}", flush=True)
    return done


def finish(folder: Path, *argv: str) -> Line:
    """Run a command of prefgym's that makes a run folder, unless that has finished; return what it came to.

    Args:
        folder: The run folder; one that the same commit has begun is gone on with from its last checkpoint, and any
            other that has not finished is removed.
        *argv: The command, but for `--out`. What it says is in `folder`.log, below the commit.

    Raises:
        RuntimeError: If it fails.
    """
    if not has_finished(folder):
        log = folder.parent / f"{folder.name}.log"
        commit = f"{git_revision()}\n"
        is_ours = log.is_file() and log.read_text().startswith(commit)
        if is_ours and any(folder.glob("checkpoints/step-*")):
            told = [argv[0], "--resume", str(folder)]
        else:
            shutil.rmtree(folder, ignore_errors=True)
            folder.parent.mkdir(parents=True, exist_ok=True)
            log.write_text(commit)
            told = [*argv, "--out", str(folder)]
        with log.open("a") as file:
            done = subprocess.run(_command(*told), stdout=file, stderr=file, check=False)
        if done.returncode:
            raise RuntimeError(f"failed, see {log}")
    manifest = json.loads((folder / "manifest.json").read_text())
    return {**json.loads((folder / "result.json").read_text()), "git_revision": manifest["git_revision"]}


def call(*argv: str) -> None:
    """Run a command of prefgym's.

    Raises:
        RuntimeError: If it fails.
    """
    done = subprocess.run(_command(*argv), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"prefgym {' '.join(argv)}: {done.stderr}")


def _command(*argv: str) -> list[str]:
    return [sys.executable, "-m", "prefgym", *argv]


Key = TypeVar("Key")


def read_done(results: Path, keys: Iterable[Key], wanted: Callable[[Key], Line]) -> dict[Key, Line]:
    """Read the lines of a results file that say what is wanted, under what they are lines of.

    Args:
        results: The file.
        keys: What may be in it.
        wanted: All that decides what one of these comes to, which is part of its line.
    """
    lines = read_lines(results)
    present = {key: wanted(key) for key in keys}
    return {key: line for key, told in present.items() for line in lines if told.items() <= line.items()}


def read_lines(results: Path) -> list[Line]:
    """Read a results file; one that is not there has no lines."""
    return [_present(json.loads(line)) for line in results.read_text().splitlines()] if results.is_file() else []


OLD_NAMES = {
    "num_ahead": "n_step",
    "num_judges": "num_target_critics",
    "cut": "keep_short",
    "sampler_cfg.cut": "sampler_cfg.keep_short",
    "piece_win_rate": "fragment_win_rate",
    "wish": "task_description",
    "measure": "metric",
}
"""Settings and results that earlier versions called otherwise."""
OLD_SETTINGS = {
    f"{part}.{old.replace('_', '-')}": f"{part}.{new.replace('_', '-')}"
    for part, old, new in (
        ("agent", "num_ahead", "n_step"),
        ("agent", "num_judges", "num_target_critics"),
        ("sampler", "cut", "keep_short"),
        ("sampler", "no_cut", "no_keep_short"),
    )
}


def _present(value: Any) -> Any:  # noqa: ANN401
    """Call settings and flags in a line as this version does."""
    if isinstance(value, dict):
        return {OLD_NAMES.get(name, name): _present(item) for name, item in cast(Line, value).items()}
    if isinstance(value, list):
        return [_present(item) for item in cast("list[Any]", value)]
    if isinstance(value, str):
        for old, new in OLD_SETTINGS.items():
            value = re.sub(rf"(?<![\w-])--{re.escape(old)}(?![\w-])", f"--{new}", value)
    return value
