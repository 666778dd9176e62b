"""What is drawn of a model: every shape that MuJoCo draws, as it draws it."""

import base64
import json
from typing import Any

import numpy as np
import pytest
from recorded import record_states

from prefgym.sim.gl import mujoco
from prefgym.video.geometry import CELL, Geometry, geometry_of, quaternions

MODEL = """<mujoco>
  <asset><material name="red" rgba="1 0 0 1"/></asset>
  <worldbody>
    <geom name="floor" type="plane" size="5 5 1" pos="0 0 -0.5"/>
    <geom name="rail" type="capsule" size="0.1 0.7" pos="0 0 1" euler="90 0 0"/>
    <geom name="hidden" type="box" size="1 1 1" group="4"/>
    <body name="cart" pos="0 0 1">
      <joint type="slide" axis="1 0 0"/>
      <geom name="box" type="box" size="0.1 0.2 0.3" material="red"/>
      <geom name="blue" type="ellipsoid" size="0.1 0.2 0.3" rgba="0 0 1 0.5" material="red"/>
      <geom name="clear" type="sphere" size="0.1" rgba="1 1 1 0"/>
    </body>
    <body name="handle" mocap="true"><geom name="handle" type="sphere" size="0.1"/></body>
    <site name="goal" size="0.1" pos="1 2 3" rgba="0 1 0 1"/>
  </worldbody>
</mujoco>"""


@pytest.fixture
def geometry() -> Geometry:
    return geometry_of(mujoco.MjModel.from_xml_string(MODEL), {"trackbodyid": -1}, 0.02)


def test_moving_and_standing_shapes_are_told_apart(geometry: Geometry) -> None:
    assert [(shape.name, shape.type) for shape in geometry.moving] == [
        ("box", "box"), ("blue", "ellipsoid"), ("goal", "sphere"),
    ]  # fmt: skip
    assert [shape.name for shape in geometry.standing] == ["rail"]
    assert geometry.standing[0].place == (0, 0, 1)
    assert np.abs(np.array(geometry.standing[0].turn) - [0.5**0.5, 0.5**0.5, 0, 0]).max() < 1e-6
    assert geometry.floor == -0.5


def test_colours_are_those_that_mujoco_draws(geometry: Geometry) -> None:
    """The colour of a material holds only for a geom that was given none of its own."""
    assert [shape.rgba for shape in geometry.moving] == [(1, 0, 0, 1), (0, 0, 1, 0.5), (0, 1, 0, 1)]


def test_a_camera_that_stands_still_is_that_of_the_pictures(geometry: Geometry) -> None:
    assert (geometry.follow, geometry.roams) == (-1, False)
    assert geometry.home is not None
    assert geometry.home["azimuth"] == 90.0
    assert geometry.home["distance"] > 1


def test_a_robot_on_an_endless_floor_is_followed() -> None:
    physics, _ = record_states("prefgym/HalfCheetah-v0", 1)
    geometry = geometry_of(physics.model, physics.camera, 0.05)
    assert (geometry.follow, geometry.roams, geometry.floor, geometry.home) == (0, True, 0.0, None)
    assert geometry.azimuth == 90.0  # MuJoCo's own camera stands at y = -3, and looks along y
    assert [shape.body for shape in geometry.moving] == [
        *("torso", "torso", "bthigh", "bshin", "bfoot", "fthigh", "fshin", "ffoot")
    ]


def test_a_fixed_camera_of_the_model_looks_where_it_looks() -> None:
    model = mujoco.MjModel.from_xml_string(
        '<mujoco><worldbody><camera pos="-2 0 2" xyaxes="0 -1 0 0.7071 0 0.7071"/><body><freejoint/>'
        '<geom size="0.1"/></body></worldbody></mujoco>'
    )
    fixed = {"trackbodyid": -1, "type": mujoco.mjtCamera.mjCAMERA_FIXED.value, "fixedcamid": 0}
    home = geometry_of(model, fixed, 0.02).home
    assert home is not None
    assert (home["azimuth"], home["elevation"]) == pytest.approx((0, -45), abs=0.01)
    assert home["lookat"] == pytest.approx([0, 0, 0], abs=0.01)


def test_meshes_come_back_within_a_cell() -> None:
    """Vertices of one cell are one, so each is at most a cell's diagonal away from those that it stands for."""
    pytest.importorskip("gymnasium_robotics")
    physics, _ = record_states("prefgym/FetchReach-v0", 1)
    model = physics.model
    packed: dict[str, Any] = json.loads(geometry_of(model, physics.camera, 0.04).to_json())["meshes"]
    assert len(packed) == 15
    for name, mesh in packed.items():
        units = np.frombuffer(base64.b64decode(mesh["vertices"]), "<u2").reshape(-1, 3)
        faces = np.frombuffer(base64.b64decode(mesh["faces"]), "<u2").reshape(-1, 3)
        points = np.array(mesh["low"]) + np.array(mesh["step"]) * units
        first, count = model.mesh_vertadr[int(name)], model.mesh_vertnum[int(name)]
        own = model.mesh_vert[first : first + count]
        nearest = np.sqrt(((own[:, None] - points[None]) ** 2).sum(-1).min(1))
        assert nearest.max() < CELL * 3**0.5
        assert len(points) == mesh["num_vertices"] <= count
        assert faces.max() == len(points) - 1
        assert (faces[:, 0] != faces[:, 1]).all()


def test_any_rotation_is_a_quaternion() -> None:
    rng = np.random.default_rng(0)
    q = rng.normal(size=(200, 4))
    q[:8] = np.repeat(np.eye(4), 2, 0)  # no turn, and half turns
    q /= np.linalg.norm(q, axis=1, keepdims=True)
    matrices = np.empty((200, 9))
    for one, matrix in zip(q, matrices, strict=True):
        mujoco.mju_quat2Mat(matrix, one)
    assert (np.abs((quaternions(matrices) * q).sum(1)) > 1 - 1e-12).all()
