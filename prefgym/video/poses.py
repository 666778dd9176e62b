"""Poses of all moving shapes of a segment, from its physics states, as a few bytes.

Positions are whole multiples of `PLACE`, and turns of `TURN` or `AXIS`: the error is bounded wherever a robot is, and
nothing has to be scaled. A number is stored as the change of its change (or its change, whichever is smaller in a
row), so that small motions take few bits; positions are relative to the root of their kinematic tree. A ball needs no
turn, and a capsule or a cylinder only the direction of its axis.

After gzip, in this order, little endian:

    uint32            bytes of the header
    header            JSON, see `Header`, padded with blanks to a multiple of 4
    uint8 [row]       1 if a row holds changes, 2 if it holds changes of changes
    uint8 [4][row][T] numbers of all rows, zigzag coded, 32 bits: all lowest bytes first, then the second ones, ...

Rows are, for each tree, x, y and z of its root; then for each shape x, y, z and its 0, 3 or 4 numbers of turn.
"""

import copy
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from prefgym.common.errors import DamageError
from prefgym.sim.gl import MjModel, mujoco
from prefgym.sim.render import StateLoader, fields_after
from prefgym.video.geometry import Geometry, Shape, quaternions, shape_of

FloatArray = NDArray[np.float64]

VERSION = 1
"""Version of the format."""
PLACE = 2e-5
"""Unit of positions, in metres: they are off by half of it at most."""
TURN = 1 / 16384
"""Unit of quaternions."""
AXIS = 1 / 8192
"""Unit of axes."""


class Header(TypedDict):
    """The numbers before the rows."""

    version: int
    frames: int
    """States, T."""
    origin: list[float]
    """What is subtracted from x and y."""
    trees: int
    """Number of kinematic trees."""
    tree: list[int]
    """The tree of each shape."""
    turns: list[int]
    """Numbers of turn of each shape: 0, 3 or 4."""
    units: list[float]
    """Units of positions, axes and quaternions."""
    changes: list[list[Any]]
    """Shapes that differ from the geometry in this segment: index, size, rgba."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Poses:
    """Where all shapes are."""

    origin: FloatArray
    """What is to be added to x and y for MuJoCo's own. Shape: (3,)."""
    roots: FloatArray
    """Roots of the trees. Shape: (T, K, 3)."""
    places: FloatArray
    """Shape: (T, G, 3)."""
    turns: FloatArray
    """Quaternions (w, x, y, z); a decoded one of a capsule or a cylinder turns z onto its axis. Shape: (T, G, 4)."""
    changes: tuple[tuple[int, tuple[float, ...], tuple[float, ...]], ...] = ()
    """Shapes that differ from the geometry: index, size, rgba."""


class PoseReader:
    """Computes poses from states of a model.

    Args:
        model: Model of the states; it is copied.
        camera: See `prefgym.sim.render.StateRenderer`.
        geometry: What is drawn of the model.
    """

    def __init__(self, model: MjModel, camera: Mapping[str, Any], geometry: Geometry) -> None:
        self._loader = StateLoader(copy.copy(model), fields_after(camera))
        self.geometry = geometry
        sources = list(enumerate(geometry.sources))
        self._geoms = [(place, one.index) for place, one in sources if not one.is_site]
        self._sites = [(place, one.index) for place, one in sources if one.is_site]

    def __call__(self, states: FloatArray) -> Poses:
        """Return the poses of states (T, S).

        MuJoCo computes them state by state, since a model has one set of data.

        Raises:
            ValueError: If the states do not fit the model.
        """
        if states.ndim != 2 or not len(states) or self._loader.following(states.shape[1]) is None:
            size = self._loader.size
            raise ValueError(f"states have shape {states.shape}, but those of this model have shape (T, {size})")
        geometry, data, num = self.geometry, self._loader.data, len(states)
        roots = np.empty((num, len(geometry.trees), 3))
        places, turns = np.empty((num, len(geometry.moving), 3)), np.empty((num, len(geometry.moving), 9))
        kinds = [
            (*map(list, zip(*pairs)), getattr(data, f"{kind}_xpos"), getattr(data, f"{kind}_xmat"))
            for kind, pairs in (("geom", self._geoms), ("site", self._sites)) if pairs
        ]  # fmt: skip
        trees = list(geometry.trees)
        for frame, state in enumerate(states):
            self._loader.load(state)
            mujoco.mj_kinematics(self._loader.model, data)
            roots[frame] = data.xpos[trees]
            for at, index, xpos, xmat in kinds:
                places[frame, at], turns[frame, at] = xpos[index], xmat[index]
        origin = np.array([*roots[0, geometry.follow, :2], 0.0]) if geometry.roams else np.zeros(3)
        return Poses(
            origin=origin, roots=roots - origin, places=places - origin, turns=_steady(quaternions(turns)),
            changes=self._changes(),
        )  # fmt: skip

    def _changes(self) -> tuple[tuple[int, tuple[float, ...], tuple[float, ...]], ...]:
        """Return the shapes that the fields of the last state made differ; they are the same in a whole episode."""
        geometry, model = self.geometry, self._loader.model
        now = [shape_of(model, source, shape.tree) for source, shape in zip(geometry.sources, geometry.moving)]
        pairs = enumerate(zip(now, geometry.moving, strict=True))
        return tuple((k, one.size, one.rgba) for k, (one, known) in pairs if one != known)


