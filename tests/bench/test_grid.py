"""A table of cells: missing ones are prepared and run, finished ones are read."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
from rich.table import Table

from prefgym.bench.cells import Line
from prefgym.bench.grid import Grid, GridCfg, digest
from prefgym.common.errors import UserError
from prefgym.runs.settings import Settings


@dataclass(frozen=True)
class Cell:
    """A number that is squared."""

    number: int

    @property
    def name(self) -> str:
        """Name it."""
        return f"cell-{self.number}"


def square(wanted: Line) -> Line:
    """Fail for odd numbers."""
    if wanted["number"] % 2:
        raise UserError("it is odd")
    return {**wanted, "square": wanted["number"] ** 2}


class Squares(Grid[Cell]):
    """Three numbers."""

    def __init__(self, cfg: GridCfg) -> None:
        super().__init__(cfg)
        self.prepared: list[int] = []

    def cells(self) -> Iterator[Cell]:
        """List 0, 1 and 2."""
        yield from map(Cell, range(3))

    def settings(self, cell: Cell) -> Settings:
        """Depend on nothing but the number."""
        return {"number": str(cell.number)}

    def prepare(self, cells: Sequence[Cell]) -> None:
        """Note the cells that will be run."""
        self.prepared += [cell.number for cell in cells]

    def task(self, cell: Cell) -> Callable[[], Line]:
        """Square the number."""
        return partial(square, self.wanted(cell))

    def describe(self, line: Line) -> str:
        """Write the square."""
        return str(line["square"])

    def table(self, done: dict[Cell, Line]) -> Table:
        """Lay out the squares."""
        table = Table("number", "square")
        for cell, line in done.items():
            table.add_row(str(cell.number), f"={line['square']}=")
        return table


CFG = GridCfg(jobs=0, out=Path("runs"), results=Path("results.jsonl"))


def test_missing_cells_are_prepared_and_run(capsys: pytest.CaptureFixture[str]) -> None:
    """The odd one fails, and is tried again by the next call."""
    grid = Squares(CFG)
    assert grid.make() == 1
    assert grid.prepared == [0, 1, 2]
    printed = capsys.readouterr().out
    assert "cell-1: it is odd" in printed and "=4=" in printed and "=1=" not in printed
    assert [json.loads(line)["square"] for line in CFG.results.read_text().splitlines()] == [0, 4]
    assert grid.make() == 1
    assert grid.prepared == [0, 1, 2, 1]
    assert len(CFG.results.read_text().splitlines()) == 2


def test_a_table_that_is_only_printed_runs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    grid = Squares(replace(CFG, print_only=True))
    assert grid.make() == 0
    assert not grid.prepared
    assert "square" in capsys.readouterr().out and not CFG.results.exists()


def test_a_folder_is_named_by_cell_and_settings() -> None:
    cell = Cell(2)
    assert Squares(CFG).folder(cell) == Path("runs") / f"cell-2-{digest({'number': 2, 'settings': {'number': '2'}})}"
