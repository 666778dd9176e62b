"""Arrays by name in safetensors files."""

from collections.abc import Callable, Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, load_file, save  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor

from prefgym.common.errors import DamageError, in_one_line
from prefgym.common.files import open_to_read, write_bytes

_TYPES = frozenset(
    f"torch.{kind}"
    for kind in (
        *("bool", "float16", "float32", "float64"),
        *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    )
)
"""Types that NumPy has, too."""


def write_arrays(file: Path, arrays: Mapping[str, Tensor]) -> None:
    """Write arrays by name, atomically.

    Raises:
        UserError: If they cannot be written.
    """
    write_bytes(file, packed(arrays))


def packed(arrays: Mapping[str, Tensor]) -> bytes:
    """Return the content of a file of arrays."""
    return save(apart(arrays))


def apart(arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copy arrays that share memory with one before them, which safetensors refuses; others only where they must be."""
    seen: set[int] = set()
    separate: dict[str, Tensor] = {}
    for name, array in arrays.items():
        array = array.detach().cpu().contiguous()
        shares = (place := array.untyped_storage().data_ptr()) in seen
        separate[name] = array.clone() if shares else array
        seen.add(place)
    return separate


def read_arrays(file: Path) -> dict[str, Tensor]:
    """Read arrays by name.

    Raises:
        DamageError: If the file is missing or damaged, or has arrays of a type that NumPy does not have.
    """
    open_to_read(file).close()
    return _loaded(lambda: load_file(file), str(file))


def unpacked(content: bytes, name: str) -> dict[str, Tensor]:
    """Read arrays from the content of a file.

    Args:
        content: What `packed` returned.
        name: What it is, for messages.

    Raises:
        DamageError: If it is damaged, or has arrays of a type that NumPy does not have.
    """
    return _loaded(lambda: load(content), name)


def _loaded(read: Callable[[], dict[str, Tensor]], name: str) -> dict[str, Tensor]:
    try:
        arrays = read()
    except (SafetensorError, OSError, ValueError, KeyError, AttributeError, TypeError, RuntimeError) as error:
        # of safetensors, and of torch about types and sizes that it does not have
        raise DamageError(f"{name} is damaged: it cannot be read: {in_one_line(error)}.") from error
    for array_name, array in arrays.items():
        if (kind := str(array.dtype)) not in _TYPES:
            raise DamageError(
                f"{name} is damaged: {array_name!r} has numbers of the type {kind}, which no file of ours has."
            )
    return arrays
