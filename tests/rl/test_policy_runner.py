"""A policy that remembers: its memory goes with it from step to step, and to files and back."""

from typing import Any

import numpy as np
import torch

from prefgym.common.states import flatten, unflatten
from prefgym.rl.policy_runner import PolicyRunner, in_turn


class Counter:
    """A policy that says how many steps of the episode it has seen."""

    def predict(
        self,
        observation: Any,  # noqa: ANN401
        /,
        state: Any = None,  # noqa: ANN401
        episode_start: Any = None,  # noqa: ANN401
        deterministic: bool = False,
    ) -> tuple[np.ndarray, Any]:
        """Count."""
        assert deterministic
        before = np.zeros(len(observation)) if state is None else state[0]
        count = np.where(episode_start, 0, before) + 1
        return count[:, None], (count,)


OBS = np.zeros((2, 3))


def test_it_remembers_until_an_episode_begins() -> None:
    player = PolicyRunner(Counter())
    no, second = np.zeros(2, np.bool_), np.array([False, True])
    assert player.act(OBS, np.ones(2, np.bool_)).ravel().tolist() == [1, 1]
    assert player.act(OBS, no).ravel().tolist() == [2, 2]
    assert player.peek(OBS).ravel().tolist() == [3, 3]  # and forgets that it did
    assert player.act(OBS, second).ravel().tolist() == [3, 1]
    player.forget()
    assert player.act(OBS, no).ravel().tolist() == [1, 1]


def test_it_follows_recorded_episodes() -> None:
    """Two of three steps, each from its beginning."""
    player = PolicyRunner(Counter())
    for _ in range(2):
        assert player.follow(np.zeros((2, 3, 5)))[..., 0].tolist() == [[1, 2, 3], [1, 2, 3]]


def test_it_goes_on_from_its_state() -> None:
    player, other = PolicyRunner(Counter()), PolicyRunner(Counter())
    no = np.zeros(2, np.bool_)
    for _ in range(2):
        arrays, plain = flatten(player.state_dict())  # nothing to remember first, then one step
        other.load_state_dict(unflatten({key: torch.clone(x) for key, x in arrays.items()}, plain))
        assert np.array_equal(player.act(OBS, no), other.act(OBS, no))


def test_policies_take_turns() -> None:
    """Environments 0 and 2 are the first one's, environment 1 is the second one's."""
    acts = [lambda obs, _: obs + 10.0, lambda obs, _: obs + 20.0]
    assert in_turn(acts)(np.arange(3.0)[:, None], np.ones(3, np.bool_)).tolist() == [[10.0], [21.0], [12.0]]
