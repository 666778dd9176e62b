"""The order of wrappers, and where the task reward is hidden."""

import gymnasium as gym
import pytest
from gymnasium.wrappers import NormalizeReward, TimeLimit
from gymnasium.wrappers.vector import NormalizeObservation

from prefgym.wrappers.order import check_order, hides_reward, layers
from prefgym.wrappers.preference import PreferenceEnv


def hopper(reward: str = "task") -> gym.Env:
    """Make Hopper."""
    return gym.make("prefgym/Hopper-v0", reward=reward)


def test_layers_go_down_to_the_environment() -> None:
    """From the outside in; of several environments the first is looked into."""
    env = TimeLimit(hopper(), 10)
    found = list(layers(env))
    assert found[0] is env
    assert found[-1] is env.unwrapped
    each = gym.vector.SyncVectorEnv([hopper] * 2)
    assert list(layers(each)) == [each, *layers(each.envs[0])]


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        (NormalizeReward(hopper()), "NormalizeReward cannot be beneath"),
        (NormalizeObservation(gym.make_vec("prefgym/Hopper-v0", 1, reward="task")), "NormalizeObservation cannot be"),
        (TimeLimit(PreferenceEnv(hopper()), 9), "PreferenceEnv cannot be beneath"),
        ("no environment", "prefgym wraps Gymnasium's environments, not str"),
    ],
)
def test_some_wrappers_belong_around_ours(env: gym.Env, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check_order(env)


def test_the_reward_is_hidden_beneath_other_wrappers_too() -> None:
    assert not hides_reward(TimeLimit(hopper(), 10))
    assert hides_reward(TimeLimit(PreferenceEnv(hopper()), 10))
    assert hides_reward(gym.make_vec("prefgym/Hopper-v0", 1))
