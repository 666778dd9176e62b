"""Types of arrays, of environments, and of what recurrent policies remember."""

from typing import Any, TypeAlias

import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
"""An array of any dtype."""
BoolArray: TypeAlias = NDArray[np.bool_]
FloatArray: TypeAlias = NDArray[np.float64]
Env: TypeAlias = VectorEnv[Array, Array, Array]
"""Several environments, stepped at once."""
PolicyState: TypeAlias = tuple[Array, ...] | None
"""What a recurrent policy, or one that plans ahead, remembers; None where there is nothing."""
