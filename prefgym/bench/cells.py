"""Cells of a table: runs in processes of their own, some at a time, and the lines of results files."""

import json
import shutil
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from prefgym.common.errors import UserError
from prefgym.common.processes import in_processes
from prefgym.common.revision import git_revision
from prefgym.runs.manifest import has_finished
from prefgym.runs.settings import made_by_run, relevant, without
from prefgym.training.config import OfflineCfg, TrainCfg
from prefgym.training.seeds import complete

Line = dict[str, Any]
"""A line of a results file: JSON."""


class Named(Protocol):
    """A cell, which can be a key."""

    @property
    def name(self) -> str:
        """Return the name of its folder."""
        ...


Cell = TypeVar("Cell", bound=Named)
Key = TypeVar("Key")


def run_cells(
    tasks: Mapping[Cell, Callable[[], Line]], results: Path, jobs: int, describe: Callable[[Line], str]
) -> dict[Cell, Line]:
    """Run cells, and add a line to the results file for each one that has finished.

    Args:
        tasks: The function that returns the line of each cell; an error is printed, and the other cells go on.
        results: The file.
        jobs: Cells run at the same time, see `in_processes`.
        describe: Function that returns the text to print for a line.

    Returns:
        The lines of the finished cells.
    """
    results.parent.mkdir(parents=True, exist_ok=True)
    done: dict[Cell, Line] = {}
    for cell, future in in_processes(tasks, jobs):
        error = future.exception()
        if error is not None:
            if not isinstance(error, UserError):
                traceback.print_exception(error)
            print(f"{cell.name}: {error}", flush=True)
            continue
        done[cell] = json.loads(json.dumps(future.result()))
        with results.open("a") as file:
            file.write(json.dumps(done[cell]) + "\n")
        print(f"{cell.name}: {describe(done[cell])}", flush=True)
    return done


def finish(folder: Path, cfg: TrainCfg | OfflineCfg) -> Line:
    """Train into a run folder unless that has finished; return the result and the commit.

    Args:
        folder: The run folder. A run of the same commit is resumed from its last checkpoint, any other that has not
            finished is removed. The output of training is in `folder`.log, below the commit.
        cfg: Resolved configuration.

    Raises:
        UserError: If it fails, or was interrupted.
    """
    if not has_finished(folder):
        log = folder.parent / f"{folder.name}.log"
        commit = f"{git_revision()}\n"
        is_ours = log.is_file() and log.read_text().startswith(commit)
        resumes = is_ours and any(folder.glob("checkpoints/step-*"))
        if not resumes:
            shutil.rmtree(folder, ignore_errors=True)
            folder.parent.mkdir(parents=True, exist_ok=True)
            log.write_text(commit)
        with log.open("a") as file, redirect_stdout(file), redirect_stderr(file):
            complete(replace(cfg, out=folder))
    return read_result(folder)


def read_result(folder: Path) -> Line:
    """Read the result of a finished run, and its commit.

    Raises:
        UserError: If it has not finished.
    """
    if not has_finished(folder):
        raise UserError(f"{folder} has not finished, see {folder}.log")
    manifest = json.loads((folder / "manifest.json").read_text())
    return {**json.loads((folder / "result.json").read_text()), "git_revision": manifest["git_revision"]}


def find_lines(lines: Sequence[Line], wanted: Mapping[Key, Line]) -> dict[Key, Line]:
    """Find the last line of each cell that was made under its present configuration.

    Settings that a line lacks came later; their defaults are taken to change nothing.

    Args:
        lines: Lines of a results file.
        wanted: By cell, a line without results: what identifies it, and its `settings`.
    """
    return {key: line for key, cell in wanted.items() for line in lines if _is_of(line, cell)}


def _is_of(line: Line, cell: Line) -> bool:
    identified = all(line.get(name, value) == value for name, value in cell.items() if name != "settings")
    made = without(relevant(line.get("settings", {})), *made_by_run(cell["settings"]))
    return identified and made.items() <= cell["settings"].items()


def read_lines(file: Path) -> list[Line]:
    """Read a results file; a missing one has no lines."""
    return [_present(json.loads(line)) for line in file.read_text().splitlines()] if file.is_file() else []


OLD_NAMES = {
    "num_ahead": "n_step",
    "num_judges": "num_target_critics",
    "cut": "keep_short",
    "piece_win_rate": "fragment_win_rate",
    "wish": "task_description",
    "measure": "metric",
}
"""Names of settings and results in earlier versions, and now."""


def _present(line: Line) -> Line:
    """Rename settings and results of a line to the names of this version."""
    named: Line = {}
    for name, value in line.items():
        prefix, dot, last = name.rpartition(".")
        named[prefix + dot + OLD_NAMES.get(last, last)] = (
            _present(cast(Line, value)) if isinstance(value, dict) else value
        )
    return named
