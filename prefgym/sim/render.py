"""Pictures of recorded physics states, rendered without a window.

Shadows and reflections are off: software rendering is many times as fast without them.
"""

import copy
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from prefgym.sim.floor import Floor
from prefgym.sim.gl import GLContext, MjModel, mujoco, open_gl
from prefgym.sim.gl import RenderingUnavailable as RenderingUnavailable

SITES = "site_pos"
"""The field of a model that follows every state of an environment of another package."""
STATE_SPEC = mujoco.mjtState.mjSTATE_FULLPHYSICS.value | mujoco.mjtState.mjSTATE_WARMSTART.value
"""The content of a recorded state: bits of `mujoco.mjtState`."""


class StateLoader:
    """Puts recorded states into MuJoCo's data, and the fields of the model that follow them into the model.

    Args:
        model: Model of the states; it is changed, so it has to be a copy.
        fields: Fields of the model that follow each state.
        spec: Content of the states, bits of `mujoco.mjtState`.
    """

    def __init__(self, model: MjModel, fields: tuple[str, ...] = (SITES,), spec: int = STATE_SPEC) -> None:
        self.model, self.data = model, mujoco.MjData(model)
        self.size: int = mujoco.mj_stateSize(model, spec)
        """Numbers of a state, without the fields."""
        self._fields, self._spec = fields, spec

    def following(self, width: int) -> tuple[str, ...] | None:
        """Return the fields that follow a state of a width: none, sites as in earlier versions, or all."""
        for fields in ((), (SITES,), self._fields):
            if width == self.size + sum(getattr(self.model, name).size for name in fields):
                return fields
        return None

    def load(self, state: NDArray[np.float64]) -> None:
        """Load a state (S,), of a width that `following` knows; nothing is computed from it."""
        first = self.size
        for name in self.following(len(state)) or ():
            field = getattr(self.model, name)
            field[...] = state[first : first + field.size].reshape(field.shape)
            first += field.size
        mujoco.mj_setState(self.model, self.data, state[: self.size], self._spec)


