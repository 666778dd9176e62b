"""The replay buffer against a list, and relabelling the past after the ring has wrapped."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from prefgym.buffers.replay import Batch, ReplayBuffer
from prefgym.common.finite import NotFiniteError
from prefgym.core.rollout import Rollout
from prefgym.core.segments import Segments


class Sum:
    """Thinks a step is worth its observation, ten times its action, and a hundred times what it led to."""

    def __init__(self, bad: float = 0.0) -> None:
        self.bad = bad

    def reward(self, segments: Segments) -> Tensor:
        """Return the worth of each step. Shape: (1, ..., T)."""
        obs, next_obs = segments.obs[..., :-1, 0], segments.obs[..., 1:, 0]
        return (obs + 10 * segments.action[..., 0] + 100 * next_obs + self.bad)[None]


def rollout(first: int, num_steps: int, num_envs: int) -> Rollout:
    """Make steps whose observation is their number; every third terminates, every fifth is cut."""
    number = first + torch.arange(num_steps * num_envs, dtype=torch.float32).view(num_steps, num_envs)
    return Rollout(
        obs=number[..., None],
        action=torch.full((num_steps, num_envs, 1), 9.0),
        executed=number[..., None] / 8,
        next_obs=number[..., None] + 0.5,
        reward=-number,
        terminated=number % 3 == 0,
        truncated=number % 5 == 0,
        log_prob=torch.zeros_like(number),
    )


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 3)), min_size=1, max_size=8), st.integers(1, 20))
def test_it_keeps_the_latest_steps_as_a_list_would(sizes: list[tuple[int, int]], capacity: int) -> None:
    buffer, seen = ReplayBuffer(capacity, 1, 1), list[float]()
    for num_steps, num_envs in sizes:
        new = rollout(len(seen), num_steps, num_envs)
        buffer.add(new)
        seen += new.obs.flatten().tolist()
    kept = buffer.steps(0, len(buffer))
    assert sorted(kept.obs[:, 0].tolist()) == seen[-capacity:]
    assert torch.equal(kept.next_obs, kept.obs + 0.5)  # rows are kept together
    assert torch.equal(kept.action * 8, kept.obs)
    assert torch.equal(kept.reward, -kept.obs[:, 0])
    assert torch.equal(kept.terminated.bool(), kept.obs[:, 0] % 3 == 0)
    assert torch.equal(kept.truncated.bool(), kept.obs[:, 0] % 5 == 0)


def test_all_steps_are_relabelled_also_after_it_wrapped() -> None:
    """7 of 10 steps are kept, the last three in front: the reference of 2021 relabelled only these three."""
    buffer = ReplayBuffer(7, 1, 1)
    buffer.add(rollout(0, 10, 1))
    buffer.relabel(Sum())  # pyright: ignore[reportArgumentType]
    kept = buffer.steps(0, 7)
    # obs + 10 obs / 8 + 100 (obs + 1/2)
    assert torch.allclose(kept.reward, 102.25 * kept.obs[:, 0] + 50)
    assert torch.equal(kept.reward, Sum().reward(kept.segments())[0, :, 0])


def test_a_reward_that_is_not_finite_is_named() -> None:
    buffer = ReplayBuffer(7, 1, 1)
    buffer.add(rollout(0, 2, 2))
    with pytest.raises(NotFiniteError, match="the learned reward is not finite"):
        buffer.relabel(Sum(np.nan))  # pyright: ignore[reportArgumentType]


def test_every_step_is_drawn() -> None:
    """200 draws miss one of 6 steps with a probability below 1e-14."""
    buffer = ReplayBuffer(100, 1, 1)
    buffer.add(rollout(0, 3, 2))
    drawn = buffer.sample((20, 10), torch.Generator().manual_seed(0))
    assert drawn.obs.shape == (20, 10, 1)
    assert set(drawn.obs.flatten().tolist()) == {0.0, 1.0, 2.0, 3.0, 4.0, 5.0}


def test_it_goes_on_from_its_state() -> None:
    buffer, other = ReplayBuffer(7, 1, 1), ReplayBuffer(7, 1, 1)
    buffer.add(rollout(0, 9, 1))
    other.load_state_dict(buffer.state_dict())
    for each in (buffer, other):
        each.add(rollout(9, 2, 1))
    assert torch.equal(buffer.steps(0, 7).obs, other.steps(0, 7).obs)


@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(4, 40), st.integers(0, 2**16))
def test_what_followed_is_summed_as_a_loop_would(
    num_rollouts: int, num_envs: int, n_step: int, capacity: int, seed: int
) -> None:
    """Step by step in an env: until an episode ends, until n steps are summed, or until nothing is known yet."""
    buffer, seen = ReplayBuffer(capacity, 1, 1), 0
    for _ in range(num_rollouts):
        buffer.add(rollout(seen, 5, num_envs))
        seen += 5 * num_envs
    drawn, discount = buffer.sample_ahead((50,), torch.Generator().manual_seed(seed), n_step, 0.5)
    for index, first in enumerate(drawn.obs[:, 0].int().tolist()):
        total, step, count = 0.0, first, 0
        while True:
            total, count = total - step * 0.5**count, count + 1
            if step % 3 == 0 or step % 5 == 0 or count == n_step or step + num_envs >= seen:
                break
            step += num_envs
        assert float(drawn.reward[index]) == pytest.approx(total)
        assert float(discount[index]) == 0.5**count
        assert float(drawn.next_obs[index]) == step + 0.5
        assert float(drawn.action[index]) == first / 8
        assert bool(drawn.terminated[index]) == (step % 3 == 0)
        assert bool(drawn.truncated[index]) == (step % 5 == 0)


def test_nothing_is_summed_across_a_cut() -> None:
    """Two rollouts of two environments; after the first, the environments were reset."""
    buffer = ReplayBuffer(100, 1, 1)
    buffer.mark_truncated()  # of nothing
    buffer.add(replace(rollout(0, 1, 2), terminated=torch.zeros(1, 2).bool(), truncated=torch.zeros(1, 2).bool()))
    buffer.mark_truncated()
    buffer.add(rollout(2, 3, 2))
    drawn, discount = buffer.sample_ahead((200,), torch.Generator().manual_seed(0), 3, 0.5)
    first = drawn.obs[:, 0] < 2
    assert first.any() and (discount[first] == 0.5).all() and drawn.truncated[first].all()
    assert (discount[~first] < 0.5).any()
    buffer.clear_rewards()
    assert not buffer.steps(0, 8).reward.any()


def test_learners_do_not_see_what_is_the_agents_own() -> None:
    """Observations of two numbers, of which learners see the first; these count what they see."""

    class Width(Sum):
        def reward(self, segments: Segments) -> Tensor:
            return super().reward(segments) + segments.obs.shape[-1]

    ours = rollout(0, 3, 2)
    obs, next_obs = (torch.cat([x, x + 1000], -1) for x in (ours.obs, ours.next_obs))
    buffer, plain = ReplayBuffer(7, 2, 1, num_seen=1), ReplayBuffer(7, 1, 1)
    buffer.add(replace(ours, obs=obs, next_obs=next_obs))
    plain.add(ours)
    buffer.relabel(Width())  # pyright: ignore[reportArgumentType]
    plain.relabel(Width())  # pyright: ignore[reportArgumentType]
    assert torch.equal(buffer.steps(0, 6).reward, plain.steps(0, 6).reward)


def test_valid_steps_of_segments_are_listed() -> None:
    """The first has two steps and terminated, the second three and was cut off."""
    segments = Segments(
        obs=torch.arange(8.0).view(2, 4, 1),
        action=10 * torch.arange(6.0).view(2, 3, 1),
        length=torch.tensor([2, 3]),
        terminated=torch.tensor([True, False]),
        truncated=torch.tensor([False, True]),
        reward=torch.tensor([[1.0, 2.0, 99.0], [3.0, 4.0, 5.0]]),
    )
    steps = Batch.of(segments)
    assert steps.obs[:, 0].tolist() == [0, 1, 4, 5, 6]
    assert steps.next_obs[:, 0].tolist() == [1, 2, 5, 6, 7]
    assert steps.action[:, 0].tolist() == [0, 10, 30, 40, 50]
    assert steps.reward.tolist() == [1, 2, 3, 4, 5]
    assert steps.terminated.tolist() == [0, 1, 0, 0, 0]
    assert steps.truncated.tolist() == [0, 0, 0, 0, 1]
    assert Batch.of(segments.without_truth()).reward.tolist() == [0] * 5
    buffer = ReplayBuffer(4, 1, 1)
    buffer.extend(steps)
    assert sorted(buffer.steps(0, 4).obs[:, 0].tolist()) == [1, 4, 5, 6]
