"""Pictures of segments for raters that look: recorded ones, or rendered from physics states."""

import torch
from torch import Tensor

from prefgym.common.errors import UserError
from prefgym.core.segments import Segments
from prefgym.sim.capabilities import HasPhysics
from prefgym.sim.gl import RenderingUnavailable
from prefgym.sim.render import LazyRenderer

SIZE = (320, 240)
"""Width and height of rendered pictures, in pixels."""


class Pictures:
    """Makes pictures of segments; OpenGL is opened at the first one.

    Args:
        physics: The layer of the environment with its physics states; None without.
        name: Name of the environment, for messages.
        size: Width and height of rendered pictures, in pixels; recorded ones have their own.
    """

    def __init__(self, physics: HasPhysics | None, name: str, size: tuple[int, int] = SIZE) -> None:
        self._physics = None if physics is None or physics.model is None else physics
        self._name = name
        self._renderer = None if self._physics is None else LazyRenderer(self._physics.camera, *size)

    def __call__(self, segments: Segments) -> Tensor:
        """Return the picture before each step of each segment, zeros behind its last one.

        Returns:
            Shape: (..., T, H, W, 3), uint8.

        Raises:
            UserError: If segments have neither pictures nor states, or pictures cannot be rendered.
        """
        if segments.frames is not None:
            return segments.frames
        if segments.state is None or self._physics is None:
            raise UserError(f"segments of {self._name} have neither pictures nor physics states to draw them from.")
        rows = segments.map(lambda array: array.reshape(-1, *array.shape[len(segments.batch_shape) :]))
        drawn = [self._draw(rows[row]) for row in range(len(rows))]
        return torch.stack(drawn).reshape(*segments.batch_shape, *drawn[0].shape)

    def _draw(self, segment: Segments) -> Tensor:
        """Draw one segment. Shape: (T, H, W, 3)."""
        length = int(segment.length)
        assert segment.state is not None and self._physics is not None and self._renderer is not None
        try:
            frames = self._renderer(self._physics.model, segment.state[:length].double().cpu().numpy())
        except RenderingUnavailable as error:
            raise UserError(f"{error}.") from error
        shown = torch.zeros(segment.num_steps, *frames.shape[1:], dtype=torch.uint8)
        shown[:length] = torch.as_tensor(frames)
        return shown

    def close(self) -> None:
        """Free the resources of OpenGL; closing twice does nothing."""
        if self._renderer is not None:
            self._renderer.close()
