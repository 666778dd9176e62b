"""What of a task's model is drawn, for a page: shapes that move, shapes that stand, the floor, meshes and a camera.

Poses of the moving shapes come with each segment (`poses.py`); everything else is here, once per task.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prefgym.sim.gl import MjModel, mujoco
from prefgym.sim.render import fields_after, followed_body, free_camera

VERSION = 1
"""Version of the format."""
NUM_GROUPS = 3
"""MuJoCo draws shapes of the groups below this one."""
CELL = 2e-3
"""Side of the cells within which vertices of a mesh become one, in metres."""
POSED = ("body_pos", "body_quat", "geom_pos", "geom_quat")
"""Fields of a model with which shapes move that hang on nothing that moves."""

_TYPES = {
    int(getattr(mujoco.mjtGeom, f"mjGEOM_{name.upper()}").value): name
    for name in ("plane", "sphere", "capsule", "ellipsoid", "cylinder", "box", "mesh")
}
_GREY = (0.5, 0.5, 0.5, 1.0)
"""The colour of a geom that was given none: its material's colour is drawn in its place."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A geom or a site."""

    name: str
    type: str
    """sphere, capsule, ellipsoid, cylinder, box or mesh."""
    size: tuple[float, ...]
    """As in MuJoCo: the second number of a capsule or a cylinder is half its length."""
    rgba: tuple[float, ...]
    """As MuJoCo draws it."""
    body: str
    """Name of its body."""
    tree: int
    """Place of its kinematic tree in `Geometry.trees`; -1 for shapes of the world."""
    mesh: str | None = None
    """Key in `Geometry.meshes`."""
    place: tuple[float, ...] | None = None
    """Where it stands; None if it moves."""
    turn: tuple[float, ...] | None = None
    """How it stands (w, x, y, z); None if it moves."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a model keeps a shape."""

    is_site: bool
    index: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Geometry:
    """What is drawn of a model."""

    moving: tuple[Shape, ...]
    """Shapes whose poses a segment holds, in its order."""
    standing: tuple[Shape, ...]
    sources: tuple[Source, ...]
    """Where the model keeps each of the moving shapes."""
    trees: tuple[int, ...]
    """Root bodies of the moving shapes; the world, 0, is one."""
    follow: int
    """Place in `trees` of the robot that the camera follows; -1 for a camera that stands still."""
    roams: bool
    """Whether nothing but endless floors stands, so that a segment may begin at the middle of the floor."""
    floor: float | None
    """Height of the floor."""
    azimuth: float
    """From where the model's own camera looks at the robot, in degrees, as MuJoCo counts."""
    home: dict[str, Any] | None
    """A camera that stands still: azimuth, elevation, distance, lookat; None where it follows a robot."""
    fovy: float
    dt: float
    """Seconds between two states."""
    meshes: dict[str, Any] = field(default_factory=dict[str, Any])

    def to_json(self) -> bytes:
        """Write it as JSON, without what only Python needs."""
        fields = {name: value for name, value in vars(self).items() if name not in ("moving", "standing", "sources")}
        shapes = {name: [_spare(shape) for shape in getattr(self, name)] for name in ("moving", "standing")}
        return json.dumps({"version": VERSION, **fields, **shapes}, separators=(",", ":"), allow_nan=False).encode()


