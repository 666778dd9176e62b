"""Silhouettes of a model by MuJoCo's own renderer."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from prefgym.sim.capabilities import HasPhysics
from prefgym.sim.gl import mujoco, open_gl
from prefgym.sim.render import StateLoader, fields_after

View = tuple[int, float, float, float, tuple[float, float, float]]
"""Index of a state, azimuth, elevation, distance, and what is looked at."""


def silhouettes(
    physics: HasPhysics, states: NDArray[np.float64], views: Sequence[View], width: int, height: int
) -> list[NDArray[np.bool_]]:
    """Draw the silhouettes of everything but floors and mocap bodies. Shape of each: (H, W)."""
    loader = StateLoader(physics.model.__copy__(), fields_after(physics.camera))
    model, data = loader.model, loader.data
    model.vis.global_.offwidth, model.vis.global_.offheight = width, height
    is_mocap = model.body_mocapid[model.geom_bodyid] >= 0
    model.geom_group[(model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE.value) | is_mocap] = 5
    gl = open_gl(width, height)
    context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
    mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, context)
    scene, camera = mujoco.MjvScene(model, maxgeom=1000), mujoco.MjvCamera()
    for flag in ("SEGMENT", "IDCOLOR"):
        scene.flags[getattr(mujoco.mjtRndFlag, f"mjRND_{flag}").value] = 1
    rect, everything = mujoco.MjrRect(0, 0, width, height), mujoco.mjtCatBit.mjCAT_ALL.value
    drawn: list[NDArray[np.bool_]] = []
    for frame, camera.azimuth, camera.elevation, camera.distance, camera.lookat[:] in views:
        loader.load(states[frame])
        mujoco.mj_forward(model, data)
        mujoco.mjv_updateScene(model, data, mujoco.MjvOption(), None, camera, everything, scene)
        mujoco.mjr_render(rect, scene, context)
        pixels = np.empty((height, width, 3), np.uint8)
        mujoco.mjr_readPixels(pixels, None, rect, context)
        drawn.append((pixels.max(-1) > 0)[::-1])
    context.free()
    gl.free()
    return drawn