def encode(poses: Poses, geometry: Geometry) -> bytes:
    """Pack poses."""
    num = len(poses.places)
    numbers = [_turns_of(shape) for shape in geometry.moving]
    tree = [shape.tree for shape in geometry.moving]
    roots, places = (np.rint(array / PLACE).astype(np.int64) for array in (poses.roots, poses.places))
    own = places - roots[:, tree]
    turned = np.rint(poses.turns / TURN).astype(np.int64)
    axes = np.rint(axes_of(poses.turns) / AXIS).astype(np.int64)
    rows = [roots.reshape(num, -1)]
    for shape, count in enumerate(numbers):
        turn = {0: own[:, shape, :0], 3: axes[:, shape], 4: turned[:, shape]}[count]
        rows += [own[:, shape], turn]
    order, coded = _changes_of(np.concatenate(rows, 1).T)
    header: Header = {
        "version": VERSION, "frames": num, "origin": poses.origin.tolist(), "trees": len(geometry.trees), "tree": tree,
        "turns": numbers, "units": [PLACE, AXIS, TURN], "changes": [list(one) for one in poses.changes],
    }  # fmt: skip
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    planes = coded.astype("<u4").reshape(-1, 1).view(np.uint8).T.tobytes()
    content = np.uint32(len(text)).astype("<u4").tobytes() + text + order.tobytes() + planes
    return gzip.compress(content, 9, mtime=0)


def decode(content: bytes) -> Poses:
    """Unpack what `encode` packed.

    Raises:
        DamageError: If it is damaged.
    """
    try:
        return _decode(gzip.decompress(content))
    except (EOFError, KeyError, IndexError, OSError, TypeError, ValueError) as error:
        raise DamageError("poses are damaged: they cannot be read.") from error


def axes_of(turns: FloatArray) -> FloatArray:
    """Return where quaternions (..., 4) turn the z axis. Shape: (..., 3)."""
    w, x, y, z = np.moveaxis(turns, -1, 0)
    return np.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)], -1)


def turns_to(axes: FloatArray) -> FloatArray:
    """Return the shortest turns from the z axis to axes (..., 3). Shape: (..., 4)."""
    axes = axes / np.linalg.norm(axes, axis=-1, keepdims=True)
    x, y, z = np.moveaxis(axes, -1, 0)
    turns = np.stack([1 + z, -y, x, np.zeros_like(z)], -1)
    opposite = (1 + z < 1e-9)[..., None]
    turns = np.where(opposite, np.array([0.0, 1.0, 0.0, 0.0]), turns)
    return turns / np.linalg.norm(turns, axis=-1, keepdims=True)


def _turns_of(shape: Shape) -> int:
    return {"sphere": 0, "capsule": 3, "cylinder": 3}.get(shape.type, 4)


def _steady(turns: FloatArray) -> FloatArray:
    """Choose the signs of quaternions (T, G, 4) so that none jumps."""
    jumps = np.where((turns[1:] * turns[:-1]).sum(-1, keepdims=True) < 0, -1.0, 1.0)
    return turns * np.concatenate([np.ones_like(turns[:1, :, :1]), np.cumprod(jumps, 0)])


def _changes_of(rows: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return, for rows (R, T), how often each was differenced, and the zigzag code of the differences."""
    once = np.diff(rows, axis=1, prepend=0)
    twice = np.diff(once, axis=1, prepend=0)
    bits = [np.log2(1.0 + np.abs(change)).sum(1) for change in (once, twice)]
    order = np.where(bits[1] < bits[0], 2, 1).astype(np.uint8)
    best = np.where((order == 2)[:, None], twice, once)
    return order, (best << 1) ^ (best >> 63)


def _decode(content: bytes) -> Poses:
    size = int(np.frombuffer(content, "<u4", 1)[0])
    header: Header = json.loads(content[4 : 4 + size])
    if header["version"] != VERSION:
        raise DamageError(f"poses of version {header['version']} were written by a later version of prefgym.")
    num, turns, trees = header["frames"], header["turns"], header["trees"]
    num_rows = 3 * trees + sum(3 + count for count in turns)
    order = np.frombuffer(content, np.uint8, num_rows, 4 + size)
    planes = np.frombuffer(content, np.uint8, offset=4 + size + num_rows).reshape(4, num_rows, num)
    coded = (planes.astype(np.int64) << np.array([0, 8, 16, 24])[:, None, None]).sum(0)
    once: NDArray[np.int64] = np.cumsum((coded >> 1) ^ -(coded & 1), 1)
    rows: NDArray[np.int64] = np.where((order == 2)[:, None], np.cumsum(once, 1), once)
    place, axis, turn = header["units"]
    roots: FloatArray = rows[: 3 * trees].reshape(trees, 3, num).transpose(2, 0, 1).astype(np.float64)
    places, turned, at = np.empty((num, len(turns), 3)), np.zeros((num, len(turns), 4)), 3 * trees
    for shape, count in enumerate(turns):
        places[:, shape] = rows[at : at + 3].T + roots[:, header["tree"][shape]]
        own: FloatArray = rows[at + 3 : at + 3 + count].T.astype(np.float64)
        at += 3 + count
        turned[:, shape] = turns_to(own * axis) if count == 3 else own * turn if count else (1.0, 0.0, 0.0, 0.0)
    changes = tuple((int(k), tuple(size), tuple(rgba)) for k, size, rgba in header["changes"])
    return Poses(
        origin=np.array(header["origin"]), roots=roots * place, places=places * place,
        turns=turned / np.linalg.norm(turned, axis=-1, keepdims=True), changes=changes,
    )  # fmt: skip
