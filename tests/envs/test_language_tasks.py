"""What the measures count: postures and motions made by hand, and what must not count."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from task_poses import POSES, posed

from prefgym.envs import (
    ANT_CIRCLE,
    HALF_CHEETAH_BACKFLIP,
    HOPPER_BACKFLIP,
    HUMANOID,
    HUMANOID_KNEEL,
    HUMANOID_LOTUS,
    HUMANOID_SPLITS,
    LANGUAGE_TASKS,
    WALKER2D_ONE_LEG,
)
from prefgym.sim.cpu import load_model
from prefgym.sim.task import TaskSpec
from prefgym.sim.vector_env import PoolVectorEnv
from prefgym.sim.worlds import Worlds
from prefgym.testing import check_vector_env

Array = npt.NDArray[np.float64]
BACKFLIPS = pytest.mark.parametrize("task", [HALF_CHEETAH_BACKFLIP, HOPPER_BACKFLIP], ids=lambda task: task.name)
POSTURES = (HUMANOID_KNEEL, HUMANOID_SPLITS, HUMANOID_LOTUS)
LYING = {"on its back": -np.pi / 2, "on its front": np.pi / 2}


def count(task: TaskSpec, path: Sequence[Array], velocity: Array | None = None) -> float:
    """Lead a robot along a path, and add up what its steps count. Shape of each state: (nq,)."""
    worlds, everyone = Worlds(task, 1, returns_metric=True), np.array([True])
    at_rest = worlds.pool.qvel0 if velocity is None else velocity
    worlds.reset(everyone, path[0][None], at_rest[None])
    total = 0.0
    for qpos in path[1:]:
        worlds.pool.reset(everyone, qpos[None], at_rest[None])
        worlds.evaluate(np.zeros((1, worlds.pool.model.nu)))
        total += float(worlds.reward[0])
    return total


def play(task: TaskSpec, num_steps: int, *, random: bool) -> Array:
    """Play at random, or without moving a joint; returns what each of four episodes counts. Shape: (4,)."""
    env = PoolVectorEnv(task, 4, returns_metric=True, autoreset_mode="SameStep")
    env.reset(seed=0)
    env.action_space.seed(0)
    total, over = np.zeros(4), np.zeros(4, np.bool_)
    for _ in range(num_steps):
        action = env.action_space.sample()
        _, reward, terminated, truncated, _ = env.step(action if random else 0 * action)
        total += reward * ~over
        over |= terminated | truncated
    return total


# --- backflips ---


def turning(task: TaskSpec, *angles: float, height: float = 3.0) -> list[Array]:
    """Turn a robot at some height from angle to angle, in rad, backward ones as positive."""
    start = posed(load_model(task), {"rootz": height})
    path: list[Array] = []
    for first, last in zip((0.0, *angles), angles):
        for angle in np.linspace(first, last, 25):
            path.append(start.copy())
            path[-1][2] = -angle
    return path


@BACKFLIPS
def test_turns_in_the_air_count(task: TaskSpec) -> None:
    """Backwards as 1, forwards as -1; a turn that is not completed, or taken back, as nothing."""
    turn = 2 * np.pi
    assert count(task, turning(task, turn)) == 1
    assert count(task, turning(task, 2 * turn)) == 2
    assert count(task, turning(task, -turn)) == -1
    assert count(task, turning(task, turn, 0)) == 0
    assert count(task, turning(task, 0.6 * turn)) == 0  # head down
    assert count(task, turning(task, 0.6 * turn, 0)) == 0
    assert count(task, turning(task, 0.95 * turn)) == 1  # it lands a little short of upright


@BACKFLIPS
def test_a_turn_counts_once(task: TaskSpec) -> None:
    """However much it rocks where the turn is completed, which is 60 degrees before upright."""
    turn = 2 * np.pi
    assert count(task, turning(task, 0.9 * turn, 0.7 * turn, 0.9 * turn, 0.7 * turn, turn)) == 1


@BACKFLIPS
def test_rolling_on_the_ground_does_not_count(task: TaskSpec) -> None:
    """Neither backwards nor forwards, nor rocking after that."""
    turn, model = 2 * np.pi, load_model(task)

    def rolling(*angles: float) -> list[Array]:
        return [posed(model, {"rooty": qpos[2]}) for qpos in turning(task, *angles)]

    assert count(task, rolling(turn)) == 0
    assert count(task, rolling(-turn)) == 0
    assert count(task, rolling(turn, 0.7 * turn, turn)) == 0
    assert count(task, [*rolling(turn), *turning(task, turn, 2 * turn)[25:]]) == 1  # but what comes after that does


@BACKFLIPS
def test_no_backflip_happens_by_chance(task: TaskSpec) -> None:
    assert not play(task, 300, random=True).any()
    assert not play(task, 300, random=False).any()  # the hopper falls and lies


def test_backflips_do_not_end_the_episode() -> None:
    assert HALF_CHEETAH_BACKFLIP.terminated is HOPPER_BACKFLIP.terminated is None


# --- one leg ---


def test_standing_on_one_leg_counts() -> None:
    """On either leg; not on both, in the air, bent over, on the run, or lying."""
    model, pose = load_model(WALKER2D_ONE_LEG), POSES["Walker2dOneLeg"]
    other = {name.replace("_left", ""): angle for name, angle in pose.items()}
    right, left = posed(model, pose), posed(model, other)
    assert count(WALKER2D_ONE_LEG, [right] * 4) == count(WALKER2D_ONE_LEG, [left] * 4) == 3
    up, bent_over = right.copy(), posed(model, {**pose, "rooty": 0.9, "thigh_joint": -0.9})
    up[1] += 0.1
    for wrong in (posed(model, {}), up, bent_over, posed(model, {**pose, "rooty": 1.5})):
        assert count(WALKER2D_ONE_LEG, [wrong] * 4) == 0
    at_1_m_s = np.zeros(model.nv)
    at_1_m_s[0] = 1.0
    assert count(WALKER2D_ONE_LEG, [right] * 4, at_1_m_s) == 0
    assert count(WALKER2D_ONE_LEG, [right] * 4, 0.4 * at_1_m_s) == 3


def test_one_leg_does_not_happen_by_chance() -> None:
    assert play(WALKER2D_ONE_LEG, 200, random=True).max() <= 1
    assert not play(WALKER2D_ONE_LEG, 200, random=False).any()


# --- circle ---


def walk(x: Array, y: Array, *, yaw: Array | float = 0.0, upside_down: bool = False) -> float:
    """Lead the ant along a path, in m; returns laps."""
    start = posed(load_model(ANT_CIRCLE), {})
    path = np.tile(start, (len(x), 1))
    path[:, 0], path[:, 1] = x, y
    path[:, 3], path[:, 6] = np.cos(np.asarray(yaw) / 2), np.sin(np.asarray(yaw) / 2)
    if upside_down:
        path[:, 3:7] = 0, 1, 0, 0
    return count(ANT_CIRCLE, list(path))


def circle(radius: float, laps: float) -> tuple[Array, Array]:
    angle = np.linspace(0, 2 * np.pi * laps, int(200 * abs(laps)))
    return radius * np.cos(angle), radius * np.sin(angle)


def test_laps_count() -> None:
    """Counter-clockwise ones, less clockwise ones; until the leash of 1 m is taut, nothing counts.

    On a circle of 2 m the leash is taut where the chord is 1 m: after 2 arcsin(0.25) = 0.505 rad, 0.080 laps. Its first
    direction is half of that, 0.253 rad, ahead of the tangent at the start; in the end it lags behind the tangent by
    arcsin(0.5 / 2) as a chord does, or more: the point that is dragged runs on a circle of its own. Two laps lose less
    than a sixth of one together.
    """
    assert 2 - 1 / 6 < walk(*circle(2.0, 2)) < 2
    assert -2 < walk(*circle(2.0, -2)) < -2 + 1 / 6
    assert walk(*circle(2.0, 2), yaw=np.linspace(0, 9, 400)) == pytest.approx(walk(*circle(2.0, 2)))  # any heading


def test_what_is_no_circle_does_not_count() -> None:
    """Standing, trembling, spinning, a straight line, to and fro, a figure of eight, tight turns, upside down."""
    zero, line = np.zeros(200), np.linspace(0, 10, 200)
    tremble = np.random.default_rng(0).uniform(-0.2, 0.2, (2, 500))
    assert walk(zero, zero) == 0
    assert walk(*tremble) == 0
    assert walk(zero, zero, yaw=np.linspace(0, 20, 200)) == 0
    assert walk(line, 0.5 * line) == pytest.approx(0)
    to_and_fro = np.concatenate([line, line[::-1]] * 3)
    assert walk(to_and_fro, 0.01 * np.sin(to_and_fro)) == pytest.approx(0, abs=0.02)
    x, y = circle(2.0, 1)
    assert walk(np.concatenate([x, 4 - x]), np.concatenate([y, y])) == pytest.approx(0, abs=0.1)
    assert walk(*circle(0.45, 5)) == 0
    assert walk(*circle(2.0, 2), upside_down=True) == 0


def test_circles_do_not_happen_by_chance() -> None:
    assert abs(play(ANT_CIRCLE, 200, random=True)).max() < 0.25
    assert abs(play(ANT_CIRCLE, 50, random=False)).max() < 0.01


# --- postures ---


@pytest.mark.parametrize("task", POSTURES, ids=lambda task: task.name)
def test_a_posture_counts_in_its_own_task_alone(task: TaskSpec) -> None:
    """Each of three steps as 1 there, and as 0 in the other two."""
    pose = posed(load_model(task), POSES[task.name])
    for other in POSTURES:
        assert count(other, [pose] * 4) == pytest.approx(3.0 if other is task else 0.0, abs=0.05)


@pytest.mark.parametrize("task", POSTURES, ids=lambda task: task.name)
def test_postures_are_within_the_joints_limits(task: TaskSpec) -> None:
    """And nothing is more than 1 cm within anything else."""
    from prefgym.sim.gl import mujoco

    model = load_model(task)
    data = mujoco.MjData(model)
    data.qpos[:] = posed(model, POSES[task.name])
    low, high = model.jnt_range[1:].T
    assert (data.qpos[7:] >= low - 1e-6).all() and (
        data.qpos[7:] <= high + 0.04
    ).all()  # the knee of the model itself is straighter than its limit, by 2 degrees
    mujoco.mj_forward(model, data)
    assert min(contact.dist for contact in data.contact) > -0.01


@pytest.mark.parametrize("task", POSTURES, ids=lambda task: task.name)
def test_other_postures_do_not_count(task: TaskSpec) -> None:
    """Standing, sitting with the legs to the front, on all fours, and lying as in each of the postures."""
    model = load_model(task)
    sides = ("right", "left")
    others: list[Mapping[str, float]] = [
        {},
        {f"{side}_hip_y": -1.57 for side in sides},
        {f"{side}_{joint}": -1.57 for side in sides for joint in ("hip_y", "knee")},  # as on a chair
    ]
    for joints in others:
        assert count(task, [posed(model, joints)] * 4) == 0
    for pitch in LYING.values():
        for joints in ({}, *(POSES[posture.name] for posture in POSTURES)):
            assert count(task, [tilted(model, joints, pitch)] * 4) == 0


def tilted(model: Any, joints: Mapping[str, float], pitch: float) -> Array:  # noqa: ANN401
    """Pose the humanoid, pitch it, and put it on the ground again."""
    model = load_model(HUMANOID) if model is None else model
    start = model.qpos0.copy()
    try:
        model.qpos0[3:7] = np.cos(pitch / 2), 0, np.sin(pitch / 2), 0
        return posed(model, joints)
    finally:
        model.qpos0[:] = start


@pytest.mark.parametrize("task", POSTURES, ids=lambda task: task.name)
def test_postures_are_held(task: TaskSpec) -> None:
    """At 1 m/s nothing counts, at 0.75 m/s the half, and falling over as good as nothing."""
    model, velocity = load_model(task), np.zeros(23)
    pose = posed(model, POSES[task.name])
    velocity[2] = -1.0
    assert count(task, [pose] * 4, velocity) == 0
    assert count(task, [pose] * 4, 0.75 * velocity) == pytest.approx(0.5 * count(task, [pose] * 4))
    assert play(task, 150, random=True).max() < 6
    assert play(task, 150, random=False).max() < 6
    assert task.terminated is None


# --- all of them ---


@pytest.mark.parametrize("task", LANGUAGE_TASKS.values(), ids=lambda task: task.name)
def test_numpy_and_torch_agree(task: TaskSpec) -> None:
    """On what is remembered and what is counted, along random play and with a memory that has something in it."""
    metric = task.metric
    assert metric is not None
    env = PoolVectorEnv(task, 5, autoreset_mode="SameStep", returns_metric=True)
    env.reset(seed=0)
    env.action_space.seed(0)
    rng = np.random.default_rng(0)
    for _ in range(5):
        env.step(env.action_space.sample())
        views = {name: view.copy() for name, view in env._worlds.pool.views.items()}
        tensors = {name: torch.from_numpy(view) for name, view in views.items()}
        memory = metric.begin(task, views, np)
        assert np.allclose(memory, metric.begin(task, tensors, torch).numpy())
        memory = memory + rng.normal(size=memory.shape)
        ours, theirs = (
            metric.step(task, views, memory, np),
            metric.step(task, tensors, torch.from_numpy(memory), torch),
        )
        for array, tensor in zip(ours, theirs, strict=True):
            assert array.shape == tuple(tensor.shape)
            assert np.allclose(array, tensor.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_each_episode_is_measured_by_itself(mode: str) -> None:
    """A turn that one episode completed is not taken back when the next one begins upright."""
    env = PoolVectorEnv(HALF_CHEETAH_BACKFLIP, 2, returns_metric=True, max_episode_steps=3, autoreset_mode=mode)
    env.reset(seed=0)
    pool, still = env._worlds.pool, np.zeros((2, 6))
    high = pool.qpos0.copy()
    high[1:3] = 3.0, -2 * np.pi
    pool.reset(np.array([True, False]), high[None], pool.qvel0[None])
    rewards = np.array([env.step(still)[1] for _ in range(8)])
    assert rewards[0].tolist() == [1.0, 0.0]
    assert not rewards[1:].any()


def test_a_snapshot_has_what_the_metric_remembers() -> None:
    """Once the turn is counted, restoring lets it be counted again, and the other way round."""
    env = PoolVectorEnv(HOPPER_BACKFLIP, 1, returns_metric=True)
    env.reset(seed=0)
    before, still = env.snapshot(), np.zeros((1, 3))
    pool = env._worlds.pool
    high = pool.qpos0.copy()
    high[1:3] = 3.0, -2 * np.pi
    for expected in (1.0, 1.0):
        pool.reset(np.array([True]), high[None], pool.qvel0[None])
        after = [env.step(still)[1][0], env.snapshot()]
        assert after[0] == expected
        assert env.step(still)[1] == 0.0
        env.restore(after[1])
        assert env.step(still)[1] == 0.0
        env.restore(before)


def test_what_is_not_measured_is_not_computed() -> None:
    """Without `measured` the reward is 0, and what the measure reads is not even copied out of the simulation."""
    broken = replace(HUMANOID_KNEEL, metric=replace(metric_of(HUMANOID_KNEEL), step=None, begin=None))
    env = PoolVectorEnv(broken, 2)
    env.reset(seed=0)
    assert not env.step(env.action_space.sample())[1].any()
    assert env.factors() == {}
    assert "xpos/pelvis" not in env._worlds.pool.views
    assert not env.returns_metric


def metric_of(task: TaskSpec) -> Any:  # noqa: ANN401
    assert task.metric is not None
    return task.metric


@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
def test_gymnasiums_contract_is_kept(mode: str) -> None:
    def make() -> PoolVectorEnv:
        return PoolVectorEnv(ANT_CIRCLE, 3, returns_metric=True, max_episode_steps=10, autoreset_mode=mode)

    check_vector_env(make, num_steps=30)
