"""An endless floor for pictures, ruled in metres, so that one sees how fast a robot moves, wherever it is.

MuJoCo's own infinite planes take more than twice as long in software rendering. So a floor is a large square that moves
along with the camera, by whole periods of its pattern.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from prefgym.sim.gl import MjModel, mujoco

TILES = (211, 217, 223), (189, 198, 207)
"""Colours of the tiles, of a metre each."""
RULE = (150, 161, 172)
"""Colour of the lines between them."""
SKY = (226, 232, 238)
"""Colour of the sky."""
PERIOD = 2.0
"""Metres after which the pattern of the tiles repeats."""
_REACH = 60.0
"""Metres from the middle of a floor to its edge, which is the horizon."""
_STRIPS = 24
"""Pairs of strips on floors without a texture."""
_NEAR = 2.0
"""Metres from the camera below which strips are a decimetre wide."""


class Floor:
    """The floors of a model, which is changed: its level planes, painted and endless.

    Args:
        model: Model for pictures alone.
    """

    def __init__(self, model: MjModel) -> None:
        self._model = model
        is_plane = model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE.value
        is_level = is_plane & (model.geom_bodyid == 0) & (np.abs(model.geom_quat[:, 0]) > 1 - 1e-6)
        self._floors: list[int] = np.flatnonzero(is_level).tolist()
        self._bare = [floor for floor in self._floors if not self._paint_tiles(floor)]
        for texture in np.flatnonzero(model.tex_type == mujoco.mjtTexture.mjTEXTURE_SKYBOX.value).tolist():
            _paint(model, texture, np.broadcast_to(np.array(SKY, np.uint8), (*_size(model, texture), 3)))
        if not model.nlight:  # the light of the camera alone is too weak
            model.vis.headlight.ambient[:], model.vis.headlight.diffuse[:] = 0.45, 0.5

    def follow(self, data: Any, lookat: NDArray[np.float64]) -> None:  # noqa: ANN401
        """Put the floors below the camera; call it between `mj_forward` and `mjv_updateScene`."""
        for floor in self._floors:
            data.geom_xpos[floor, :2] = PERIOD * np.round(lookat[:2] / PERIOD)

    def add_strips(self, scene: Any, lookat: NDArray[np.float64], distance: float) -> None:  # noqa: ANN401
        """Lay strips in both directions over the floors that have no texture; they stay where they are."""
        width = 1.0 if distance > _NEAR else 0.1
        for floor in self._bare:
            height = float(self._model.geom_pos[floor, 2])
            for axis in (0, 1):
                size = np.array([width / 2, width / 2, 5e-4 * width])
                size[1 - axis] = 2 * _STRIPS * width
                for k in range(-_STRIPS, _STRIPS + 1):
                    place = np.array([lookat[0], lookat[1], height])
                    place[axis] = 2 * width * (np.round(lookat[axis] / (2 * width)) + k) + width / 2
                    _add_box(scene, size, place)

    def _paint_tiles(self, floor: int) -> bool:
        model, material = self._model, int(self._model.geom_matid[floor])
        model.geom_size[floor, :2] = _REACH
        used = [] if material < 0 else [texture for texture in model.mat_texid[material].tolist() if texture >= 0]
        texture, flat = next(iter(used), -1), mujoco.mjtTexture.mjTEXTURE_2D.value
        if texture < 0 or model.tex_type[texture] != flat or model.tex_nchannel[texture] < 3:
            model.geom_matid[floor], model.geom_rgba[floor] = -1, (*(np.array(TILES[0]) / 255), 1.0)
            return False
        model.geom_rgba[floor] = model.mat_rgba[material] = 1.0
        model.mat_specular[material] = model.mat_reflectance[material] = 0.0
        model.mat_texuniform[material], model.mat_texrepeat[material] = True, 1 / PERIOD
        _paint(model, texture, _tiles(*_size(model, texture)))
        return True


def _size(model: MjModel, texture: int) -> tuple[int, int]:
    return int(model.tex_height[texture]), int(model.tex_width[texture])


def _add_box(scene: Any, size: NDArray[np.float64], place: NDArray[np.float64]) -> None:  # noqa: ANN401
    if scene.ngeom < scene.maxgeom:
        rgba, kind = np.array([0.2, 0.25, 0.3, 0.1], np.float32), mujoco.mjtGeom.mjGEOM_BOX.value
        mujoco.mjv_initGeom(scene.geoms[scene.ngeom], kind, size, place, np.eye(3).reshape(-1), rgba)
        scene.ngeom += 1


def _paint(model: MjModel, texture: int, picture: NDArray[np.uint8]) -> None:
    """Write a picture (H, W, 3) over a texture."""
    num, start = int(model.tex_nchannel[texture]), int(model.tex_adr[texture])
    pixels = np.full((*picture.shape[:2], num), 255, np.uint8)
    pixels[:, :, :3] = picture[:, :, : min(num, 3)]
    model.tex_data[start : start + pixels.size] = pixels.reshape(-1)


def _tiles(height: int, width: int) -> NDArray[np.uint8]:
    """Draw two times two tiles with lines between them. Shape: (H, W, 3)."""
    rows, columns = np.indices((height, width))
    is_dark = (rows * 2 // height + columns * 2 // width) % 2
    picture = np.array(TILES, np.uint8)[is_dark]
    line = max(1, height // 60)
    picture[(rows % max(height // 2, 1) < line) | (columns % max(width // 2, 1) < line)] = RULE
    return picture
