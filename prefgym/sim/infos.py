"""Infos of vector environments: an array for each key, and a mask of the worlds that have it."""

from typing import Any, cast

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
BoolArray = npt.NDArray[np.bool_]


def masked(values: dict[str, Array], mask: BoolArray) -> dict[str, Any]:
    """Pair each entry with the mask of the worlds that have it; the others get zeros, in place.

    This is what `gymnasium.vector.VectorEnv` makes of the infos of single environments:

    >>> masked({"x_position": np.array([0.5, 0.7])}, np.array([True, False]))
    {'x_position': array([0.5, 0. ]), '_x_position': array([ True, False])}
    """
    outside = (~mask).nonzero()[0]
    infos: dict[str, Any] = {}
    for name, value in values.items():
        value[outside] = 0
        infos[name] = value
        infos["_" + name] = mask
    return infos


def final_observations(observations: Array, ended: BoolArray, dtype: np.dtype[Any]) -> Array:
    """Copy the observations of worlds that ended into an array of arrays, None elsewhere. Shape: (N,), object."""
    final = np.full(len(ended), None, object)
    for world in ended.nonzero()[0]:
        final[world] = observations[world].astype(dtype)
    return final


def check_mask(mask: Any, num_worlds: int) -> BoolArray:  # noqa: ANN401
    """Return a copy of a reset mask, validated as `SyncVectorEnv` does.

    Raises:
        TypeError: If it is not a NumPy array of bools.
        ValueError: If its shape is not (N,), or it is True nowhere.
    """
    if not isinstance(mask, np.ndarray):
        raise TypeError(f"options['reset_mask'] must be a NumPy array, not {type(mask).__name__}")
    array = cast(Array, mask)
    if array.shape != (num_worlds,):
        raise ValueError(f"options['reset_mask'] must have shape ({num_worlds},), not {array.shape}")
    if array.dtype != np.bool_:
        raise TypeError(f"options['reset_mask'] must have dtype bool, not {array.dtype}")
    if not array.any():
        raise ValueError("options['reset_mask'] must be True somewhere")
    return array.copy()
