"""Recorded states go on as they did when they were recorded."""

from typing import Any

import numpy as np
import pytest

from prefgym.envs import TASKS
from prefgym.sim.continuation import Simulator
from prefgym.sim.vector_env import PoolVectorEnv

HERE = 5
"""Steps before the state that is gone on from."""


class Replay:
    """A policy that takes actions that were recorded."""

    def __init__(self, actions: Any) -> None:  # noqa: ANN401
        self.actions = iter(actions)

    def predict(
        self,
        observation: Any,  # noqa: ANN401
        /,
        state: Any = None,  # noqa: ANN401
        episode_start: Any = None,  # noqa: ANN401
        deterministic: bool = False,
    ) -> tuple[Any, None]:
        """Take the next ones, for as many worlds as are asked about."""
        assert deterministic
        action = next(self.actions)
        return np.resize(action, (len(observation), action.shape[1])), None


def play(task: str, num_worlds: int, num_steps: int) -> dict[str, Any]:
    """Play at random and record all of it."""
    env = PoolVectorEnv(TASKS[task], num_worlds, num_threads=1, autoreset_mode="Disabled")
    draws = np.random.default_rng(0)
    obs, _ = env.reset(seed=0)
    space: Any = env.single_action_space
    told: dict[str, list[Any]] = {"obs": [obs], "state": [env.physics_state()], "action": [], "reward": [], "over": []}
    for _ in range(num_steps):
        action = draws.uniform(space.low, space.high, (num_worlds, *space.shape)).astype(np.float32)
        obs, reward, terminated, _, _ = env.step(action)
        for name, value in zip(told, (obs, env.physics_state(), action, reward, terminated)):
            told[name].append(value.copy())
        if terminated.any():
            break
    env.close()
    return {name: np.array(values) for name, values in told.items()}


@pytest.mark.parametrize("task", ["HalfCheetah", "Swimmer", "Reacher", "Pusher"])
def test_the_same_actions_lead_to_the_same_rewards(task: str) -> None:
    """To the last bit, also when there are more states than worlds, and fewer."""
    told = play(task, 5, 12)
    simulator = Simulator(TASKS[task], num_worlds=5, num_threads=1)
    going_on = Replay(told["action"][HERE:])
    ahead = simulator.play_on(told["state"][HERE], told["obs"][HERE], going_on, len(told["reward"]) - HERE)
    np.testing.assert_array_equal(ahead.reward.T, told["reward"][HERE:])
    assert ahead.length.tolist() == [len(told["reward"]) - HERE] * 5


@pytest.mark.parametrize("task", ["Ant", "Humanoid"])
def test_contact_forces_do_not_matter_to_what_follows(task: str) -> None:
    """Where a position is derived, the velocity of the first step alone is counted from the state itself."""
    told = play(task, 3, 10)
    simulator = Simulator(TASKS[task], num_worlds=3, num_threads=1)
    going_on = Replay(told["action"][HERE:])
    ahead = simulator.play_on(told["state"][HERE], told["obs"][HERE], going_on, 5).reward.T
    np.testing.assert_array_equal(ahead[1:], told["reward"][HERE + 1 : HERE + 5])
    # the state was reached a simulation step later than the position that the recording counted from
    np.testing.assert_allclose(ahead[0], told["reward"][HERE], atol=1.0)
    assert (ahead[0] != told["reward"][HERE]).any()


class Still:
    """A policy that does nothing."""

    def __init__(self) -> None:
        self.num_calls = 0

    def predict(
        self,
        observation: Any,  # noqa: ANN401
        /,
        state: Any = None,  # noqa: ANN401
        episode_start: Any = None,  # noqa: ANN401
        deterministic: bool = False,
    ) -> tuple[Any, None]:
        """Do nothing."""
        self.num_calls += 1
        return np.zeros((len(observation), 3), np.float32), None


def test_a_world_that_terminates_is_left_alone() -> None:
    """A hopper that does nothing falls: the reward ends there, and so does the simulation when all have."""
    told = play("Hopper", 3, 1)
    still = Still()
    ahead = Simulator(TASKS["Hopper"], num_worlds=4, num_threads=1).play_on(
        told["state"][0], told["obs"][0], still, 900
    )
    assert ahead.terminated.all()
    assert 10 < ahead.length.max() < 900
    assert still.num_calls == ahead.length.max()
    steps = np.arange(900)
    assert (ahead.reward[steps >= ahead.length[:, None]] == 0).all()
    assert (ahead.reward[steps < ahead.length[:, None] - 1] > 0.5).all()  # 1 for being upright, and some speed


def test_states_are_gone_on_from_in_parts() -> None:
    """Seven states in worlds for three: each as if it were alone. None: nothing."""
    told = play("Hopper", 7, 1)
    few, many = (Simulator(TASKS["Hopper"], num_worlds=num, num_threads=1) for num in (3, 7))
    a, b = (simulator.play_on(told["state"][0], told["obs"][0], Still(), 30) for simulator in (few, many))
    np.testing.assert_array_equal(a.reward, b.reward)
    np.testing.assert_array_equal(a.length, b.length)
    nothing = few.play_on(told["state"][0][:0], told["obs"][0][:0], Still(), 30)
    assert nothing.reward.shape == (0, 30)


def test_the_discount_counts_from_the_state() -> None:
    """1 + 1/2 * r_1 + 1/4 * r_2 of what was rewarded."""
    told = play("Hopper", 2, 1)
    ahead = Simulator(TASKS["Hopper"], num_worlds=2, num_threads=1).play_on(
        told["state"][0], told["obs"][0], Still(), 3
    )
    by_hand = ahead.reward[:, 0] + ahead.reward[:, 1] / 2 + ahead.reward[:, 2] / 4
    np.testing.assert_allclose(ahead.discounted(0.5), by_hand, rtol=1e-15)


def test_states_of_another_task_are_refused() -> None:
    """By their size."""
    told = play("HalfCheetah", 2, 1)
    with pytest.raises(ValueError, match="a state of Hopper has"):
        Simulator(TASKS["Hopper"], num_worlds=2, num_threads=1).play_on(told["state"][0], told["obs"][0], Still(), 3)
