"""Rollouts and sums over time."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from prefgym.core.rollout import EpisodeReturns, Rollout, backward_sum, forward_sum

UNIT = st.floats(0, 1)


@given(values=st.lists(st.tuples(st.floats(-5, 5), UNIT), min_size=1, max_size=33))
def test_sums_agree_with_a_loop(values: list[tuple[float, float]]) -> None:
    """Doubling gives what going through the steps one by one gives, in both directions."""
    x, decay = torch.tensor(values, dtype=torch.float64).T
    ahead, back, total = [0.0] * len(values), [0.0] * len(values), 0.0
    for t in reversed(range(len(values))):
        total = ahead[t] = values[t][0] + values[t][1] * total
    total = 2.0
    for t in range(len(values)):
        total = back[t] = values[t][0] + values[t][1] * total
    torch.testing.assert_close(backward_sum(x, decay), torch.tensor(ahead, dtype=torch.float64))
    torch.testing.assert_close(
        forward_sum(x, decay, torch.tensor(2.0, dtype=torch.float64)), torch.tensor(back, dtype=torch.float64)
    )


def make_rollout(reward: list[list[float]], terminated: list[list[bool]]) -> Rollout:
    """Make a rollout of one-dimensional observations that are all 0."""
    rewards, ended = torch.tensor(reward), torch.tensor(terminated)
    zeros = torch.zeros(*rewards.shape, 1)
    return Rollout(
        obs=zeros,
        action=zeros + 2,
        executed=zeros + 1,
        next_obs=zeros,
        reward=rewards,
        terminated=ended,
        truncated=torch.zeros_like(ended),
        log_prob=torch.zeros_like(rewards),
    )


def test_episode_returns_run_across_rollouts() -> None:
    """One env is rewarded 1, 2 | 3, 4 | and ends after the third step: 1 + 2 + 3 = 6; 4 belongs to the next episode."""
    returns = EpisodeReturns()
    returns.add(make_rollout([[1.0], [2.0]], [[False], [False]]))
    assert returns.mean is None
    returns.add(make_rollout([[3.0], [4.0]], [[True], [False]]))
    assert returns.mean == 6.0
    returns.add(make_rollout([[5.0], [0.0]], [[True], [False]]))
    assert returns.mean == (6.0 + 9.0) / 2


def test_steps_are_segments_of_one_step() -> None:
    """Each step sees the observation before and after it, the action as it was executed, and no task reward."""
    steps = make_rollout([[1.0], [2.0]], [[False], [True]]).steps()
    assert steps.batch_shape == (2, 1)
    assert steps.num_steps == 1
    assert steps.reward is None
    assert steps.action.flatten().tolist() == [1.0, 1.0]
    assert steps.terminated.tolist() == [[False], [True]]


def test_fragments_are_those_of_a_loop_over_envs_and_steps() -> None:
    """Ends lie anywhere, at the last step as well; each step finds its fragment."""
    generator = torch.Generator().manual_seed(0)
    num_steps, num_envs = 7, 3
    number = torch.arange(num_steps * num_envs, dtype=torch.float32).view(num_steps, num_envs)
    terminated = torch.rand(num_steps, num_envs, generator=generator) < 0.2
    truncated = (torch.rand(num_steps, num_envs, generator=generator) < 0.2) & ~terminated
    told = Rollout(
        obs=number[..., None],
        action=torch.zeros(num_steps, num_envs, 1),
        executed=-number[..., None],
        next_obs=number[..., None] + 0.5,
        reward=number,
        terminated=terminated,
        truncated=truncated,
        log_prob=number,
    )
    fragments, fragment = told.fragments()
    slow = list[list[tuple[int, int]]]()
    for index in range(num_envs):
        slow.append([])
        for step in range(num_steps):
            slow[-1].append((step, index))
            if (terminated | truncated)[step, index] and step < num_steps - 1:
                slow.append([])
    assert fragments.batch_shape == (len(slow),)
    for index, steps in enumerate(slow):
        one, last = fragments[index], steps[-1]
        assert one.length.item() == len(steps)
        assert one.obs[: len(steps) + 1, 0].tolist() == [
            float(number[steps[0]]), *(float(number[at]) + 0.5 for at in steps)
        ]  # fmt: skip
        assert one.action[: len(steps), 0].tolist() == [-float(number[at]) for at in steps]
        assert (bool(one.terminated), bool(one.truncated)) == (bool(terminated[last]), bool(truncated[last]))
        assert all(int(fragment[at]) == index for at in steps)
