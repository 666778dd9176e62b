"""Rollouts: what an on-policy agent collects between two updates."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from prefgym.segments import Segments


@dataclass(frozen=True, eq=False, kw_only=True)
class Rollout:
    """T steps of N worlds; steps that belong to an autoreset do not occur."""

    obs: Tensor
    """Shape: (T, N, O)."""
    action: Tensor
    """Before clipping to the action space. Shape: (T, N, A)."""
    next_obs: Tensor
    """What the step led to, before any reset. Shape: (T, N, O)."""
    reward: Tensor
    """What the environment paid. Shape: (T, N)."""
    terminated: Tensor
    """Shape: (T, N), bool."""
    truncated: Tensor
    """Shape: (T, N), bool."""
    log_prob: Tensor
    """Under the policy that acted. Shape: (T, N)."""

    @property
    def num_steps(self) -> int:
        """Return T N, the number of environment steps."""
        return self.reward.numel()

    def pay(self, reward: Tensor) -> "Rollout":
        """Replace the reward. Shape: (T, N)."""
        return replace(self, reward=reward)

    def steps(self) -> Segments:
        """View each step as a segment of its own. Batch shape: (T, N)."""
        return Segments(
            obs=torch.stack([self.obs, self.next_obs], -2),
            action=self.action.unsqueeze(-2),
            length=torch.ones_like(self.terminated, dtype=torch.long),
            terminated=self.terminated,
            truncated=self.truncated,
        )


def backward_sum(values: Tensor, decay: Tensor) -> Tensor:
    """Solve y_t = values_t + decay_t y_(t+1) with y_T = 0 along the first axis, in log2(T) vector operations.

    Each round lets every y_t reach twice as far ahead:

    >>> ones = torch.ones(4)
    >>> backward_sum(ones, 0.5 * ones)  # 1 + 1/2 + 1/4 + 1/8, 1 + 1/2 + 1/4, ...
    tensor([1.8750, 1.7500, 1.5000, 1.0000])
    """
    total, reach = values, decay
    shift = 1
    while shift < values.shape[0]:
        pad = torch.zeros_like(values[:shift])
        total = total + reach * torch.cat([total[shift:], pad])
        reach = reach * torch.cat([reach[shift:], pad])
        shift *= 2
    return total
