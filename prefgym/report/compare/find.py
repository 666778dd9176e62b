"""Find run folders: by name, in folders of seeds or of runs, and by patterns."""

import glob
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

from prefgym.common.errors import UserError
from prefgym.runs.seeds import is_seeds, read_seeds, run_of

MOST_RUNS = 1000


@runtime_checkable
class HasPath(Protocol):
    """A run, as `prefgym.train` returns it."""

    path: Path
    """Its folder."""


Given = str | Path | HasPath


def find_runs(given: Given | Iterable[Given]) -> list[Path]:
    """Find run folders, each once, in the order in which they are named.

    Args:
        given: Run folders, runs, folders of seeds, folders of any of these, and patterns such as `runs/oracle-*`.

    Raises:
        UserError: If there is no run in one of them, or there are too many.
    """
    found: dict[Path, Path] = {}
    for one in [given] if isinstance(given, str | Path | HasPath) else given:
        runs = [run for path in _paths(one) for run in _runs_in(path)]
        if not runs:
            where = one.path if isinstance(one, HasPath) else one
            raise UserError(f"{where} is no run folder and has none in it: pass folders that prefgym train wrote.")
        for run in runs:
            found.setdefault(run.resolve(), run)
    if not found:
        raise UserError("there is no run to compare: pass folders that prefgym train wrote.")
    if len(found) > MOST_RUNS:
        raise UserError(f"{len(found):,} runs cannot be compared on one page: pass at most {MOST_RUNS:,}.")
    return list(found.values())


def _paths(one: Given) -> list[Path]:
    if isinstance(one, HasPath):
        return [one.path]
    if not glob.has_magic(str(one)) or Path(one).exists():
        return [Path(one)]
    return sorted(map(Path, glob.glob(str(one))), key=_natural)


def _runs_in(path: Path, depth: int = 2) -> Iterator[Path]:
    if (path / "config.yaml").is_file():
        yield path
    elif is_seeds(path):
        runs = (run_of(path, seed) for seed in read_seeds(path))
        yield from (run for run in runs if (run / "config.yaml").is_file())
    elif depth and path.is_dir():
        inner = (child for child in path.iterdir() if child.is_dir() and not child.name.startswith("."))
        for child in sorted(inner, key=_natural):
            yield from _runs_in(child, depth - 1)


def _natural(path: Path) -> list[tuple[int, str]]:
    """Order names with numbers in them by these: seed-2 before seed-10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]{1,18})", str(path))]
