"""Who plays demonstrations: what they draw, and whose turn it is."""

import gymnasium as gym
import numpy as np
import pytest

from prefgym.demos.policies import make_policies, make_policy, noisy

POLE = "prefgym/InvertedPendulum-v0"
ACTIONS = gym.spaces.Box(-3, 3, (1,))


def test_noise_has_the_deviation_it_should_have() -> None:
    """Half a unit around 1; around 3, the highest action, half of them are cut off."""
    obs, begins = np.zeros((4000, 4)), np.zeros(4000, np.bool_)
    noise = noisy(lambda obs, _: np.ones((len(obs), 1)), 0.5, ACTIONS, 0)(obs, begins)
    assert noise.dtype == np.float32
    assert (noise.mean(), noise.std()) == (pytest.approx(1, abs=0.04), pytest.approx(0.5, rel=0.05))
    edge = noisy(lambda obs, _: np.full((len(obs), 1), 3.0), 0.5, ACTIONS, 0)(obs, begins)
    assert edge.max() == 3.0
    assert np.mean(edge == 3.0) == pytest.approx(0.5, abs=0.04)


def test_random_actions_are_uniform() -> None:
    """Between -3 and 3: a mean of 0, a deviation of 6 / sqrt(12)."""
    actions = make_policy(POLE, "random", ACTIONS, seed=1)(np.zeros((4000, 4)), np.zeros(4000, np.bool_))
    assert actions.mean() == pytest.approx(0, abs=0.12)
    assert actions.std() == pytest.approx(np.sqrt(3), rel=0.05)


def test_policies_share_the_envs() -> None:
    """Of five environments the expert acts in the first, third and fifth, chance in the others."""
    obs, begins = np.linspace(-0.1, 0.1, 20).reshape(5, 4), np.ones(5, np.bool_)
    both = make_policies(POLE, ("expert", "random"), ACTIONS, seed=3)
    shared = both(obs, begins)
    assert np.array_equal(shared[::2], make_policy(POLE, "expert", ACTIONS)(obs, begins)[::2])
    assert np.array_equal(shared[1::2], make_policy(POLE, "random", ACTIONS, seed=4)(obs, begins)[1::2])
