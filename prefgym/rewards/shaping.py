"""Normalisation of a learned reward: its scale and its zero.

Preferences between windows of one length say nothing about a constant added to every step. Where episodes terminate
that constant decides whether survival is rewarded. Windows shortened at terminations determine it, if normalising keeps
zero.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

Shaping = Literal["keep-zero", "centre", "survival-bonus"]
ShiftAndScale = tuple[Tensor, Tensor]


def keep_zero(outputs: Tensor) -> ShiftAndScale:
    """Divide by the standard deviation, and keep zero. Shapes: (E, M) to (E,), (E,)."""
    return torch.zeros_like(outputs[:, 0]), _deviation(outputs)


def centre(outputs: Tensor) -> ShiftAndScale:
    """Also subtract the mean, so that survival has reward 0 on average. Shapes: (E, M) to (E,), (E,)."""
    return outputs.mean(1), _deviation(outputs)


def survival_bonus(outputs: Tensor) -> ShiftAndScale:
    """Make almost every reward positive: move zero to two deviations below the mean. Shapes: (E, M) to (E,), (E,)."""
    deviation = _deviation(outputs)
    return outputs.mean(1) - 2 * deviation, deviation


def _deviation(outputs: Tensor) -> Tensor:
    return outputs.std(1).clamp_min(1e-6)


SHAPINGS: dict[Shaping, Callable[[Tensor], ShiftAndScale]] = {
    "keep-zero": keep_zero,
    "centre": centre,
    "survival-bonus": survival_bonus,
}
