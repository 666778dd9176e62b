"""Arrays by name in safetensors files."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save  # pyright: ignore[reportUnknownVariableType]
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
    write_bytes(file, save({name: array.detach().cpu().contiguous() for name, array in arrays.items()}))


def read_arrays(file: Path) -> dict[str, Tensor]:
    """Read arrays by name.

    Raises:
        DamageError: If the file is missing or damaged, or has arrays of a type that NumPy does not have.
    """
    open_to_read(file).close()
    try:
        arrays = load_file(file)
    except (SafetensorError, OSError, ValueError, KeyError, AttributeError, TypeError, RuntimeError) as error:
        # of safetensors, and of torch about types and sizes that it does not have
        raise DamageError(f"{file} is damaged: it cannot be read: {in_one_line(error)}.") from error
    for name, array in arrays.items():
        if (kind := str(array.dtype)) not in _TYPES:
            raise DamageError(f"{file} is damaged: {name!r} has numbers of the type {kind}, which no file of ours has.")
    return arrays
