"""What a segment looks like to a page: poses that the browser draws in 3-D, or a clip where there are no states."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from prefgym.common.errors import UserError
from prefgym.core.segments import Segments
from prefgym.evaluation.envs import make_evaluation_env
from prefgym.sim.capabilities import HasPhysics, physics_of
from prefgym.sim.gl import RenderingUnavailable
from prefgym.sim.render import StateRenderer
from prefgym.sim.source import EnvSource
from prefgym.sim.task import TaskSpec
from prefgym.video.clips import Frames, encode_mp4, segment_frames
from prefgym.video.film import fps_of
from prefgym.video.geometry import Geometry, geometry_of
from prefgym.video.poses import PoseReader, Poses, encode

POSES = "application/x-prefgym-poses"
"""Media type of poses: gzip, see `poses.py`."""
MP4 = "video/mp4"
KEYFRAMES = 8
"""Pictures of a clip from one that stands on its own to the next: a page goes to any of them."""


class CannotDraw(UserError):  # noqa: N818  (a sentence for people, not an error of theirs)
    """A segment has nothing that a page could show."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Drawing:
    """A segment for a page."""

    content: bytes
    media_type: str
    """`POSES` or `MP4`."""


class Drawer:
    """Draws segments of one environment for pages.

    Args:
        source: Builder of the environments.
        width: Width of rendered pictures, in pixels.
        height: Height of rendered pictures, in pixels.
    """

    def __init__(self, source: EnvSource, *, width: int = 480, height: int = 360) -> None:
        self.name = source.name
        self._env: VectorEnv[Any, Any, Any] = make_evaluation_env(source, 1, 1)
        self._size = width, height
        self._renderer: StateRenderer | None = None

    @property
    def dt(self) -> float:
        """Return the seconds of simulated time between two states."""
        task: object = getattr(self._env.unwrapped, "task", None)
        return task.dt if isinstance(task, TaskSpec) else 1 / fps_of(self._env)

    @cached_property
    def shapes(self) -> Geometry | None:
        """Return what is drawn of the model; None where there is no MuJoCo model."""
        physics = self._physics
        return None if physics is None else geometry_of(physics.model, physics.camera, self.dt)

    def geometry(self) -> bytes | None:
        """Return what a page needs once, as JSON; None where there is no MuJoCo model."""
        return None if self.shapes is None else self.shapes.to_json()

    def draw(self, segment: Segments) -> Drawing:
        """Draw a segment without batch axes: its poses if it has states, or else its recorded pictures.

        Raises:
            CannotDraw: If it has neither, or its states are those of another model.
        """
        if self._reader is None or segment.state is None:
            return self.clip(segment)
        return Drawing(content=encode(self.poses(segment), self._reader.geometry), media_type=POSES)

    def poses(self, segment: Segments) -> Poses:
        """Return the poses of all moving shapes of a segment, in every state of it.

        Raises:
            CannotDraw: If it has no states, there is no model, or the states are those of another one.
        """
        if self._reader is None or segment.state is None:
            raise self._refusal(segment)
        try:
            return self._reader(segment.state[: int(segment.length) + 1].double().numpy())
        except ValueError as error:
            raise CannotDraw(f"a segment of {self.name} cannot be drawn: {error}.") from error

    def clip(self, segment: Segments) -> Drawing:
        """Draw a segment as a video of its pictures, one for each state or recorded picture, in real time.

        Raises:
            CannotDraw: If it has neither states nor pictures, or pictures cannot be rendered.
        """
        frames = _even(self.pictures(segment))
        return Drawing(content=encode_mp4(frames, 1 / self.dt, keyframes=KEYFRAMES), media_type=MP4)

    def pictures(self, segment: Segments) -> Frames:
        """Return the pictures of a segment: recorded ones, or else those of its states. Shape: (T, H, W, 3).

        Raises:
            CannotDraw: If it has neither states nor pictures, or pictures cannot be rendered.
        """
        try:
            frames = segment_frames(segment, None if segment.frames is not None else self._open_renderer())
        except (RenderingUnavailable, ValueError) as error:
            raise CannotDraw(f"a segment of {self.name} cannot be drawn: {str(error).rstrip('.')}.") from error
        if frames is None:
            raise self._refusal(segment)
        return frames

    def close(self) -> None:
        """Free the resources of OpenGL; closing twice does nothing."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    @cached_property
    def _physics(self) -> HasPhysics | None:
        physics = physics_of(self._env)
        return None if physics is None or physics.model is None else physics

    @cached_property
    def _reader(self) -> PoseReader | None:
        if self._physics is None or self.shapes is None:
            return None
        return PoseReader(self._physics.model, self._physics.camera, self.shapes)

    def _open_renderer(self) -> StateRenderer | None:
        if self._renderer is None and self._physics is not None:
            width, height = self._size
            self._renderer = StateRenderer(self._physics.model, width=width, height=height, camera=self._physics.camera)
        return self._renderer

    def _refusal(self, segment: Segments) -> CannotDraw:
        lacks = "neither physics states nor pictures" if segment.state is None else "states, but no model to draw them"
        return CannotDraw(f"a segment of {self.name} cannot be drawn: it has {lacks}.")


def drawer_of(env: EnvSource | str, *, width: int = 480, height: int = 360) -> Drawer:
    """Make what draws segments of an environment; arguments as for `Drawer`.

    Raises:
        UserError: If the environment cannot be made.
    """
    return Drawer(EnvSource.of(env), width=width, height=height)


def _even(frames: NDArray[np.uint8]) -> Frames:
    """Repeat the last row or column of pictures (T, H, W, 3) of odd sizes."""
    _, height, width, _ = frames.shape
    return np.pad(frames, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), "edge")
