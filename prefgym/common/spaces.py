"""Observation and action spaces: flattening, requirements, bounds, and serialisation."""

from dataclasses import dataclass
from typing import Any, Self, cast

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Space = gym.Space[Any]


def flat_space(space: Space) -> Space:
    """Return the Box of one axis that values of a space are flattened to: see `flatten`.

    A Box without an axis or with two, a Dict and a Tuple are flattened. Other spaces are returned as they are: pictures
    and choices among a few things are no vectors.
    """
    kept = cast(Any, space)
    of_box = isinstance(space, gym.spaces.Box)
    if (of_box and len(kept.shape) not in (0, 2)) or not (of_box or _entries(space)):
        return kept
    try:
        flat = cast(Any, gym.spaces).flatten_space(space)
    except NotImplementedError:  # of spaces whose values differ in size
        return kept
    return flat if isinstance(cast(object, flat), gym.spaces.Box) else kept


def flatten(space: Space, values: Any, num_batch_axes: int = 0) -> npt.NDArray[Any]:  # noqa: ANN401
    """Flatten values of a space, as everything here does: environments, datasets and policies.

    Entries of a Dict come in the order of the space, which is that of `gymnasium.spaces.flatten`.

    >>> space = gym.spaces.Dict([("z", gym.spaces.Box(0, 1, ())), ("a", gym.spaces.Box(0, 1, (2,)))])
    >>> flatten(space, {"a": [1.0, 2.0], "z": 3.0}).tolist()
    [3.0, 1.0, 2.0]

    Args:
        space: The space.
        values: A value; with batch axes, each array of it has these axes first.
        num_batch_axes: 0 or 1.

    Returns:
        A copy. Shape: (D,) or (N, D).
    """
    if entries := _entries(space):
        return np.concatenate([flatten(part, values[key], num_batch_axes) for key, part in entries.items()], -1)
    if isinstance(space, gym.spaces.Box):
        array = np.array(values, cast(Any, space).dtype)
        return array.reshape(*array.shape[:num_batch_axes], -1)
    each: list[Any] = [gym.spaces.flatten(space, value) for value in (values if num_batch_axes else [values])]
    return np.stack(each) if num_batch_axes else np.asarray(each[0])


def unflatten(space: Space, values: npt.NDArray[Any]) -> Any:  # noqa: ANN401
    """Return the value of a space of Boxes that `flatten` made `values` (D,) of, as a copy."""
    return gym.spaces.unflatten(space, values.copy())


def is_made_of_boxes(space: Space) -> bool:
    """Return whether a space holds numbers only, so that a flat value leads back to one of the space."""
    entries = _entries(space)
    return all(map(is_made_of_boxes, entries.values())) if entries else isinstance(space, gym.spaces.Box)


def _entries(space: Space) -> dict[Any, Space]:
    """Return the spaces that a Dict or a Tuple consists of, by name or number; empty for other spaces."""
    held = cast(Any, space)
    if isinstance(space, gym.spaces.Dict):
        return {**held.spaces}
    return dict(enumerate(cast("tuple[Space, ...]", held.spaces))) if isinstance(space, gym.spaces.Tuple) else {}


def single_spaces(env: Any) -> tuple[gym.spaces.Box, gym.spaces.Box]:  # noqa: ANN401
    """Return the observation and action space of a single environment, also of a vectorised one.

    Raises:
        ValueError: If one of them is not a one-dimensional Box.
    """
    observation = getattr(env, "single_observation_space", None) or env.observation_space
    action = getattr(env, "single_action_space", None) or env.action_space
    for name, space in (("observation", observation), ("action", action)):
        if not isinstance(space, gym.spaces.Box) or len(space.shape) != 1:
            raise ValueError(f"prefgym needs a one-dimensional Box {name} space, but this environment has {space}")
    return observation, cast(gym.spaces.Box, action)


def device_of(env: Any) -> torch.device | None:  # noqa: ANN401
    """Return the device of environments that take and return tensors; None for environments of NumPy arrays."""
    metadata: dict[str, Any] = getattr(env, "metadata", None) or {}
    return metadata.get("device")


def check_arrays(env: Any, name: str) -> None:  # noqa: ANN401
    """Check that environments return NumPy arrays, for agents without support of tensors.

    Raises:
        ValueError: If they return tensors on a device.
    """
    if device_of(env) is not None:
        raise ValueError(
            f"{name} needs environments that return NumPy arrays, not tensors on a device: use backend='cpu'"
        )


def action_bounds(action: gym.spaces.Box) -> tuple[Tensor, Tensor]:
    """Return the smallest and the largest action, as float32. Shapes: (A,), (A,)."""
    return torch.as_tensor(action.low, dtype=torch.float32), torch.as_tensor(action.high, dtype=torch.float32)


def denormalize_action(action: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Map actions from -1..1 to low..high. Shape as given."""
    return (low + (action + 1) / 2 * (high - low)).clamp(low, high)  # rounding may leave the bounds


def normalize_action(action: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Map actions from low..high to -1..1. Shape as given."""
    # a component whose bounds are equal has one value, the middle
    span = torch.where(high > low, high - low, torch.inf)
    return torch.where(high > low, 2 * (action - low) / span - 1, 0.0)


@dataclass(frozen=True)
class Spaces:
    """The spaces of one environment, without the environment: enough to make an agent that only predicts."""

    single_observation_space: gym.spaces.Box
    single_action_space: gym.spaces.Box

    @classmethod
    def of(cls, env: Any) -> Self:  # noqa: ANN401
        """Read the spaces of an environment, single or vectorised."""
        return cls(*single_spaces(env))

    def card(self) -> dict[str, dict[str, list[float | None]]]:
        """Return the bounds for JSON, with null for an infinite one."""

        def bounds(space: gym.spaces.Box) -> dict[str, list[float | None]]:
            sides = (("low", space.low), ("high", space.high))
            return {name: [float(x) if np.isfinite(x) else None for x in side] for name, side in sides}

        return {"observation": bounds(self.single_observation_space), "action": bounds(self.single_action_space)}

    @classmethod
    def of_card(cls, card: dict[str, dict[str, list[float | None]]]) -> Self:
        """Restore spaces from the output of `card`; all bounds are float32."""

        def space(bounds: dict[str, list[float | None]]) -> gym.spaces.Box:
            low, high = (
                np.array([without if x is None else x for x in bounds[name]], np.float32)
                for name, without in (("low", -np.inf), ("high", np.inf))
            )
            return gym.spaces.Box(low, high, dtype=np.float32)

        return cls(space(card["observation"]), space(card["action"]))
