"""What the vector environments share, in one of arrays; `test_warp` has the one of tensors."""

import numpy as np
import pytest
from gymnasium import error

from prefgym.envs import HALF_CHEETAH, HOPPER
from prefgym.sim.vector_env import PoolVectorEnv


def test_spaces_and_metadata_are_those_of_the_task() -> None:
    """Hopper has 11 observations and 3 actions; an action lasts 4 steps of 2 ms, so that there are 125 in a second."""
    env = PoolVectorEnv(HOPPER, 2)
    assert (env.single_observation_space.shape, env.single_action_space.shape) == ((11,), (3,))
    assert (env.observation_space.shape, env.action_space.shape) == ((2, 11), (2, 3))
    assert (env.max_episode_steps, env.metadata["render_fps"]) == (1000, 125)
    assert (env.camera, env.model.nu, env.state_size) == (HOPPER.camera, 3, env.physics_state().shape[1])


def test_the_state_before_a_reset_is_kept_for_one_step() -> None:
    """Episodes of two actions, reset in the same step; the first number of a state is the time, 0.05 s an action."""
    env = PoolVectorEnv(HALF_CHEETAH, 1, max_episode_steps=2, autoreset_mode="SameStep")
    env.reset(seed=0)
    times: list[list[float]] = []
    for _ in range(3):
        env.step(np.zeros((1, 6)))
        times.append([float(env.physics_state(final)[0, 0]) for final in (True, False)])
    assert np.allclose(times, [[0.05, 0.05], [0.1, 0.0], [0.05, 0.05]])


def test_steps_need_a_running_environment_and_the_right_shape() -> None:
    env = PoolVectorEnv(HOPPER, 2)
    with pytest.raises(error.ResetNeeded):
        env.step(np.zeros((2, 3)))
    env.reset()
    with pytest.raises(ValueError, match=r"Hopper takes actions of shape \(2, 3\), not \(3,\)"):
        env.step(np.zeros(3))
    env.close()
    with pytest.raises(error.ClosedEnvironmentError):
        env.step(np.zeros((2, 3)))