def geometry_of(model: MjModel, camera: Mapping[str, Any], dt: float) -> Geometry:
    """Look up what is drawn of a model.

    Left out are shapes that MuJoCo does not draw by itself, height fields, and shapes on mocap bodies, whose place a
    recorded state does not hold.

    Args:
        model: Model of the states.
        camera: See `prefgym.sim.render.StateRenderer`.
        dt: Seconds between two states.
    """
    fields = fields_after(camera)
    all_move = any(name in POSED for name in fields)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    moving: list[tuple[Source, int]] = []
    standing: list[Shape] = []
    geoms = [geom for geom in range(model.ngeom) if _is_drawn(model, geom)]
    floors = [geom for geom in geoms if _is_floor(model, geom)]
    for geom in geoms:
        body = int(model.geom_bodyid[geom])
        if geom in floors or model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_PLANE.value:
            continue
        if all_move or model.body_weldid[body]:
            moving.append((Source(is_site=False, index=geom), int(model.body_rootid[body])))
        else:
            shape = shape_of(model, Source(is_site=False, index=geom), -1)
            turn = quaternions(data.geom_xmat[geom][None])[0]
            standing.append(_put(shape, data.geom_xpos[geom], turn))
    for site in range(model.nsite):  # goals that differ from episode to episode are sites
        if model.site_group[site] < NUM_GROUPS and model.site_rgba[site, 3] > 0:
            root = int(model.body_rootid[int(model.site_bodyid[site])])
            moving.append((Source(is_site=True, index=site), root))
    robot = followed_body(model, camera)
    trees = tuple(sorted({root for _, root in moving} | ({robot} if robot is not None else set())))
    shapes = tuple(shape_of(model, source, trees.index(root)) for source, root in moving)
    used = [name for name in dict.fromkeys(shape.mesh for shape in (*shapes, *standing)) if name]
    return Geometry(
        moving=shapes,
        standing=tuple(standing),
        sources=tuple(source for source, _ in moving),
        trees=trees,
        follow=-1 if robot is None else trees.index(robot),
        roams=not standing and 0 not in trees and robot is not None,
        floor=min((float(model.geom_pos[geom, 2]) for geom in floors), default=None),
        azimuth=_azimuth(model, data, robot),
        home=_home(model, data, camera) if robot is None else None,
        fovy=float(model.vis.global_.fovy),
        dt=dt,
        meshes={name: _mesh(model, int(name)) for name in used},
    )


def shape_of(model: MjModel, source: Source, tree: int) -> Shape:
    """Describe a geom or a site as MuJoCo draws it."""
    kind, index = ("site" if source.is_site else "geom"), source.index
    body = int(getattr(model, f"{kind}_bodyid")[index])
    type_name = _TYPES[int(getattr(model, f"{kind}_type")[index])]
    rgba, material = getattr(model, f"{kind}_rgba")[index], int(getattr(model, f"{kind}_matid")[index])
    if material >= 0 and np.allclose(rgba, _GREY):
        rgba = model.mat_rgba[material]
    return Shape(
        name=getattr(model, kind)(index).name,
        type=type_name,
        size=tuple(round(float(part), 7) for part in getattr(model, f"{kind}_size")[index]),
        rgba=tuple(round(float(part), 4) for part in rgba),
        body=model.body(body).name,
        tree=tree,
        mesh=str(int(model.geom_dataid[index])) if type_name == "mesh" else None,
    )


