"""Poses: against MuJoCo's own for every task, and as many bytes as were promised."""

import gymnasium as gym
import numpy as np
import pytest
from recorded import FloatArray, record_states

import prefgym
from prefgym.common.errors import DamageError
from prefgym.evaluation.envs import make_evaluation_env
from prefgym.sim.capabilities import HasPhysics, physics_of
from prefgym.sim.gl import mujoco
from prefgym.sim.render import STATE_SPEC
from prefgym.video.geometry import Geometry, geometry_of, quaternions
from prefgym.video.poses import PoseReader, Poses, axes_of, decode, encode, turns_to

METRES, RADIANS = 2e-5, 2e-4
"""Largest errors of positions and of turns."""
GRIDS = ("prefgym/Delivery-v0", "prefgym/RandomMDP-v0")
"""The tasks without a MuJoCo model."""


def task_ids() -> list[str]:
    return [name for name in gym.registry if name.startswith("prefgym/") and name not in GRIDS]


def truth(physics: HasPhysics, states: FloatArray, geometry: Geometry) -> tuple[FloatArray, FloatArray]:
    """Ask MuJoCo for places (T, G, 3) and turns (T, G, 4), by its whole forward computation."""
    model, data = physics.model, mujoco.MjData(physics.model)
    size = mujoco.mj_stateSize(model, STATE_SPEC)
    places, turns = [], []
    for state in states:
        first = size
        for name in physics.camera.get("model_fields", ()) if len(state) > size else ():
            field = getattr(model, name)
            field[...] = state[first : first + field.size].reshape(field.shape)
            first += field.size
        mujoco.mj_setState(model, data, state[:size], STATE_SPEC)
        mujoco.mj_forward(model, data)
        kinds = [("site" if one.is_site else "geom", one.index) for one in geometry.sources]
        places.append([getattr(data, f"{kind}_xpos")[index].copy() for kind, index in kinds])
        turns.append([getattr(data, f"{kind}_xmat")[index].copy() for kind, index in kinds])
    return np.array(places), quaternions(np.array(turns))


def turn_errors(geometry: Geometry, poses: Poses, turns: FloatArray) -> list[float]:
    """Return the largest angle (rad) by which each shape is turned wrong; that of a ball is none."""
    errors: list[float] = []
    for k, shape in enumerate(geometry.moving):
        if shape.type in ("capsule", "cylinder"):
            off = np.linalg.norm(axes_of(poses.turns[:, k]) - axes_of(turns[:, k]), axis=-1)
            errors.append(float(2 * np.arcsin(off / 2).max()))
        elif shape.type != "sphere":
            sides = [np.linalg.norm(poses.turns[:, k] - sign * turns[:, k], axis=-1) for sign in (1, -1)]
            errors.append(float(4 * np.arcsin(np.minimum(*sides) / 2).max()))
    return errors


@pytest.mark.parametrize("env_id", task_ids())
def test_shapes_are_where_mujoco_has_them(env_id: str) -> None:
    if "Fetch" in env_id:
        pytest.importorskip("gymnasium_robotics")
    physics, states = record_states(env_id, 25)
    geometry = geometry_of(physics.model, physics.camera, 0.05)
    poses = decode(encode(PoseReader(physics.model, physics.camera, geometry)(states), geometry))
    places, turns = truth(physics, states, geometry)
    assert places.shape[1] == len(geometry.moving) > 0
    assert np.abs(poses.places + poses.origin - places).max() <= METRES
    assert max(turn_errors(geometry, poses, turns), default=0.0) <= RADIANS
    still = places - places[:1]
    assert np.abs(still).max() > 1e-3, "nothing moved, so nothing was tested"


@pytest.mark.parametrize(
    ("task", "most"), [("HalfCheetah", 10_000), ("Walker2d", 10_000), ("Ant", 20_000), ("Humanoid", 22_000)]
)
def test_pairs_are_small(task: str, most: int) -> None:
    """A pair of 50 steps: one of the expert, one at random, which moves more wildly."""
    env_id = f"prefgym/{task}-v0"
    env = make_evaluation_env(env_id, 1, 1)
    physics, policy = physics_of(env), prefgym.envs.expert(env_id)
    assert physics is not None
    obs, _ = env.reset(seed=0)
    by_expert = [physics.physics_state()[0].copy()]
    for _ in range(50):
        obs, *_ = env.step(policy.predict(obs, deterministic=True)[0])
        by_expert.append(physics.physics_state()[0].copy())
    geometry = geometry_of(physics.model, physics.camera, 0.05)
    read = PoseReader(physics.model, physics.camera, geometry)
    _, at_random = record_states(env_id, 50)
    assert sum(len(encode(read(states), geometry)) for states in (np.array(by_expert), at_random)) < most


