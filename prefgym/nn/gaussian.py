"""Gaussians with a diagonal covariance."""

import math

from torch import Tensor


def gaussian_nll(noise: Tensor, log_std: Tensor) -> Tensor:
    """Return the negative log-probability of each dimension of an action, before summing. Shape as given.

    -log N(a; mean, std) = ((a - mean) / std)^2 / 2 + log std + log(2 pi) / 2

    Args:
        noise: (a - mean) / std.
        log_std: Logarithm of the standard deviation, of a shape that broadcasts.
    """
    return 0.5 * noise.square() + log_std + 0.5 * math.log(2 * math.pi)
