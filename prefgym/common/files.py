"""Files of runs: opened without following links, bounded in size, written atomically, sealed with checksums."""

import errno
import hashlib
import json
import os
import sqlite3
import stat
from collections.abc import Generator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, cast

from safetensors import SafetensorError

from prefgym.common.errors import DamageError, UserError
from prefgym.common.folders import odd
from prefgym.common.schema import PLAIN, checked

SETTINGS_BYTES, JSON_BYTES, LOG_BYTES, ARRAYS_BYTES = 2**18, 2**25, 2**28, 2**34
"""Most bytes of a file of settings, of another JSON file, of a log, and of arrays."""

_SEAL = "seal"


_SEAL_LINE = "# SHA-256 of the lines above: "


@contextmanager
def writing(path: Path) -> Generator[None]:
    """Turn errors of writing, such as a full disk, into a `UserError` that names the path.

    Raises:
        UserError: If the block fails to write.
    """
    try:
        yield
    except (OSError, SafetensorError, sqlite3.Error) as error:
        raise UserError(f"{path} cannot be written: {error}.") from error


def write_text(file: Path, text: str) -> None:
    """Write a file atomically, and wait until it is on the disk.

    Raises:
        UserError: If it cannot be written.
    """
    write_bytes(file, text.encode())


def write_bytes(file: Path, content: bytes) -> None:
    """Write bytes to a file atomically, and wait until they are on the disk.

    Raises:
        UserError: If it cannot be written.
    """
    part = file.with_name(f".{file.name}.part")
    with writing(file):
        part.unlink(missing_ok=True)  # left by an interrupted write; of a link, the link itself
        try:
            with part.open("xb") as opened:  # follows no link
                opened.write(content)
                opened.flush()
                os.fsync(opened.fileno())
            part.replace(file)
        except OSError:  # such as a full disk, which has room again for smaller files
            part.unlink(missing_ok=True)
            raise
        sync(file.parent)


_ENDINGS = (".safetensors", ".json", ".zip")
"""Endings that name one of our files, or what Stable-Baselines3 appends."""


def named(path: Path | str, ending: str) -> Path:
    """Append an ending to a name; dots in the name belong to it, but an ending of a file does not.

    >>> [named(path, ".json").name for path in ("ppo_lr0.001", "ppo.json", "ppo_lr0.001.zip")]
    ['ppo_lr0.001.json', 'ppo.json', 'ppo_lr0.001.json']
    """
    path = Path(path)
    name = path.stem if path.suffix in _ENDINGS else path.name
    return path.with_name(name + ending)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_below(folder: Path, *but: str) -> None:
    """Wait until the files and folders in a folder are on the disk.

    Args:
        folder: The folder.
        *but: Names of entries that are left out.
    """
    for path, folders, files in os.walk(folder, topdown=True):
        if Path(path) == folder:
            folders[:] = [name for name in folders if name not in but]
        for name in files:
            sync(Path(path, name))
        sync(Path(path))


def open_to_change(file: Path) -> BinaryIO:
    """Open a file to append to, or to cut; it is made if it is missing.

    Raises:
        UserError: If it is a link, a hard link or no file.
    """
    if file.is_symlink():
        raise UserError(f"{file} is a link: remove it, or copy its file.")
    with writing(file):
        handle = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
        if (kind := odd(os.fstat(handle))) is not None:
            os.close(handle)
            raise UserError(f"{file} is {kind}: remove it, or copy its file.")
        return os.fdopen(handle, "a+b")


def open_to_read(file: Path, most_bytes: int = ARRAYS_BYTES) -> BufferedReader:
    """Open a plain file of bounded size.

    Raises:
        DamageError: If it is missing, a link, no file, or too large.
    """
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        raise DamageError(f"{file} is missing.") from None
    except OSError as error:
        why = "it is a link" if error.errno == errno.ELOOP else str(error.strerror)
        raise DamageError(f"{file} cannot be read: {why}.") from None
    opened = os.fdopen(handle, "rb") if stat.S_ISREG(os.fstat(handle).st_mode) else None
    if opened is None:
        os.close(handle)
        raise DamageError(f"{file} cannot be read: it is no file.")
    if (size := os.fstat(handle).st_size) > most_bytes:
        opened.close()
        raise DamageError(f"{file} is too large to be what its name says: {size:,} bytes, of {most_bytes:,} at most.")
    return opened


def read_bytes(file: Path, most_bytes: int = JSON_BYTES) -> bytes:
    """Read a plain file of bounded size.

    Raises:
        DamageError: As `open_to_read`.
    """
    with open_to_read(file, most_bytes) as opened:
        return opened.read()


def digest(file: Path) -> str:
    """Return the SHA-256 of a file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def verify(file: Path, expected: str) -> None:
    """Compare a file with its SHA-256.

    Raises:
        DamageError: If it is missing, or its SHA-256 is another.
    """
    with open_to_read(file) as opened:
        if hashlib.file_digest(opened, "sha256").hexdigest() != expected:
            raise DamageError(f"{file} is damaged: its SHA-256 is not the one that was noted.")


def read_json(file: Path, most_bytes: int = JSON_BYTES) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        DamageError: If it is missing, cannot be read, or is nested too deep.
    """
    try:
        content = json.loads(read_bytes(file, most_bytes))
    except (ValueError, RecursionError) as error:
        if isinstance(error, DamageError):
            raise
        content = None
    if not isinstance(content, dict):
        raise DamageError(f"{file} is damaged: it cannot be read.")
    return checked(PLAIN, cast(object, content), file)


def write_sealed_json(file: Path, value: dict[str, Any]) -> None:
    """Write a JSON object together with its SHA-256.

    Raises:
        UserError: If it cannot be written.
    """
    write_text(file, json.dumps({**value, _SEAL: _sum(json.dumps(value))}, indent=2) + "\n")


def read_sealed_json(file: Path) -> dict[str, Any]:
    """Read a JSON object that `write_sealed_json` wrote.

    Raises:
        DamageError: If it is missing, or differs from its SHA-256.
    """
    content = read_json(file)
    seal = content.pop(_SEAL, None)
    if _sum(json.dumps(content)) != seal:
        raise DamageError(f"{file} is damaged: its SHA-256 is not the one it names.")
    return content


def write_sealed_text(file: Path, text: str) -> None:
    """Write lines, and a comment with their SHA-256 below them.

    Raises:
        UserError: If it cannot be written.
    """
    write_text(file, f"{text}{_SEAL_LINE}{_sum(text)}\n")


def read_sealed_text(file: Path) -> str:
    """Read the lines that `write_sealed_text` wrote.

    Raises:
        DamageError: If it is missing, or differs from its SHA-256.
    """
    text, _, seal = read_bytes(file, SETTINGS_BYTES).decode("utf-8", "replace").rpartition(_SEAL_LINE)
    if seal != _sum(text) + "\n":
        raise DamageError(f"{file} is damaged: the SHA-256 in its last line is not that of the lines above.")
    return text


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
