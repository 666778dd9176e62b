"""One world as a Gymnasium environment."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import error

from prefgym.envs import ANT, HOPPER
from prefgym.sim.nested import same
from prefgym.sim.render import RenderingUnavailable
from prefgym.sim.single_env import PoolEnv
from prefgym.sim.vector_env import PoolVectorEnv


def test_one_world_is_a_vector_of_one() -> None:
    """Observations, rewards, factors and physics states are those of a vector environment with one world."""
    one, many = PoolEnv(ANT), PoolVectorEnv(ANT, 1, seeding="parity", max_episode_steps=-1)
    assert same(one.reset(seed=4)[0], many.reset(seed=4)[0][0])
    assert one.state_size == many.state_size
    many.action_space.seed(0)
    for _ in range(20):
        actions = many.action_space.sample()
        obs, reward, *_ = one.step(actions[0])
        all_obs, rewards, *_ = many.step(actions)
        assert same(obs, all_obs[0])
        assert reward == rewards[0]
        assert same(one.factors(), many.factors())
        assert same(one.physics_state(), many.physics_state())


def test_float32_observations() -> None:
    """The observation has the type that was asked for, which is in its space."""
    env = PoolEnv(HOPPER, dtype=np.float32)
    obs, _ = env.reset(seed=0)
    assert obs.dtype == np.float32
    assert env.observation_space.contains(obs)


def test_misuse_is_answered_in_one_sentence() -> None:
    """Wrong shapes, unknown render modes, and stepping after closing."""
    env = PoolEnv(HOPPER)
    env.reset()
    with pytest.raises(ValueError, match=r"Hopper takes actions of shape \(3,\), not \(2,\)"):
        env.step(np.zeros(2, np.float32))
    with pytest.raises(ValueError, match="unknown render mode 'human': choose among rgb_array"):
        PoolEnv(HOPPER, render_mode="human")
    env.close()
    env.close()
    with pytest.raises(error.ClosedEnvironmentError):
        env.step(np.zeros(3, np.float32))


def test_rendering() -> None:
    """A picture has the size that was asked for; without a render mode there is none."""
    env = gym.make("prefgym/Hopper-v0", reward="task", render_mode="rgb_array", width=64, height=48)
    env.reset(seed=0)
    try:
        picture = env.render()
    except RenderingUnavailable as reason:
        pytest.skip(str(reason))
    assert isinstance(picture, np.ndarray)
    assert picture.shape == (48, 64, 3)
    env.close()
    silent = PoolEnv(HOPPER)
    silent.reset()
    with pytest.warns(UserWarning, match="draws nothing"):
        assert silent.render() is None
