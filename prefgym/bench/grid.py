"""The runner of the benchmark tables: run missing cells, and print the table from their lines."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic

from rich.console import Console
from rich.table import Table

from prefgym.bench.cells import Cell, Line, find_lines, finish, read_lines, run_cells
from prefgym.common.limits import Natural, check
from prefgym.runs.settings import Settings, settings
from prefgym.training.config import OfflineCfg, TrainCfg


@dataclass(frozen=True, kw_only=True)
class GridCfg:
    """Folders and processes of a table."""

    jobs: Natural = 2
    """Cells run at the same time, each in a process with one thread; with 0 they run in this process."""
    out: Path = Path("runs/table")
    """Folder of the runs."""
    results: Path = Path("benchmarks/table.jsonl")
    """Results file, a line for each finished cell."""
    print_only: bool = False
    """Print the table of the finished cells and run nothing."""

    __post_init__ = check


class Grid(ABC, Generic[Cell]):
    """A table of cells.

    A cell that has a line in the results file under its present configuration is not run again, here or on another
    machine. All configurations are made here, before the first process starts.
    """

    width = 120
    """Columns of the printed table, in characters."""

    def __init__(self, cfg: GridCfg) -> None:
        self.grid = cfg

    @abstractmethod
    def cells(self) -> Iterable[Cell]:
        """List the cells in the order in which they are run."""

    @abstractmethod
    def settings(self, cell: Cell) -> Settings:
        """Return all settings that determine the result of a cell, beside its own fields."""

    @abstractmethod
    def task(self, cell: Cell) -> Callable[[], Line]:
        """Return the function that runs a cell in a process of its own and returns its line."""

    @abstractmethod
    def table(self, done: dict[Cell, Line]) -> Table:
        """Lay out the lines of the finished cells."""

    def prepare(self, cells: Sequence[Cell]) -> None:
        """Prepare what several cells share, before they run."""

    def describe(self, line: Line) -> str:
        """Return the result of a cell as text."""
        return f"{line['final_return_mean']:.0f} in {line['wall_time_s']:.0f} s"

    def wanted(self, cell: Cell) -> Line:
        """Return the line of a cell without its results: its fields and settings."""
        return {**vars(cell), "settings": self.settings(cell)}

    def folder(self, cell: Cell) -> Path:
        """Return the run folder of a cell under the present configuration."""
        return self.grid.out / f"{cell.name}-{digest(self.wanted(cell))}"

    def read(self) -> dict[Cell, Line]:
        """Read the lines of the cells that are finished."""
        return find_lines(read_lines(self.grid.results), {cell: self.wanted(cell) for cell in self.cells()})

    def run(self) -> tuple[dict[Cell, Line], int]:
        """Run the missing cells; return the lines of all that are finished, and the number of cells that failed."""
        done = self.read()
        missing = [] if self.grid.print_only else [cell for cell in self.cells() if cell not in done]
        if missing:
            self.prepare(missing)
        tasks = {cell: self.task(cell) for cell in missing}
        done |= run_cells(tasks, self.grid.results, self.grid.jobs, self.describe)
        return done, sum(cell not in done for cell in missing)

    def make(self) -> int:
        """Run the missing cells and print the table; return the number of cells that failed."""
        done, num_failed = self.run()
        Console(width=self.width).print(self.table(done))
        return num_failed


class TrainingGrid(Grid[Cell]):
    """A table, each cell of which is one training."""

    results = ("final_return_mean", "returns", "wall_time_s", "version", "git_revision")
    """Names in the result of a run that its line repeats."""

    @abstractmethod
    def config(self, cell: Cell) -> TrainCfg | OfflineCfg:
        """Return the configuration of a cell."""

    def settings(self, cell: Cell) -> Settings:
        """Return the resolved configuration."""
        return settings(self.config(cell))

    def task(self, cell: Cell) -> Callable[[], Line]:
        """Return the function that trains."""
        return partial(train_cell, self.folder(cell), self.config(cell), self.wanted(cell), self.results)


def train_cell(folder: Path, cfg: TrainCfg | OfflineCfg, wanted: Line, names: Sequence[str]) -> Line:
    """Train into a run folder; return the line with the named results.

    Raises:
        UserError: If it fails.
    """
    result = finish(folder, cfg)
    return {**wanted, **{name: result[name] for name in names}}


def digest(line: Line) -> str:
    """Shorten a line to eight letters, for names of folders."""
    return hashlib.sha256(json.dumps(line, sort_keys=True).encode()).hexdigest()[:8]
