"""Running mean and variance of inputs."""

from typing import Any

import torch
from torch import Tensor, nn


class RunningNorm(nn.Module):
    """Normalise by the mean and variance of all values so far.

    Reference: Chan, Golub, LeVeque (1979), the parallel form of Welford's update.
    """

    mean: Tensor
    var: Tensor
    count: Tensor

    def __init__(self, size: int, clip: float = 10.0) -> None:
        super().__init__()
        self.clip = clip
        self.register_buffer("mean", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("var", torch.ones(size, dtype=torch.float64))
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("_shift", torch.zeros(size), persistent=False)
        self.register_buffer("_scale", torch.ones(size), persistent=False)
        self._cache()

    @torch.no_grad()
    def update(self, values: Tensor) -> None:
        """Update mean and variance with more values. Shape: (..., size)."""
        values = values.reshape(-1, values.shape[-1]).double()
        count = values.shape[0]
        total = self.count + count
        delta = values.mean(0) - self.mean
        # M2 = M2_a + M2_b + delta^2 n_a n_b / (n_a + n_b)
        m2 = self.var * self.count + values.var(0, correction=0) * count + delta**2 * self.count * count / total
        self.mean += delta * count / total
        self.var.copy_(m2 / total)
        self.count.copy_(total)
        self._cache()

    def _cache(self) -> None:
        self._shift, self._scale = self.mean.float(), (self.var + 1e-8).rsqrt().float()

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super()._load_from_state_dict(*args, **kwargs)  # pyright: ignore[reportUnknownMemberType]
        self._cache()

    def forward(self, values: Tensor) -> Tensor:
        """Return (x - mean) / std, clipped. Shape as given."""
        return ((values - self._shift) * self._scale).clamp(-self.clip, self.clip)
