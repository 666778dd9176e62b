"""Types of arrays, of environments, and of the states of recurrent policies."""

from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import VectorEnv
from torch import Tensor

from prefgym.common.spaces import Spaces

Array: TypeAlias = npt.NDArray[Any]
"""An array of any dtype."""
BoolArray: TypeAlias = npt.NDArray[np.bool_]
FloatArray: TypeAlias = npt.NDArray[np.float64]
ArrayLike: TypeAlias = npt.ArrayLike | Tensor
"""Anything that can be converted to an array."""
Env: TypeAlias = VectorEnv[Array, Array, Array]
"""Several environments, stepped at once."""
HasSpaces: TypeAlias = Env | gym.Env[Any, Any] | Spaces
"""Objects with an observation and an action space."""
PolicyState: TypeAlias = tuple[Array, ...] | None
"""The state of a recurrent policy, or of one that plans ahead; None where there is none."""
