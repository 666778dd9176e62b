"""Nested values, as environments return them: arrays or tensors, in dicts and tuples."""

from collections.abc import Sequence
from typing import Any, TypeAlias, TypeGuard

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Array: TypeAlias = npt.NDArray[Any]


def is_dict(value: object) -> TypeGuard[dict[str, Any]]:
    """Return whether this is a dict."""
    return isinstance(value, dict)


def is_sequence(value: object) -> TypeGuard[Sequence[Any]]:
    """Return whether this is a tuple or a list."""
    return isinstance(value, tuple | list)


def is_array(value: object) -> TypeGuard[Array]:
    """Return whether this is a NumPy array."""
    return isinstance(value, np.ndarray)


def to_numpy(values: Any) -> Any:  # noqa: ANN401
    """Turn tensors into NumPy arrays, to be read only: they may share memory."""
    if is_dict(values):
        return {key: to_numpy(value) for key, value in values.items()}
    if is_sequence(values):
        return tuple(to_numpy(value) for value in values)
    return values.cpu().numpy() if isinstance(values, Tensor) else values


def same(a: object, b: object) -> bool:
    """Return whether two things are equal to the last bit.

    >>> same({"reward": np.array([0.0])}, {"reward": np.array([0.0])}), same(np.array([0.0]), np.array([-0.0]))
    (True, False)
    """
    if is_dict(a) and is_dict(b):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if is_sequence(a) and is_sequence(b):
        return len(a) == len(b) and all(map(same, a, b))
    if is_array(a) and is_array(b):
        if a.dtype != b.dtype or a.shape != b.shape:
            return False
        return all(map(same, a.flat, b.flat)) if a.dtype == object else a.tobytes() == b.tobytes()
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.device == b.device and same(to_numpy(a), to_numpy(b))
    return type(a) is type(b) and a == b


def rows(values: Any, index: Any) -> Any:  # noqa: ANN401
    """Pick worlds out of batched values.

    Args:
        values: Arrays with the world axis first.
        index: A world, or a mask of worlds.
    """
    if is_dict(values):
        return {key: rows(value, index) for key, value in values.items()}
    if is_sequence(values):
        return tuple(rows(value, index) for value in values)
    return values[torch.as_tensor(index, device=values.device) if isinstance(values, Tensor) else index]


def scribble(values: object) -> None:
    """Overwrite all writable arrays with other values."""
    if is_dict(values):
        scribble(list(values.values()))
    elif is_sequence(values):
        for value in values:
            scribble(value)
    elif isinstance(values, Tensor):
        values.copy_(~values if values.dtype == torch.bool else torch.full_like(values, 77))
    elif is_array(values) and values.dtype == object:
        scribble(list(values.flat))
    elif is_array(values) and values.flags.writeable:
        values[...] = ~values if values.dtype == np.bool_ else 77
