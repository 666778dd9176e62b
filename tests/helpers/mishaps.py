"""An environment of somebody's own, in which something happens: `--env mishaps:Robot --env.kwargs fails_at=300`."""

import os
import signal
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

steps_of_all = 0
"""Steps of all robots of this process."""


class Robot(gym.Env[Any, Any]):
    """A point on a line that is rewarded for its place.

    Args:
        fails_at: Step of all robots together at which the connection breaks; 0 for never.
        comes_back: Whether only this step fails, and those after it work.
        signal_at: Step of all robots together at which the process gets a signal; 0 for never.
        signal_number: Number of that signal.
        length: Steps of an episode; 0 for an environment without an end.
        alpha: Whether pictures have a fourth channel.
    """

    observation_space = gym.spaces.Box(-10, 10, (2,), np.float32)
    action_space = gym.spaces.Box(-1, 1, (1,), np.float32)
    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012  (as Gymnasium has it)

    def __init__(
        self,
        *,
        fails_at: int = 0,
        comes_back: bool = False,
        signal_at: int = 0,
        signal_number: int = signal.SIGTERM,
        length: int = 20,
        alpha: bool = False,
        render_mode: str | None = None,
    ) -> None:
        self.fails_at, self.comes_back, self.length, self.alpha = fails_at, comes_back, length, alpha
        self.signal_at, self.signal_number, self.render_mode = signal_at, signal_number, render_mode
        self.place, self.steps = 0.0, 0

    def _obs(self) -> npt.NDArray[np.float32]:
        return np.array([self.place, self.steps / 100], np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin near the middle."""
        super().reset(seed=seed)
        self.place, self.steps = float(self.np_random.normal()), 0
        return self._obs(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:  # noqa: ANN401
        """Move, unless something happens."""
        global steps_of_all
        steps_of_all += 1
        if self.fails_at and (steps_of_all == self.fails_at or (steps_of_all > self.fails_at and not self.comes_back)):
            raise ConnectionError("the robot is gone")
        if steps_of_all == self.signal_at:
            os.kill(os.getpid(), self.signal_number)
        self.steps += 1
        self.place = float(np.clip(self.place + 0.1 * float(action[0]), -9, 9))
        return self._obs(), self.place, False, self.steps == self.length, {}

    def render(self) -> Any:  # noqa: ANN401 - as Gymnasium has it
        """Draw the place as a bright column."""
        picture = np.zeros((32, 32, 4 if self.alpha else 3), np.uint8)
        picture[:, int(np.clip(self.place + 10, 0, 19)) + 6] = 255
        return picture
