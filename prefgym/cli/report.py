"""`prefgym report`: write the report of a run again."""

from dataclasses import dataclass
from pathlib import Path

import tyro

from prefgym.training.run import Run


@dataclass(frozen=True, kw_only=True)
class ReportArgs:
    """Write the report of a run again."""

    run: tyro.conf.Positional[Path]
    """Run folder."""


def run(argv: list[str]) -> int:
    """Write the report. Returns the exit code."""
    print(Run(tyro.cli(ReportArgs, args=argv, prog="prefgym report").run).report())
    return 0
