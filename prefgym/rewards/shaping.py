"""How a learned reward is normalised, and what becomes of its zero.

Preferences between windows of one length say nothing about a constant added to every step. Where episodes terminate
that constant decides whether living is rewarded. Windows cut at terminations determine it, if normalising leaves zero
alone.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

Shaping = Literal["keep-zero", "centre", "survival-bonus"]
ShiftAndScale = tuple[Tensor, Tensor]


def keep_zero(outputs: Tensor) -> ShiftAndScale:
    """Divide by the deviation and leave zero where it is. Shapes: (E, M) to (E,), (E,)."""
    return torch.zeros_like(outputs[:, 0]), _deviation(outputs)


def centre(outputs: Tensor) -> ShiftAndScale:
    """Also subtract the mean: on average living is worth nothing. Shapes: (E, M) to (E,), (E,)."""
    return outputs.mean(1), _deviation(outputs)


def survival_bonus(outputs: Tensor) -> ShiftAndScale:
    """Let almost every step give: measure it from two deviations below the mean. Shapes: (E, M) to (E,), (E,)."""
    deviation = _deviation(outputs)
    return outputs.mean(1) - 2 * deviation, deviation


def _deviation(outputs: Tensor) -> Tensor:
    return outputs.std(1).clamp_min(1e-6)


SHAPINGS: dict[Shaping, Callable[[Tensor], ShiftAndScale]] = {
    "keep-zero": keep_zero,
    "centre": centre,
    "survival-bonus": survival_bonus,
}
