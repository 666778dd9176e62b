"""Batches of two buffers: the shares of both, and what is rewarded."""

import pytest
import torch

from prefgym.buffers.mixture import Mixture
from prefgym.buffers.replay import Batch, ReplayBuffer
from prefgym.core.segments import Segments


def filled(num_steps: int, reward: float) -> ReplayBuffer:
    """Fill a buffer with steps that are all rewarded alike; the first half of them have action 1, the others 2."""
    buffer = ReplayBuffer(num_steps, 1, 1)
    zeros = torch.zeros(num_steps)
    action = torch.arange(num_steps).mul(2).div(num_steps).floor() + 1
    ended = {"terminated": zeros, "truncated": zeros + 1}
    buffer.extend(
        Batch(obs=zeros[:, None], action=action[:, None], next_obs=zeros[:, None], reward=zeros + reward, **ended)
    )
    return buffer


@pytest.mark.parametrize(("num_demos", "expected"), [(6, [1.0, 1.0, 1.0, 2.0]), (0, [1.0] * 4)])
def test_each_batch_has_its_share_of_demonstrations(num_demos: int, expected: list[float]) -> None:
    """A quarter of four, where there are any; at truncations one step counts, and what follows is discounted once."""
    demos = filled(num_demos, 2.0) if num_demos else ReplayBuffer(0, 1, 1)
    mixture = Mixture(filled(8, 1.0), demos, demo_share=0.25)
    batches, discounts = mixture.sample_ahead(3, 4, torch.Generator().manual_seed(0), 3, 0.5)
    assert batches.reward.tolist() == [expected] * 3
    assert discounts.tolist() == [[0.5] * 4] * 3
    assert batches[1].action.shape == (4, 1)


def test_both_are_relabelled_and_go_on() -> None:
    class Doubled:
        """Rewards twice the action; the only one of its kind."""

        is_fitted = True

        def reward(self, segments: Segments) -> torch.Tensor:
            return 2 * segments.action.squeeze(-1)[None]

    mixture = Mixture(filled(4, 0.0), filled(2, 0.0), demo_share=0.5)
    mixture.relabel(Doubled())  # pyright: ignore[reportArgumentType]
    assert mixture.tried.steps(0, 4).reward.tolist() == [2.0, 2.0, 4.0, 4.0]
    assert mixture.demos.steps(0, 2).reward.tolist() == [2.0, 4.0]
    other = Mixture(ReplayBuffer(4, 1, 1), ReplayBuffer(2, 1, 1), demo_share=0.5)
    other.load_state_dict(mixture.state_dict())
    assert torch.equal(other.tried.steps(0, 4).reward, mixture.tried.steps(0, 4).reward)
    assert torch.equal(other.demos.steps(0, 2).reward, mixture.demos.steps(0, 2).reward)
