"""Base of the vector environments of arrays and of tensors: settings, spaces, physics states and pictures."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
from gymnasium import Space, error, logger, spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from prefgym.sim.gl import MjModel
from prefgym.sim.names import check_render_mode
from prefgym.sim.pool import AnyArray, Pool
from prefgym.sim.render import LazyRenderer
from prefgym.sim.task import TaskSpec

AnyPool = TypeVar("AnyPool", bound=Pool[Any])
Pictures = npt.NDArray[np.uint8]


class BaseVectorEnv(VectorEnv[AnyArray, Any, AnyArray], Generic[AnyArray, AnyPool], ABC):
    """Worlds of one task in a pool. Subclasses make the pool, then call `_set_spaces`."""

    observation_space: Space[Any]
    action_space: Space[Any]
    single_observation_space: Space[Any]
    single_action_space: Space[Any]
    pool: AnyPool

    def __init__(
        self,
        task: TaskSpec,
        num_envs: int,
        *,
        max_episode_steps: int | None,
        autoreset_mode: AutoresetMode,
        render_mode: str | None,
        width: int,
        height: int,
    ) -> None:
        limit = task.max_episode_steps if max_episode_steps is None else max_episode_steps
        if limit < 1 and limit != -1:
            raise ValueError(f"max_episode_steps must be positive, or -1 for no limit, not {limit}")
        check_render_mode(render_mode)
        self.task, self.num_envs, self.render_mode = task, num_envs, render_mode
        self.max_episode_steps = limit if limit > 0 else np.iinfo(np.int64).max
        self.metadata = {
            "autoreset_mode": autoreset_mode,
            "render_modes": ["rgb_array"],
            "render_fps": round(1.0 / task.dt),
            **task.about,
        }
        self._render = LazyRenderer(task.camera, width, height)
        self._final_state: AnyArray | None = None
        self._started = False

    def _set_spaces(self, observation: spaces.Box, action: spaces.Box) -> None:
        self.single_observation_space, self.single_action_space = observation, action
        self.observation_space = batch_space(observation, self.num_envs)
        self.action_space = batch_space(action, self.num_envs)
        self._action_shape = (self.num_envs, *action.shape)

    def _check_running(self) -> None:
        if not self._started:
            raise error.ResetNeeded("call reset() before step()")
        if self.closed:
            raise error.ClosedEnvironmentError("this environment is closed: make another one")

    def _check_shape(self, actions: tuple[int, ...]) -> None:
        if actions != self._action_shape:
            raise ValueError(f"{self.task.name} takes actions of shape {self._action_shape}, not {actions}")

    @abstractmethod
    def _copied(self, array: AnyArray) -> AnyArray:
        """Copy an array."""

    @abstractmethod
    def _on_host(self, states: AnyArray) -> npt.NDArray[np.float64]:
        """Return physics states as arrays that can be rendered."""

    @property
    def model(self) -> MjModel:
        """Return the MuJoCo model of the physics states."""
        return self.pool.model

    @property
    def camera(self) -> Mapping[str, Any]:
        """Return the camera of the pictures; see `StateRenderer`."""
        return self.task.camera

    @property
    def state_size(self) -> int:
        """Columns of `physics_state`."""
        return self.pool.state_size

    def physics_state(self, final: bool = False) -> AnyArray:
        """Copy the states from which the worlds can be restored, continued and rendered later, also on a CPU.

        Args:
            final: Whether to return the state before the reset for worlds that the last step reset.

        Returns:
            `mjSTATE_FULLPHYSICS` and the warm start, in the order of `mj_getState`. Shape: (N, state_size), float64;
            float32 on a device.
        """
        if final and self._final_state is not None:
            return self._copied(self._final_state)
        return self.pool.physics_state()

    def render(self) -> tuple[Pictures, ...] | None:
        """Render all worlds, on the CPU. Shape of each picture: (H, W, 3)."""
        if self.render_mode is None:
            logger.warn("render() draws nothing without render_mode='rgb_array'")
            return None
        return tuple(self._render(self.pool.model, self._on_host(self.pool.physics_state())))

    def render_world(self, world: int) -> Pictures:
        """Render one world, in any render mode. Shape: (H, W, 3)."""
        return self._render(self.pool.model, self._on_host(self.pool.physics_state())[world, None])[0]

    def close_extras(self, **kwargs: Any) -> None:  # noqa: ANN401
        """Free the pool and the renderer."""
        self.pool.close()
        self._render.close()
