"""One world as a Gymnasium environment."""

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import error, logger

from prefgym.sim.names import check_render_mode
from prefgym.sim.render import LazyRenderer
from prefgym.sim.seeding import HostSampler
from prefgym.sim.task import TaskSpec
from prefgym.sim.worlds import Array, FloatArray, Worlds


class PoolEnv(gym.Env[Array, Array]):
    """One world of a task, equal to Gymnasium's environment to the last bit.

    It has no time limit: `gym.make` puts one around it.

    Args:
        task: The task.
        dtype: Type of observations: float64 or float32.
        render_mode: "rgb_array", or None for no pictures.
        width: Width of pictures, in pixels.
        height: Height of pictures, in pixels.
        returns_metric: Whether the task's metric, if it has one, is returned in the place of the reward.

    Raises:
        ValueError: If an argument is unknown.
    """

    def __init__(
        self,
        task: TaskSpec,
        *,
        dtype: npt.DTypeLike = np.float64,
        render_mode: str | None = None,
        width: int = 480,
        height: int = 480,
        returns_metric: bool = False,
    ) -> None:
        check_render_mode(render_mode)
        self.task = task
        self.render_mode = render_mode
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": round(1.0 / task.dt), **task.about}
        self._worlds = Worlds(task, 1, returns_metric=returns_metric)
        self._dtype, self._render = np.dtype(dtype), LazyRenderer(task.camera, width, height)
        self.observation_space = self._worlds.observation_space(dtype)
        self.action_space = self._worlds.action_space()
        self._closed = False
        self._final: FloatArray | None = None
        self._is_running = False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Start an episode."""
        super().reset(seed=seed)
        pool = self._worlds.pool
        self._final, self._is_running = pool.physics_state() if self._is_running else None, True
        start = self.task.initial(self.task, HostSampler(self.np_random), 1, pool.qpos0, pool.qvel0)
        self._worlds.reset(np.ones(1, np.bool_), *start)
        self._worlds.observe()
        return self._observation(), _only(self._worlds.state_info())

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Take an action, which is not clipped. Shape: (A,).

        Raises:
            ValueError: If the action has another shape.
        """
        if self._closed:
            raise error.ClosedEnvironmentError("this environment is closed: make another one")
        actions = np.asarray(action)[None]
        if actions.shape[1:] != self.action_space.shape:
            raise ValueError(f"{self.task.name} takes actions of shape {self.action_space.shape}, not {action.shape}")
        worlds, self._final = self._worlds, None
        worlds.step(actions)
        worlds.evaluate(actions)
        worlds.observe()
        info = _only(worlds.state_info() | worlds.step_info())
        return self._observation(), float(worlds.reward[0]), bool(worlds.terminated[0]), False, info

    def factors(self) -> dict[str, Array]:
        """Copy the terms of the reward at the last step. Shape of each: (1,)."""
        return self._worlds.factors()

    @property
    def returns_metric(self) -> bool:
        """Return whether rewards are the metric of the task."""
        return self._worlds.metric is not None

    @property
    def model(self) -> Any:  # noqa: ANN401 - MuJoCo's, which has no types
        """Return the MuJoCo model of the states."""
        return self._worlds.pool.model

    @property
    def camera(self) -> Mapping[str, Any]:
        """Return where pictures are taken from; see `StateRenderer`."""
        return self.task.camera

    @property
    def state_size(self) -> int:
        """Columns of `physics_state`."""
        return self._worlds.pool.state_size

    def physics_state(self, final: bool = False) -> FloatArray:
        """Copy the state from which the world can be restored, continued and rendered. Shape: (1, state_size).

        Args:
            final: Whether to return the state before a reset, until the next step.
        """
        return self._final if final and self._final is not None else self._worlds.pool.physics_state()

    def render(self) -> Any:  # noqa: ANN401
        """Render the world. Shape: (H, W, 3), uint8."""
        if self.render_mode is None:
            logger.warn("render() draws nothing without render_mode='rgb_array'")
            return None
        return self._render(self._worlds.pool.model, self.physics_state())[0]

    def close(self) -> None:
        """Free the world and the renderer; closing twice does nothing."""
        self._closed = True
        self._worlds.pool.close()
        self._render.close()

    def _observation(self) -> Array:
        return self._worlds.observation[0].astype(self._dtype)


def _only(info: dict[str, Array]) -> dict[str, Any]:
    return {name: value[0] for name, value in info.items()}
