"""`prefgym report`: write the report of a run again."""

from dataclasses import dataclass
from pathlib import Path

import tyro

from prefgym.cli.parse import parse
from prefgym.training.run import Run


@dataclass(frozen=True, kw_only=True)
class ReportArgs:
    """Write the report of a run again."""

    run: tyro.conf.Positional[Path]
    """Run folder."""


def run(argv: list[str]) -> int:
    """Write the report. Returns the exit code."""
    print(Run(parse(ReportArgs, argv, "prefgym report").run).report())
    return 0
