"""The tasks are Gymnasium's, to the last bit."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from prefgym.envs import TASKS
from prefgym.sim.nested import same
from prefgym.sim.single_env import PoolEnv
from prefgym.sim.vector_env import PoolVectorEnv

NUM_ENVS, NUM_STEPS, LIMIT = 8, 200, 60
"""Three time limits are passed by what does not end before; whole episodes are compared one environment at a time."""
FALLING = {"Humanoid", "InvertedDoublePendulum", "InvertedPendulum", "Walker2d"}
"""Tasks in which random actions end every episode before the limit."""
PARTS = ("observations", "rewards", "terminations", "truncations", "infos")


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP], ids=lambda mode: mode.value)
@pytest.mark.parametrize("name", TASKS)
def test_vector_env_equals_sync_vector_env(name: str, mode: AutoresetMode) -> None:
    """Observations, rewards, flags and infos, final ones and masks included, are bit-equal in all steps."""
    ours = PoolVectorEnv(TASKS[name], NUM_ENVS, seeding="parity", autoreset_mode=mode, max_episode_steps=LIMIT)
    settings = {"autoreset_mode": mode}
    theirs = gym.make_vec(
        f"{name}-v5", NUM_ENVS, vectorization_mode="sync", vector_kwargs=settings, max_episode_steps=LIMIT
    )
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    assert same(ours.reset(seed=3), theirs.reset(seed=3))
    theirs.action_space.seed(5)
    num_ended = num_truncated = 0
    for step in range(NUM_STEPS):
        actions = theirs.action_space.sample()
        outcome = ours.step(actions)
        for part, a, b in zip(PARTS, outcome, theirs.step(actions), strict=True):
            assert same(a, b), f"{part} differ at step {step}"
        num_ended += int((outcome[2] | outcome[3]).sum())
        num_truncated += int(outcome[3].sum())
    theirs.close()
    ours.close()
    assert num_ended >= 3 * NUM_ENVS
    assert num_truncated > 0 or name in FALLING


@pytest.mark.parametrize("name", TASKS)
def test_whole_episodes_equal_gymnasiums(name: str) -> None:
    """Past the task's own time limit, two environments stay bit-equal, whatever adds up on the way."""
    mode = AutoresetMode.SAME_STEP
    ours = PoolVectorEnv(TASKS[name], 2, seeding="parity", autoreset_mode=mode)
    theirs = gym.make_vec(f"{name}-v5", 2, vectorization_mode="sync", vector_kwargs={"autoreset_mode": mode})
    assert same(ours.reset(seed=3), theirs.reset(seed=3))
    theirs.action_space.seed(5)
    num_ended = 0
    for step in range(TASKS[name].max_episode_steps + 5):
        actions = theirs.action_space.sample()
        outcome = ours.step(actions)
        for part, a, b in zip(PARTS, outcome, theirs.step(actions), strict=True):
            assert same(a, b), f"{part} differ at step {step}"
        num_ended += int((outcome[2] | outcome[3]).sum())
    theirs.close()
    ours.close()
    assert num_ended >= 2


@pytest.mark.parametrize("name", TASKS)
def test_single_env_equals_gymnasiums(name: str) -> None:
    """One environment gives what `gym.make` gives, from reset to reset."""
    ours, theirs = gym.make(f"prefgym/{name}-v0", reward="task"), gym.make(f"{name}-v5")
    assert isinstance(ours.unwrapped, PoolEnv)
    theirs.action_space.seed(0)
    seed: int | None = 7
    for _ in range(3):
        assert same(*(env.reset(seed=seed) for env in (ours, theirs)))
        seed = None
        for _ in range(60):
            action = theirs.action_space.sample()
            (obs, reward, *flags, info), expected = ours.step(action), theirs.step(action)
            assert same(obs, expected[0])
            assert reward == expected[1]
            assert flags == [bool(flag) for flag in expected[2:4]]
            assert info.keys() == expected[4].keys()
            assert all(np.array_equal(value, expected[4][key]) for key, value in info.items())
            if any(flags):
                break


def test_an_env_does_not_depend_on_the_others() -> None:
    """With a generator for each environment, environment 2 of 5 does what it does alone."""
    many, alone = (PoolVectorEnv(TASKS["Walker2d"], n, seeding="parity", autoreset_mode="SameStep") for n in (5, 1))
    assert same(many.reset(seed=10)[0][2], alone.reset(seed=12)[0][0])
    many.action_space.seed(0)
    for _ in range(100):
        actions = many.action_space.sample()
        (obs, reward, *_), (obs_alone, reward_alone, *_) = many.step(actions), alone.step(actions[2:3])
        assert same(obs[2], obs_alone[0])
        assert reward[2] == reward_alone[0]
