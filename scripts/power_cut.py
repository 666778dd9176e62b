"""What a power cut leaves of a folder."""

import os
import stat
from collections.abc import Callable
from pathlib import Path


class Disk:
    """What a power cut leaves of a folder: what `os.fsync` has made sure of.

    SQLite syncs its files itself, outside of Python; they count as synced.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[int, bytes] = {}  # contents, by inode
        self._names: dict[int, dict[str, os.stat_result]] = {}  # entries of folders, by inode
        self._open: dict[int, int] = {}  # files that are open have an inode of their own, also when they are removed
        self._sync: Callable[[int], None] = os.fsync
        setattr(os, "fsync", self._fsync)  # noqa: B010

    def _fsync(self, handle: int) -> None:
        """Sync, and note what is on the disk from here on."""
        self._sync(handle)
        self._note(handle)

    def _note(self, handle: int) -> None:
        found = os.fstat(handle)
        if found.st_ino not in self._open:
            self._open[found.st_ino] = os.dup(handle)
        if stat.S_ISDIR(found.st_mode):
            with os.scandir(handle) as entries:
                self._names[found.st_ino] = {entry.name: entry.stat(follow_symlinks=False) for entry in entries}
        else:
            self._files[found.st_ino] = Path(f"/proc/self/fd/{handle}").read_bytes()

    def write(self, into: Path) -> None:
        """Write what is left."""
        for file in self.folder.rglob("*.sqlite*"):
            self._files[file.stat().st_ino] = file.read_bytes()
            self._names.setdefault(file.parent.stat().st_ino, {})[file.name] = file.stat()
        top = self._names.get(self.folder.parent.stat().st_ino, {}).get(self.folder.name)
        if top is not None:
            self._write(top, into)

    def _write(self, found: os.stat_result, into: Path) -> None:
        if not stat.S_ISDIR(found.st_mode):
            into.write_bytes(self._files.get(found.st_ino, b""))
            return
        into.mkdir()
        for name, entry in self._names.get(found.st_ino, {}).items():
            self._write(entry, into / name)
