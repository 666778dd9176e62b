"""What is said about observations and actions is true of the numbers themselves."""

import numpy as np
import pytest

from prefgym.envs import ANT, HALF_CHEETAH, HUMANOID, LANGUAGE_TASKS, PUSHER, REACHER, TASKS
from prefgym.sim.cpu import load_model
from prefgym.sim.describe import controlled, observed
from prefgym.sim.task import ObservationPart, TaskSpec
from prefgym.sim.vector_env import PoolVectorEnv

EVERY = pytest.mark.parametrize("task", (TASKS | LANGUAGE_TASKS).values(), ids=lambda task: task.name)
THROUGH = {"": np.asarray, "sine": np.sin, "cosine": np.cos}


def played(task: TaskSpec) -> PoolVectorEnv:
    """Play a few steps at random."""
    env = PoolVectorEnv(task, 4, autoreset_mode="SameStep")
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(5):
        env.step(env.action_space.sample())
    return env


def looked_at(task: TaskSpec, part: ObservationPart, env: PoolVectorEnv) -> np.ndarray:
    """Compute a part of the observation from what is said about it. Shape: (N, any)."""
    views = env._worlds.pool.views
    value = views[part.field] - (views[part.less] if part.less else 0)
    value = THROUGH[part.through](value[:, part.first : part.last])
    value = value.clip(*task.ranges[part.within]) if part.within else value
    return value.reshape(len(value), -1)


@EVERY
def test_each_number_is_described(task: TaskSpec) -> None:
    """As many descriptions as numbers, all different, and none empty."""
    env, numbers = PoolVectorEnv(task), observed(task, load_model(task))
    assert env.single_observation_space.shape == (len(numbers),)
    assert len({number.meaning for number in numbers}) == len(numbers)
    assert all(number.meaning and number.unit for number in numbers)


@EVERY
def test_the_parts_make_up_the_observation(task: TaskSpec) -> None:
    """To the last bit, in order."""
    env = played(task)
    parts = [looked_at(task, part, env) for part in task.observation_parts]
    assert np.array_equal(np.concatenate(parts, -1), env._worlds.observation)


@EVERY
def test_numbers_stay_within_their_bounds(task: TaskSpec) -> None:
    numbers = observed(task, load_model(task))
    seen = played(task)._worlds.observation
    assert (seen >= [number.low for number in numbers]).all()
    assert (seen <= [number.high for number in numbers]).all()


@EVERY
def test_actions_are_described(task: TaskSpec) -> None:
    """Bounds are those of the action space."""
    env, numbers = PoolVectorEnv(task), controlled(load_model(task))
    space = env._worlds.action_space()
    assert np.allclose(space.low, [number.low for number in numbers])
    assert np.allclose(space.high, [number.high for number in numbers])


def told(task: TaskSpec) -> list[tuple[str, str]]:
    return [(number.meaning, number.unit) for number in observed(task, load_model(task))]


def test_joints_are_named() -> None:
    """The cheetah sees where it is but for x, and how fast all of it moves."""
    numbers = told(HALF_CHEETAH)
    assert numbers[:3] == [
        ("position of joint `rootz`", "m"),
        ("angle of joint `rooty`", "rad"),
        ("angle of joint `bthigh`", "rad"),
    ]
    assert numbers[8] == ("velocity of joint `rootx`", "m/s")
    assert numbers[-1] == ("angular velocity of joint `ffoot`", "rad/s")
    limits = [number.limits for number in observed(HALF_CHEETAH, load_model(HALF_CHEETAH))]
    assert limits[1:3] == [None, (-0.52, 1.05)]
    assert controlled(load_model(HALF_CHEETAH))[0].unit == "120 N m"


def test_points_and_differences_are_named() -> None:
    assert told(REACHER)[0] == ("cosine of the angle of joint `joint0`", "1")
    assert told(REACHER)[-1] == ("y of body `fingertip` less that of `target`", "m")
    assert told(PUSHER)[-4:-2] == [("z of body `object`", "m"), ("x of body `goal`", "m")]


def test_bodies_are_named() -> None:
    """Masses are where they are said to be; forces on a standing humanoid's feet push up, and come after torques."""
    numbers, model = told(HUMANOID), load_model(HUMANOID)
    env = PoolVectorEnv(HUMANOID, 1)
    env.reset(seed=0)
    for _ in range(15):
        env.step(np.zeros((1, 17)))
    seen = dict(zip((meaning for meaning, _ in numbers), env._worlds.observation[0]))
    for body in ("torso", "left_foot"):
        assert seen[f"mass of body `{body}`"] == pytest.approx(model.body(body).mass[0])
        up = env._worlds.pool.views["qvel"][0, 2]
        assert seen["velocity of body `torso` along z"] == up
    assert seen["contact force on body `left_foot` along z"] > 100
    assert ("spatial angular velocity of body `torso` about x", "rad/s") in numbers
    assert ("contact torque on body below `aux_4` about z", "N m") in told(ANT)


def test_words_are_filled_in() -> None:
    """How episodes start and end can be said of every task."""
    for task in (TASKS | LANGUAGE_TASKS).values():
        assert "{" not in task.starts.format(noise=task.reset_noise) + task.ends.format(**task.ranges)
        assert task.starts
        assert (task.ends == "never") is (task.terminated is None)
