"""Scores: a number per segment, from the task reward."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from prefgym.core.segments import Segments


def masked_return(reward: Tensor, segments: Segments, gamma: float = 1.0) -> Tensor:
    """Sum a reward over the valid steps, older steps discounted.

    A segment of 3 valid steps with gamma = 0.5 returns 0.25 r0 + 0.5 r1 + r2, however far it is padded.

    Args:
        reward: Reward of each step; values beyond a segment's length are ignored. Shape: (E, ..., T) or (..., T).
        segments: The segments that `reward` belongs to. Batch shape: (...).
        gamma: Discount factor per step.

    Returns:
        The segments' returns. Shape: (E, ...) or (...).
    """
    reward = reward.masked_fill(~segments.mask.to(reward.device), 0.0)
    if gamma == 1.0:
        return reward.sum(-1)
    # G = sum_t gamma^(L - 1 - t) r_t, where L is the segment's own length
    steps = torch.arange(segments.num_steps, device=reward.device)
    age = (segments.length.to(reward.device).unsqueeze(-1) - 1 - steps).clamp(min=0)
    return (reward * gamma ** age.to(reward)).sum(-1)


@dataclass(frozen=True)
class PartialReturn:
    """Score a segment by the sum of its task reward.

    Length counts: of two segments with the same reward per step, the longer one scores more if that reward is positive.
    """

    def __call__(self, segments: Segments) -> Tensor:
        """Score segments; the result has their batch shape.

        Raises:
            ValueError: If the segments carry no task reward.
        """
        return masked_return(_task_reward(segments), segments)


@dataclass(frozen=True)
class DiscountedReturn:
    """Score a segment by the sum of its task reward, with older steps discounted.

    The discount counts from each segment's own last valid step. Length counts as for `PartialReturn`, less so the
    smaller `gamma` is.
    """

    gamma: float
    """Discount factor per step back from the end."""

    def __call__(self, segments: Segments) -> Tensor:
        """Score segments; the result has their batch shape.

        Raises:
            ValueError: If the segments carry no task reward.
        """
        return masked_return(_task_reward(segments), segments, self.gamma)


@dataclass(frozen=True)
class PeakEnd:
    """Score a segment by its best step and its last one, the peak-end rule of human memory (Kahneman et al., 1993).

    No sum of per-step rewards equals this score.
    """

    peak: float
    """Weight of the best step; the last one has the rest."""

    def __call__(self, segments: Segments) -> Tensor:
        """Score segments; the result has their batch shape.

        Raises:
            ValueError: If the segments carry no task reward.
        """
        reward = _task_reward(segments)
        best = reward.masked_fill(~segments.mask.to(reward.device), -torch.inf).amax(-1)
        last = reward.gather(-1, (segments.length.to(reward.device) - 1).unsqueeze(-1)).squeeze(-1)
        return self.peak * best + (1 - self.peak) * last


class Values(NamedTuple):
    """Values of the first and last states of segments."""

    first: Tensor
    """V of the state before the first step. Shape: (...,)."""
    last: Tensor
    """V of the state after the last valid step; ignored after a termination. Shape: (...,)."""


def minus_regret(values: Values, segments: Segments, gamma: float) -> Tensor:
    """Return minus the regret of segments in a deterministic environment.

    Knox et al., arXiv:2206.02231, eq. 3, with the discount of V; it equals the sum of advantages:

        sum_t gamma^t r_t + gamma^L V(s_L) - V(s_0),  where V(s_L) = 0 after a termination

    Regret does not grow with length: an expert's segment has none.

    Args:
        values: V of the first and the last state.
        segments: Segments with their task reward.
        gamma: Discount of V.

    Returns:
        Shape: (...,).

    Raises:
        ValueError: If the segments carry no task reward.
    """
    returned = forward_return(_task_reward(segments), segments, gamma)
    last = values.last.masked_fill(segments.terminated, 0.0)
    return returned + gamma ** segments.length.double() * last - values.first


def advantage_sum(value: Tensor, action_value: Tensor, segments: Segments, gamma: float) -> Tensor:
    """Return minus the regret of segments in a stochastic environment (eq. 4): sum_t gamma^t (Q(s_t, a_t) - V(s_t)).

    Args:
        value: V before each step. Shape: (..., T).
        action_value: Q of each step. Shape: (..., T).
        segments: The segments of these values.
        gamma: Discount of V and Q.

    Returns:
        Shape: (...,).
    """
    return forward_return((action_value - value).double(), segments, gamma)


def forward_return(reward: Tensor, segments: Segments, gamma: float) -> Tensor:
    """Sum a reward over the valid steps, later steps discounted: sum_t gamma^t r_t.

    Args:
        reward: Reward of each step; values beyond a segment's length are ignored. Shape: (..., T).
        segments: The segments that `reward` belongs to. Batch shape: (...).
        gamma: Discount factor per step.

    Returns:
        Shape: (...,).
    """
    weights = gamma ** torch.arange(segments.num_steps, dtype=torch.float64, device=reward.device)
    return (reward.masked_fill(~segments.mask.to(reward.device), 0.0) * weights).sum(-1)


def _task_reward(segments: Segments) -> Tensor:
    if segments.reward is None:
        raise ValueError(
            "the segments carry no task reward to score them by: score them before without_truth() drops it"
        )
    return segments.reward.double()
