"""`prefgym compare`: runs side by side, as a table and as one page."""

import textwrap
from dataclasses import dataclass
from pathlib import Path

import tyro

from prefgym.cli.parse import parse
from prefgym.report.compare.api import COLUMNS, compare
from prefgym.report.compare.verdict import verdict


@dataclass(frozen=True, kw_only=True)
class CompareArgs:
    """Compare runs that differ in the seed, and in what makes an arm: rater, reward, agent, settings."""

    runs: tyro.conf.Positional[tuple[str, ...]]
    """Run folders, folders of seeds, folders of these, and patterns such as `runs/oracle-*`."""
    out: Path = Path("comparison.html")
    """HTML file to write."""
    films: bool = True
    """Whether the page has films of final policies, which take a second or two for each arm."""


def run(argv: list[str]) -> int:
    """Print the table and write the page. Returns the exit code."""
    args = parse(CompareArgs, argv, "prefgym compare")
    comparison = compare(args.runs)
    print(comparison)
    print("", *textwrap.wrap(verdict(comparison), COLUMNS), sep="\n")
    print(f"page: {comparison.write(args.out, ('prefgym', 'compare', *argv), films=args.films)}")
    return 0
