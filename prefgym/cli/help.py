"""The text of `--help`, at most 80 columns wide."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from prefgym.cli.settings import Setting, description_of, settings_of

WIDTH = 80
COLUMN = 26

PLACEHOLDERS: dict[type[object], str] = {int: "N", float: "X", Path: "PATH", bool: "True|False"}
"""What stands for a value in the help, by its type."""


def write_help(cfg: object, command: str, flags: Sequence[str] = (), more: Iterable[str] = ()) -> str:
    """Write the help of a command.

    Args:
        cfg: Its dataclass, or an instance with the defaults.
        command: The words before the flags.
        flags: The flags to show; none for all of them.
        more: Lines at the end.
    """
    settings = list(settings_of(cfg))
    known = {flag: setting for setting in settings for flag in setting.flags}
    places = [setting.flags[0] for setting in settings if setting.is_positional]
    lines = [" ".join(["Usage:", command, *places, "[FLAGS]"]), ""]
    lines += textwrap.wrap(description_of(cfg if isinstance(cfg, type) else type(cfg)), WIDTH)
    shown = [(flag, known[flag]) for flag in flags or [setting.shown for setting in settings]]
    for _, group in groupby(shown, lambda one: "" if flags else one[1].flags[0].rpartition(".")[0]):
        lines += ["", *(line for flag, setting in group for line in _lines(flag, setting))]
    return "\n".join([*lines, *more])


def _lines(flag: str, setting: Setting) -> Iterator[str]:
    """Yield the flag with its value, then text and default in a column of their own."""
    end = f" (default: {setting.example})" if setting.example else ""
    left = f"  {flag} {_value(setting)}".rstrip()
    if len(left) > COLUMN - 2:
        yield left
        left = ""
    for line in textwrap.wrap(setting.text.rstrip(".") + end, WIDTH - COLUMN, break_on_hyphens=False) or [""]:
        yield f"{left:<{COLUMN}}{line}".rstrip()
        left = ""


def _value(setting: Setting) -> str:
    """Return what stands for the value of a flag: its choices, its type, or the name of the field."""
    if setting.is_positional:
        return ""
    if isinstance(setting.default, bool):
        return f"| {setting.negated}"
    name = PLACEHOLDERS.get(setting.kind) or setting.name.upper()
    return f"{name} ..." if isinstance(setting.default, tuple | dict) else "|".join(setting.choices) or name
