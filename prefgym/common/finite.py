"""Checks that numbers are finite; the error names the part and keeps its arrays."""

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from prefgym.common.errors import NotFiniteError as NotFiniteError

Values: TypeAlias = Tensor | npt.NDArray[Any]


def check_finite(part: str, values: Values, **given: Values) -> None:
    """Raise if a value is not finite.

    Args:
        part: The source of the values, as the subject of a sentence.
        values: The values to check.
        **given: Inputs of the part, kept in the error for diagnosis.

    Raises:
        NotFiniteError: If one is a NaN or an infinity.
    """
    if isinstance(values, Tensor):
        # one operation instead of two: a finite sum has finite terms; an infinite one may have overflowed
        if math.isfinite(values.sum().item()) or torch.isfinite(values).all():
            return
    elif np.isfinite(values).all():
        return
    raise NotFiniteError(part, {"values": values, **given})
