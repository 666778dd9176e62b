"""`prefgym feedback import FORMAT`: feedback in the formats of others."""

from pathlib import Path

from prefgym.cli.parse import parse
from prefgym.common.errors import UserError
from prefgym.common.limits import shortened
from prefgym.common.names import did_you_mean
from prefgym.core.kinds import Statement
from prefgym.core.preferences import Preferences
from prefgym.data.importers.registry import IMPORTERS, import_feedback

HELP_TEXT = "\n\n".join(f"  prefgym feedback import {name} --help" for name in IMPORTERS)


def import_files(argv: list[str]) -> tuple[Path, Preferences[Statement]]:
    """Import the files that the words after `import` name. Returns the folder and the preferences.

    Raises:
        UserError: If the format is unknown, or the files are not of it.
    """
    if not argv or argv[0] not in IMPORTERS:
        given = f"{shortened(argv[0])!r} is no format" if argv else "a format is missing"
        near = did_you_mean(argv[0] if argv else "", IMPORTERS)
        raise UserError(f"prefgym feedback import FORMAT FILES --out FOLDER: {given}: {near}")
    cfg = parse(IMPORTERS[argv[0]].cfg, argv[1:], f"prefgym feedback import {argv[0]}")
    return cfg.out, import_feedback(cfg)
