"""Files that are written atomically, with checksums that detect damage."""

import hashlib
import json
import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError

from prefgym.common.errors import DamageError, UserError

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
        part.write_bytes(content)
        sync(part)
        part.replace(file)
        sync(file.parent)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def digest(file: Path) -> str:
    """Return the SHA-256 of a file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def verify(file: Path, expected: str) -> None:
    """Compare a file with its SHA-256.

    Raises:
        DamageError: If it is missing, or its SHA-256 is another.
    """
    if not file.is_file():
        raise DamageError(f"{file} is missing.")
    if digest(file) != expected:
        raise DamageError(f"{file} is damaged: its SHA-256 is not the one that was noted.")


def read_json(file: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        DamageError: If it is missing or cannot be read.
    """
    if not file.is_file():
        raise DamageError(f"{file} is missing.")
    try:
        content = json.loads(file.read_bytes())
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise DamageError(f"{file} is damaged: it cannot be read.")
    return cast(dict[str, Any], content)


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
    if not file.is_file():
        raise DamageError(f"{file} is missing.")
    text, _, seal = file.read_bytes().decode("utf-8", "replace").rpartition(_SEAL_LINE)
    if seal != _sum(text) + "\n":
        raise DamageError(f"{file} is damaged: the SHA-256 in its last line is not that of the lines above.")
    return text


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
