"""Scores: sums over valid steps, discounted from each segment's own end."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prefgym.core.scores import DiscountedReturn, PartialReturn, masked_return
from prefgym.testing import example_segments


def test_partial_return_sums_valid_steps() -> None:
    """Steps beyond the length do not count, not even a NaN."""
    segments = example_segments(2, num_steps=3)
    rewards = torch.tensor([[1.0, 2.0, 4.0], [1.0, 2.0, torch.nan]])
    segments = replace(segments, length=torch.tensor([3, 2]), reward=rewards)
    assert PartialReturn()(segments).tolist() == [7.0, 3.0]  # 1 + 2 + 4; 1 + 2


def test_discounted_return_counts_from_each_own_end() -> None:
    """Older steps are discounted, however far the segment is padded."""
    segments = example_segments(3, num_steps=3)
    rewards = torch.tensor([[1.0, 2.0, 4.0], [1.0, 2.0, 0.0], [1.0, torch.nan, torch.nan]])
    segments = replace(segments, length=torch.tensor([3, 2, 1]), reward=rewards)
    # gamma = 1/2:  1/4 + 2/2 + 4 = 5.25;  1/2 + 2 = 2.5;  1
    assert DiscountedReturn(0.5)(segments).tolist() == [5.25, 2.5, 1.0]


@given(seed=st.integers(0, 2**31), num_steps=st.integers(1, 8))
def test_gamma_1_is_the_partial_return(seed: int, num_steps: int) -> None:
    """Nothing discounted is the plain sum."""
    segments = example_segments(4, num_steps=num_steps, seed=seed)
    torch.testing.assert_close(DiscountedReturn(1.0)(segments), PartialReturn()(segments))


@given(seed=st.integers(0, 2**31))
def test_gamma_0_is_the_last_reward(seed: int) -> None:
    """All but the last valid step discounted away: 0^0 = 1."""
    segments = example_segments(4, seed=seed)
    assert segments.reward is not None
    last = segments.reward.gather(-1, segments.length.unsqueeze(-1) - 1).squeeze(-1)
    torch.testing.assert_close(DiscountedReturn(0.0)(segments), last.double())


@given(seed=st.integers(0, 2**31), gamma=st.floats(0.0, 1.0), pad=st.integers(0, 4))
def test_padding_changes_nothing(seed: int, gamma: float, pad: int) -> None:
    """A segment padded further scores the same."""
    segments = example_segments(4, num_steps=5, seed=seed)
    assert segments.reward is not None
    longer = example_segments(4, num_steps=5 + pad, seed=seed)
    reward = torch.nn.functional.pad(segments.reward, (0, pad))
    longer = replace(longer, length=segments.length, reward=reward)
    torch.testing.assert_close(DiscountedReturn(gamma)(longer), DiscountedReturn(gamma)(segments))


def test_a_constant_counts_once_a_step() -> None:
    """At equal length a constant reward shifts all scores alike; at unequal length the longer segment gains more."""
    segments = example_segments(2, num_steps=5)
    segments = replace(segments, length=torch.tensor([5, 2]))
    assert segments.reward is not None
    shifted = replace(segments, reward=segments.reward + 10.0)
    gain = PartialReturn()(shifted) - PartialReturn()(segments)
    torch.testing.assert_close(gain, torch.tensor([50.0, 20.0], dtype=torch.float64))


def test_members_are_leading_axes() -> None:
    """Rewards (E, B, K, T) of segments (B, K) give returns (E, B, K)."""
    segments = example_segments(4, 2, num_steps=3)
    returns = masked_return(torch.ones(5, 4, 2, 3), segments)
    assert torch.equal(returns, segments.length.float().expand(5, 4, 2))


def test_segments_without_task_reward_cannot_be_scored() -> None:
    """One clear sentence, not an arithmetic error."""
    with pytest.raises(ValueError, match="carry no task reward"):
        PartialReturn()(example_segments(2).without_truth())
