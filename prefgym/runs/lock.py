"""The lock of a run folder: held by the process that writes to it, whose number and host it names."""

import fcntl
import json
import os
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple

from prefgym.common.errors import UserError
from prefgym.common.files import open_to_change, open_to_read

LOCK = ".lock"
"""Name of the file."""

_MOST_BYTES = 1000
_PATIENCE_S = 0.5
"""Seconds to wait for a process that only looks whether the lock is held."""


class Holder(NamedTuple):
    """The process that holds a lock, or held it until it was killed."""

    pid: int
    host: str


def lock(folder: Path) -> BinaryIO:
    """Lock a folder against other writers until `unlock`, or until this process ends.

    Raises:
        UserError: If another process holds the lock, or the file of the lock is a link.
    """
    file = open_to_change(folder / LOCK)
    deadline = time.monotonic() + _PATIENCE_S
    while not _take(file, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            file.close()
            raise UserError(f"{folder} is being written by another process.")
        time.sleep(_PATIENCE_S / 10)
    file.truncate(0)
    file.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode())
    file.flush()
    return file


def unlock(file: BinaryIO) -> None:
    """Release a lock, and name nobody in its file."""
    file.truncate(0)
    file.close()


@contextmanager
def locked(folder: Path) -> Generator[None]:
    """Lock a folder within the context.

    Raises:
        UserError: As `lock`.
    """
    held = lock(folder)
    try:
        yield
    finally:
        unlock(held)


def is_held(folder: Path) -> bool:
    """Return whether a process holds the lock of a folder.

    Raises:
        UserError: If the file of the lock is a link.
    """
    if not (folder / LOCK).exists():
        return False
    with open_to_read(folder / LOCK) as file:
        return not _take(file, fcntl.LOCK_SH)


def holder_of(folder: Path) -> Holder | None:
    """Return the process that the lock of a folder names; None if it was released, or is of an earlier version.

    Raises:
        UserError: If the file of the lock is a link.
    """
    if not (folder / LOCK).exists():
        return None
    with open_to_read(folder / LOCK) as file:
        text = file.read(_MOST_BYTES).decode("utf-8", "replace")
    try:
        named = json.loads(text)
        return Holder(int(named["pid"]), str(named["host"]))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def is_here(holder: Holder) -> bool:
    """Return whether a process is one of this machine."""
    return holder.host == socket.gethostname()


def has_open(pid: int, file: Path) -> bool:
    """Return whether a process of this machine has a file open; true where the system does not say."""
    if not Path("/proc/self/fd").is_dir():
        return True
    try:
        handles = [Path(f"/proc/{pid}/fd", name) for name in os.listdir(f"/proc/{pid}/fd")]
    except OSError:  # no such process, or one of somebody else
        return False
    return any(handle.exists() and handle.samefile(file) for handle in handles)


def _take(file: IO[bytes], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
