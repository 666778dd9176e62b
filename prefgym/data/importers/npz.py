"""Arrays out of `.npz` files, whose headers are checked before anything is allocated."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, cast
from zipfile import ZipFile

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from prefgym.common.errors import UserError, read_as
from prefgym.common.files import open_to_read
from prefgym.common.memory import check_fits

Array = npt.NDArray[Any]
NPZ_BYTES = 2**32
"""Most bytes of the file."""


def read_npz(file: Path, names: Iterable[str], optional: Iterable[str] = ()) -> dict[str, Array]:
    """Read arrays of plain numbers by name.

    Args:
        file: The file, as `numpy.savez` or `numpy.savez_compressed` writes it.
        names: Arrays that it must have.
        optional: Arrays that it may have.

    Raises:
        DamageError: If it is missing, damaged, or an array holds objects or is not as large as it says.
        UserError: If an array is missing, or they do not fit into the memory.
    """
    with open_to_read(file, NPZ_BYTES) as opened, read_as(f"{file} cannot be read"), ZipFile(opened) as archive:
        members = {one.filename.removesuffix(".npy"): one for one in archive.infolist()}
        if missing := [name for name in names if name not in members]:
            raise UserError(f"{file} has no array {missing[0]}: it has {', '.join(sorted(members)[:10]) or 'none'}.")
        wanted = {name: members[name] for name in (*names, *optional) if name in members}
        check_fits(f"the arrays of {file}", sum(one.file_size for one in wanted.values()), "import fewer answers")
        arrays: dict[str, Array] = {}
        for name, member in wanted.items():
            with archive.open(member) as header:
                _check_header(name, cast(BinaryIO, header), member.file_size)
            with archive.open(member) as content:
                arrays[name] = npy.read_array(content, allow_pickle=False)
        return arrays


def _check_header(name: str, opened: BinaryIO, num_bytes: int) -> None:
    """Check that an array holds plain numbers, as many as the archive says.

    Raises:
        ValueError: If it does not.
    """
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    reader = readers.get(npy.read_magic(opened))
    shape, _, kind = reader(opened) if reader else ((), False, np.dtype(object))
    if kind.kind not in "biuf":
        raise ValueError(f"the array {name} does not hold plain numbers")
    said = opened.tell() + math.prod(shape) * kind.itemsize
    if said != num_bytes:
        raise ValueError(f"the array {name} says that it has {said:,} bytes, and has {num_bytes:,}")