class StateRenderer:
    """Renders states of one model, in any number of calls, until it is closed.

    OpenGL lives in a thread of its own: which context is current is a property of the thread, so a viewer or a
    Gymnasium renderer in the calling thread keeps its own.

    Args:
        model: Model of the states; it is copied.
        width: Width of the pictures, in pixels.
        height: Height of the pictures, in pixels.
        camera: Fields of `mujoco.MjvCamera`, as in Gymnasium's `default_camera_config`. The camera moves along with
            the robot that body `trackbodyid` is part of, body 1 if that is not given; with 0 or -1 it stands still
            and looks at `lookat`. `model_fields` names the fields of the model that follow each state.
        spec: Content of the states, bits of `mujoco.mjtState`.

    Raises:
        RenderingUnavailable: If OpenGL is not available.
    """

    def __init__(
        self,
        model: MjModel,
        *,
        width: int = 320,
        height: int = 320,
        camera: Mapping[str, Any] | None = None,
        spec: int = STATE_SPEC,
    ) -> None:
        self._model = copy.copy(model)
        self._floor = Floor(self._model)
        self._model.vis.global_.offwidth = width
        self._model.vis.global_.offheight = height
        self._model.vis.quality.shadowsize = 0
        self._loader = StateLoader(self._model, fields_after(camera or {}), spec)
        self._camera = free_camera(self._model, camera or {})
        self._robot = followed_body(self._model, camera or {})
        self._shape = (height, width, 3)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefgym-render")
        self._resources: tuple[GLContext, Any, Any] | None = None
        try:
            self._resources = self._thread.submit(_open, self._model, width, height).result()
        finally:
            if self._resources is None:
                self._thread.shutdown()

    def __call__(self, states: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Render `states` (T, S); each may be followed by fields of the model. Shape: (T, H, W, 3).

        Raises:
            ValueError: If the states do not fit the model, or the renderer is closed.
        """
        if states.ndim != 2 or self._loader.following(states.shape[1]) is None:
            size = self._loader.size
            raise ValueError(f"states have shape {states.shape}, but those of this model have shape (T, {size})")
        if self._resources is None:
            raise ValueError("the renderer is closed")
        return self._thread.submit(self._draw, states, *self._resources[1:]).result()

    def close(self) -> None:
        """Free the resources of OpenGL; closing twice does nothing."""
        if self._resources is not None:
            gl, context, _ = self._resources
            # In this order: freed under another context, it would free that one's objects.
            self._thread.submit(lambda: (context.free(), gl.free())).result()
            self._thread.shutdown()
            self._resources = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def _draw(self, states: NDArray[np.float64], context: Any, scene: Any) -> NDArray[np.uint8]:  # noqa: ANN401
        height, width, _ = self._shape
        rect, option, everything = mujoco.MjrRect(0, 0, width, height), mujoco.MjvOption(), mujoco.mjtCatBit.mjCAT_ALL
        frames, data = np.empty((len(states), *self._shape), dtype=np.uint8), self._loader.data
        for frame, state in zip(frames, states, strict=True):
            self._loader.load(state)
            mujoco.mj_forward(self._model, data)
            if self._robot is not None:
                self._camera.lookat[:] = data.subtree_com[self._robot]
            self._floor.follow(data, self._camera.lookat)
            mujoco.mjv_updateScene(self._model, data, option, None, self._camera, everything.value, scene)
            self._floor.add_strips(scene, self._camera.lookat, self._camera.distance)
            mujoco.mjr_render(rect, scene, context)
            mujoco.mjr_readPixels(frame, None, rect, context)
        return frames[:, ::-1].copy()  # OpenGL counts rows from the bottom


class LazyRenderer:
    """Makes a renderer at the first picture; until then it needs no OpenGL."""

    def __init__(self, camera: Mapping[str, Any], width: int, height: int) -> None:
        """Keep the camera and the size of pictures: see `StateRenderer`."""
        self._camera, self._size = camera, (width, height)
        self._renderer: StateRenderer | None = None

    def __call__(self, model: MjModel, states: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Render states (T, S) of a model, the same one each time. Shape: (T, H, W, 3)."""
        if self._renderer is None:
            width, height = self._size
            self._renderer = StateRenderer(model, width=width, height=height, camera=self._camera)
        return self._renderer(states)

    def close(self) -> None:
        """Free the resources of OpenGL, if anything was drawn; closing twice does nothing."""
        if self._renderer is not None:
            self._renderer.close()


def render_states(
    model: MjModel,
    states: NDArray[np.float64],
    *,
    spec: int = STATE_SPEC,
    width: int = 320,
    height: int = 320,
    camera: Mapping[str, Any] | None = None,
) -> NDArray[np.uint8]:
    """Render `states` (T, S) of `model`, as `StateRenderer` does. Shape: (T, H, W, 3).

    Raises:
        RenderingUnavailable: If OpenGL is not available.
        ValueError: If the states do not fit the model.
    """
    with StateRenderer(model, width=width, height=height, camera=camera, spec=spec) as draw:
        return draw(states)


def _open(model: MjModel, width: int, height: int) -> tuple[GLContext, Any, Any]:
    gl = open_gl(width, height)
    try:
        context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
    except mujoco.FatalError as error:
        gl.free()
        raise RenderingUnavailable("OpenGL started, but MuJoCo cannot use it") from error
    mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, context)
    scene = mujoco.MjvScene(model, maxgeom=10_000)
    scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW.value] = 0
    scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION.value] = 0
    return gl, context, scene


def fields_after(camera: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the fields of the model that follow each state, which a camera of `StateRenderer` names."""
    return tuple(camera.get("model_fields", (SITES,)))


def followed_body(model: MjModel, camera: Mapping[str, Any]) -> int | None:
    """Return the root body of the robot that a camera of `StateRenderer` moves along with; None if it stands still."""
    body = int(camera.get("trackbodyid", 1))
    return int(model.body_rootid[body]) if 0 < body < model.nbody else None


def free_camera(model: MjModel, camera: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Make MuJoCo's camera from the fields that `StateRenderer` takes."""
    made = mujoco.MjvCamera()
    mujoco.mjv_defaultFreeCamera(model, made)
    # The default of MuJoCo, -45 degrees, is a view from above; walking is seen better from the side.
    made.azimuth, made.elevation = 90.0, -45.0 if followed_body(model, camera) is None else -20.0
    for name, value in camera.items():
        if name == "lookat":
            made.lookat[:] = value
        elif name not in ("trackbodyid", "model_fields"):
            setattr(made, name, value)
    return made
