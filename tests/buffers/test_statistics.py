"""Statistics of episodes, with numbers worked out by hand."""

import numpy as np
import torch

from prefgym.buffers.statistics import DeviceEpisodeStatistics, EpisodeStatistics
from prefgym.common.states import flatten, unflatten


def test_the_latest_episodes_are_averaged() -> None:
    """Of three episodes the last two count: returns 6 and 1, of 3 steps and 1 step."""
    statistics = EpisodeStatistics(2, num_averaged=2)
    assert statistics.step_return() == 0.0
    statistics.add(np.array([5.0, 2.0]), slice(None))
    assert statistics.step_return() == 3.5  # nothing has ended: all steps
    statistics.finish(np.array([0]))
    assert statistics.step_return() == 5.0
    statistics.add(np.array([1.0, 2.0]), slice(None))
    statistics.add(np.array([2.0]), np.array([1]))
    statistics.finish(np.array([0, 1]))
    assert statistics.step_return() == (1 + 6) / (1 + 3)
    statistics.add(np.array([9.0]), np.array([0]))
    other = EpisodeStatistics(2, num_averaged=2)
    other.load_state_dict(unflatten(*flatten(statistics.state_dict())))
    for each in (statistics, other):
        each.finish(np.array([0]))
        assert each.step_return() == (6 + 9) / (3 + 1)


def test_on_a_device_the_last_episode_of_each_environment_counts() -> None:
    """The first environment has 2 + 4 in two steps and then 1 in one, the second nothing that ended."""
    statistics = DeviceEpisodeStatistics(2, torch.device("cpu"))
    first, none = torch.tensor([True, False]), torch.tensor([False, False])
    statistics.add(torch.tensor([2.0, 8.0]))
    statistics.finish(none)
    assert statistics.step_return() == 5.0  # nothing has ended: all steps
    statistics.add(torch.tensor([4.0, 8.0]))
    statistics.finish(first)
    assert statistics.step_return() == 3.0
    statistics.add(torch.tensor([1.0, 8.0]))
    other = DeviceEpisodeStatistics(2, torch.device("cpu"))
    other.load_state_dict(unflatten(*flatten(statistics.state_dict())))
    for each in (statistics, other):
        each.finish(first)
        assert each.step_return() == 1.0
