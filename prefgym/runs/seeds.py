"""Folders of seeds: runs of one configuration side by side, and a file that names them."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

from prefgym.common.errors import DamageError, UserError
from prefgym.common.files import read_sealed_json, write_sealed_json

INDEX = "seeds.json"
"""Name of the file."""
MOST_SEEDS = 1000
LARGEST = 2**32 - 1
ALIKE = ("seed", "threads")
"""Settings in which the seeds of a folder may differ; the number of threads changes rounding only."""


def parse_seeds(given: str | Iterable[int]) -> tuple[int, ...]:
    """Read seeds: numbers, or text with commas and ranges.

    >>> parse_seeds("0-2,9")
    (0, 1, 2, 9)

    Raises:
        UserError: If one is no seed, or given twice, or there are too many.
    """
    seeds: list[int] = []
    for part in given.split(",") if isinstance(given, str) else given:
        first, dash, last = str(part).strip().partition("-")
        numbers = [int(text) if _is_number(text) else -1 for text in (first, last if dash else first)]
        if not 0 <= numbers[0] <= numbers[1] <= LARGEST:
            raise UserError(f"--seeds {_shown(part)}: seeds are numbers such as 0-5, 0,2,7 or 0-2,9.")
        if numbers[1] - numbers[0] >= MOST_SEEDS - len(seeds):
            raise UserError(f"--seeds {_shown(part)}: a folder has at most {MOST_SEEDS} seeds.")
        seeds += range(numbers[0], numbers[1] + 1)
    if not seeds:
        raise UserError("--seeds names no seed: pass numbers such as 0-5.")
    if (twice := next((seed for seed in seeds if seeds.count(seed) > 1), None)) is not None:
        raise UserError(f"--seeds names seed {twice} twice.")
    return tuple(seeds)


def run_of(folder: Path, seed: int) -> Path:
    """Return the run folder of a seed.

    Raises:
        UserError: If it is a link, which could lead to a folder that belongs to somebody else.
    """
    run = folder / f"seed-{seed}"
    if run.is_symlink():
        raise UserError(f"{run} is a link: remove it.")
    return run


def is_seeds(folder: Path) -> bool:
    """Return whether a folder is one of seeds."""
    return (folder / INDEX).is_file()


def write_seeds(folder: Path, seeds: Sequence[int]) -> None:
    """Write the seeds of a folder, which is made if need be.

    Raises:
        UserError: If it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_sealed_json(folder / INDEX, {"seeds": list(seeds)})


def read_seeds(folder: Path) -> tuple[int, ...]:
    """Read the seeds of a folder.

    Raises:
        DamageError: If its file is missing or damaged.
    """
    seeds: Any = read_sealed_json(folder / INDEX).get("seeds")
    if not isinstance(seeds, list):
        raise DamageError(f"{folder / INDEX} is damaged: it names no seeds.")
    return parse_seeds(cast("list[int]", seeds))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST))


def _shown(part: object) -> str:
    text = repr(part) if not isinstance(part, str) else part
    return text if len(text) <= 40 else f"{text[:40]}..."