def quaternions(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn rotation matrices (..., 9), row by row, into quaternions (w, x, y, z). Shape: (..., 4).

    >>> quaternions(np.array([0, -1, 0, 1, 0, 0, 0, 0, 1.0])).round(4).tolist()  # a quarter turn about z
    [0.7071, 0.0, 0.0, 0.7071]
    """
    a, b, c, d, e, f, g, h, i = np.moveaxis(matrices, -1, 0)
    # 4 q q^T: any row is the quaternion times a number; the one with the largest diagonal loses no digits
    products = np.stack([
        np.stack([1 + a + e + i, h - f, c - g, d - b], -1),
        np.stack([h - f, 1 + a - e - i, b + d, c + g], -1),
        np.stack([c - g, b + d, 1 - a + e - i, f + h], -1),
        np.stack([d - b, c + g, f + h, 1 - a - e + i], -1),
    ], -2)  # fmt: skip
    best = np.diagonal(products, axis1=-2, axis2=-1).argmax(-1)[..., None, None]
    rows = np.take_along_axis(products, best, -2)[..., 0, :]
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def _is_drawn(model: MjModel, geom: int) -> bool:
    is_mocap = model.body_mocapid[int(model.geom_bodyid[geom])] >= 0
    is_known = int(model.geom_type[geom]) in _TYPES
    rgba = shape_of(model, Source(is_site=False, index=geom), -1).rgba if is_known else (0.0,)
    return bool(is_known and not is_mocap and model.geom_group[geom] < NUM_GROUPS and rgba[-1] > 0)


def _is_floor(model: MjModel, geom: int) -> bool:
    """Return whether a geom is a level plane of the world, as `prefgym.sim.floor` has it."""
    is_plane = model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_PLANE.value
    return bool(is_plane and model.geom_bodyid[geom] == 0 and abs(model.geom_quat[geom, 0]) > 1 - 1e-6)


def _put(shape: Shape, place: NDArray[np.float64], turn: NDArray[np.float64]) -> Shape:
    return replace(shape, place=tuple(_rounded(place)), turn=tuple(_rounded(turn)))


def _rounded(numbers: NDArray[np.float64]) -> list[float]:
    """Round to a tenth of a micrometre."""
    return [round(float(number), 7) for number in numbers]


def _spare(shape: Shape) -> dict[str, Any]:
    """Return the fields of a shape that say something."""
    return {name: value for name, value in asdict(shape).items() if value is not None}


def _azimuth(model: MjModel, data: Any, robot: int | None) -> float:  # noqa: ANN401
    """Return from where the first camera that tracks the robot looks; 90 without one."""
    tracking = (mujoco.mjtCamLight.mjCAMLIGHT_TRACK.value, mujoco.mjtCamLight.mjCAMLIGHT_TRACKCOM.value)
    for camera in range(model.ncam):
        offset = data.cam_xpos[camera] - data.xpos[robot or 0]
        if robot is not None and model.cam_mode[camera] in tracking and np.hypot(*offset[:2]) > 1e-3:
            return round(float(np.degrees(np.arctan2(-offset[1], -offset[0]))), 3)
    return 90.0


def _home(model: MjModel, data: Any, config: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ANN401
    """Return the camera that stands still: that of the pictures, a fixed one of the model as seen at its start."""
    camera = free_camera(model, config)
    if camera.type != mujoco.mjtCamera.mjCAMERA_FIXED.value:
        look, numbers = camera.lookat, (camera.azimuth, camera.elevation, camera.distance)
    else:
        place, forward = data.cam_xpos[camera.fixedcamid], -data.cam_xmat[camera.fixedcamid].reshape(3, 3)[:, 2]
        distance = max(float(np.dot(model.stat.center - place, forward)), 0.2)
        look = place + distance * forward
        azimuth = np.degrees(np.arctan2(forward[1], forward[0]))
        numbers = (azimuth, np.degrees(np.arcsin(np.clip(forward[2], -1, 1))), distance)
    home: dict[str, Any] = {name: round(float(x), 4) for name, x in zip(("azimuth", "elevation", "distance"), numbers)}
    return {**home, "lookat": [round(float(part), 4) for part in look]}


def _mesh(model: MjModel, mesh: int) -> dict[str, Any]:
    """Pack a mesh: vertices as 16-bit integers within its box, those of one cell as one, and faces without area."""
    first, count = int(model.mesh_vertadr[mesh]), int(model.mesh_vertnum[mesh])
    face, num_faces = int(model.mesh_faceadr[mesh]), int(model.mesh_facenum[mesh])
    vertices = np.asarray(model.mesh_vert[first : first + count], np.float64)
    cells, joined = np.unique(np.round(vertices / CELL), axis=0, return_inverse=True)
    sums = np.zeros_like(cells)
    np.add.at(sums, joined.reshape(-1), vertices)
    points: NDArray[np.float64] = sums / np.bincount(joined.reshape(-1))[:, None]
    faces = joined.reshape(-1)[np.asarray(model.mesh_face[face : face + num_faces], np.int64)]
    has_area = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    faces = faces[has_area]
    low: NDArray[np.float64] = points.min(0)
    step: NDArray[np.float64] = np.maximum((points.max(0) - low) / 65535, 1e-9)
    units: NDArray[np.uint16] = np.asarray(np.round((points - low) / step), "<u2")
    numbers = {"low": [round(float(x), 9) for x in low], "step": [float(f"{x:.9g}") for x in step]}
    kind = "<u2" if len(points) <= 1 << 16 else "<u4"
    packed: dict[str, bytes] = {"vertices": units.tobytes(), "faces": faces.astype(kind).tobytes()}
    return {
        "num_vertices": len(points), "num_faces": len(faces), **numbers,
        **{name: base64.b64encode(content).decode("ascii") for name, content in packed.items()},
    }  # fmt: skip
