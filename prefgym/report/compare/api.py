"""Compare runs: a table to print, and a page to write."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console

from prefgym.report.compare.arms import group
from prefgym.report.compare.comparison import Arms
from prefgym.report.compare.find import Given, find_runs
from prefgym.report.compare.page import write_page
from prefgym.report.compare.runs import read_run
from prefgym.report.compare.table import make_table

COLUMNS = 80
"""Width of the table."""


class RunComparison(Arms):
    """Runs of one environment side by side: `print(comparison)`, `comparison.write()`, `comparison.arms`."""

    def __str__(self) -> str:
        """Write the table."""
        console = Console(width=COLUMNS, no_color=True)
        with console.capture() as captured:
            console.print(make_table(self))
        return captured.get().rstrip()

    def write(self, out: Path | str = "comparison.html", command: Sequence[str] = (), *, films: bool = True) -> Path:
        """Write the page, and return its path.

        Args:
            out: HTML file.
            command: Command that makes the page again, which it shows.
            films: Whether it has films of final policies.

        Raises:
            UserError: If it cannot be written, or something else is there.
        """
        return write_page(self, Path(out), command, with_films=films)


def compare(runs: Given | Iterable[Given]) -> RunComparison:
    """Compare runs: group them into arms by all settings but the seed.

    Args:
        runs: Runs, run folders, folders of seeds, folders of these, and patterns such as `runs/oracle-*`.

    Raises:
        UserError: If there is no run, one is damaged, or the runs are of several environments.
    """
    return RunComparison(arms=group([read_run(path) for path in find_runs(runs)]))
