"""Folders that others may have written: nothing in them leads out of them."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from prefgym.common.errors import UserError

MOST_ENTRIES, MOST_LEVELS = 200_000, 16
"""Most files and folders in a run or feedback folder, and most folders inside each other."""

_KINDS = {stat.S_IFLNK: "a link", stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}


def check_folder(folder: Path) -> None:
    """Check that a folder holds plain files and folders only, so that whatever is read or written below is in it.

    The folder itself, and those above it, may be links: the user has named them.

    Raises:
        UserError: If it holds a link, a hard link, a pipe, a socket or a device, or too many files.
    """
    for number, entry in enumerate(_below(folder)):
        try:
            found = entry.stat(follow_symlinks=False)
        except FileNotFoundError:  # a run that goes on renames and removes files
            continue
        if (kind := odd(found)) is not None:
            raise UserError(f"{entry.path} is {kind}, which could lead out of the folder: remove it, or copy its file.")
        if number >= MOST_ENTRIES:
            raise UserError(f"{folder} has more than {MOST_ENTRIES:,} files: this is no folder of prefgym.")


def odd(found: os.stat_result) -> str | None:
    """Name what a directory entry is if it is neither a folder nor a file of its own; None for these."""
    if stat.S_ISDIR(found.st_mode):
        return None
    if stat.S_ISREG(found.st_mode):
        return "a hard link" if found.st_nlink > 1 else None
    return _KINDS.get(stat.S_IFMT(found.st_mode), "a device")


def _below(folder: Path) -> Iterator[os.DirEntry[str]]:
    """List everything below a folder, without following links."""
    waiting = [(str(folder), 1)]
    while waiting:
        path, level = waiting.pop()
        try:
            entries = [*os.scandir(path)]
        except (FileNotFoundError, NotADirectoryError):
            continue
        if level > MOST_LEVELS and entries:
            raise UserError(f"{folder} has more than {MOST_LEVELS} folders inside each other: it is not of prefgym.")
        yield from entries
        waiting += [(entry.path, level + 1) for entry in entries if entry.is_dir(follow_symlinks=False)]
