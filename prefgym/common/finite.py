"""What is not finite stops a run, and is named."""

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Values: TypeAlias = Tensor | npt.NDArray[Any]


class NotFiniteError(ValueError):
    """A part gave a NaN or an infinity."""

    def __init__(self, part: str, arrays: dict[str, Values]) -> None:
        """Name the part, and keep what helps to see why.

        Args:
            part: What is not finite, as the subject of a sentence.
            arrays: What it gave, and what it was given, by name.
        """
        super().__init__(f"{part} is not finite")
        self.part, self.arrays = part, arrays


def check_finite(part: str, values: Values, **given: Values) -> None:
    """Raise if a value is not finite.

    Args:
        part: What gave the values, as the subject of a sentence.
        values: What it gave.
        **given: What it was given, to be looked at if it is not.

    Raises:
        NotFiniteError: If one is a NaN or an infinity.
    """
    if isinstance(values, Tensor):
        # a sum is finite only if all in it are, and is one operation; where it is not, it may have overflowed
        if math.isfinite(values.sum().item()) or torch.isfinite(values).all():
            return
    elif np.isfinite(values).all():
        return
    raise NotFiniteError(part, {"values": values, **given})
