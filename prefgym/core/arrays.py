"""Types of arrays, of environments, and of what recurrent policies remember."""

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
"""Whatever can be made an array."""
Env: TypeAlias = VectorEnv[Array, Array, Array]
"""Several environments, stepped at once."""
HasSpaces: TypeAlias = Env | gym.Env[Any, Any] | Spaces
"""What observation and action spaces can be read from."""
PolicyState: TypeAlias = tuple[Array, ...] | None
"""What a recurrent policy, or one that plans ahead, remembers; None where there is nothing."""