def test_far_away_and_fast_is_no_less_exact() -> None:
    """A kilometre from the origin, at two kilometres per second: 16 bits would not do."""
    physics, states = record_states("prefgym/HalfCheetah-v0", 25)
    states[:, 1] += 1000 + 100 * np.arange(len(states))  # after the time comes x of the torso
    geometry = geometry_of(physics.model, physics.camera, 0.05)
    read = PoseReader(physics.model, physics.camera, geometry)
    poses = decode(encode(read(states), geometry))
    places, _ = truth(physics, states, geometry)
    assert np.abs(poses.places + poses.origin - places).max() <= METRES
    assert poses.origin[0] > 999
    assert (poses.roots[0, 0, :2] == 0).all(), "the robot begins at the middle of the floor"


def test_what_resets_change_is_drawn() -> None:
    """Sizes, colours and places of a model that follow each state."""
    model = mujoco.MjModel.from_xml_string(
        '<mujoco><worldbody><geom name="wall" type="box" size="1 1 1" pos="1 0 0"/><body><freejoint/>'
        '<geom size="0.1"/></body></worldbody></mujoco>'
    )
    fields = ("site_pos", "geom_pos", "geom_rgba", "geom_size")
    camera = {"trackbodyid": -1, "model_fields": fields}
    geometry = geometry_of(model, camera, 0.02)
    assert [shape.name for shape in geometry.moving] == ["wall", ""]
    state = np.empty(mujoco.mj_stateSize(model, STATE_SPEC))
    mujoco.mj_getState(model, mujoco.MjData(model), state, STATE_SPEC)
    pos, rgba, size = (np.array(getattr(model, name)) for name in fields[1:])
    pos[0], rgba[0], size[0] = (4, 5, 6), (0.25, 0.5, 0.75, 1), (2, 3, 4)
    row = np.concatenate([state, pos.ravel(), rgba.ravel(), size.ravel()])
    poses = decode(encode(PoseReader(model, camera, geometry)(np.stack([row, row])), geometry))
    assert np.abs(poses.places[:, 0] - (4, 5, 6)).max() <= METRES
    assert poses.changes == ((0, (2, 3, 4), (0.25, 0.5, 0.75, 1)),)
    assert geometry.moving[0].size == (1, 1, 1), "the model itself is not changed"


def test_states_of_another_model_are_refused() -> None:
    physics, states = record_states("prefgym/Hopper-v0", 1)
    geometry = geometry_of(physics.model, physics.camera, 0.05)
    with pytest.raises(ValueError, match=r"states have shape \(2, 18\), but those of this model have shape \(T, 19\)"):
        PoseReader(physics.model, physics.camera, geometry)(states[:, 1:])


def test_damaged_poses_are_refused() -> None:
    physics, states = record_states("prefgym/Hopper-v0", 3)
    geometry = geometry_of(physics.model, physics.camera, 0.05)
    content = encode(PoseReader(physics.model, physics.camera, geometry)(states), geometry)
    for damaged in (b"", content[:40], b"nothing", content[:-9] + bytes(9)):
        with pytest.raises(DamageError, match="poses are damaged"):
            decode(damaged)


def test_one_segment_makes_one_content() -> None:
    physics, states = record_states("prefgym/Ant-v0", 5)
    geometry = geometry_of(physics.model, physics.camera, 0.05)
    read = PoseReader(physics.model, physics.camera, geometry)
    assert encode(read(states), geometry) == encode(read(states), geometry)


def test_an_axis_and_its_turn() -> None:
    axes = np.random.default_rng(0).normal(size=(100, 3))
    axes[:3] = (0, 0, 1), (0, 0, -1), (1e-7, 0, -1)
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    assert np.abs(axes_of(turns_to(axes)) - axes).max() < 1e-6
