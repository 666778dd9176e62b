"""One world as a Gymnasium environment."""

from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from prefgym.sim.task import TaskSpec
from prefgym.sim.vector_env import action_space, observation_space
from prefgym.sim.worlds import AnyArray, FloatArray, Worlds

ObservationArray = npt.NDArray[np.float64] | npt.NDArray[np.float32]


class PoolEnv(gym.Env[ObservationArray, npt.NDArray[np.floating]]):
    """One world of a task, equal to Gymnasium's environment to the last bit.

    Has no time limit: `gym.make` puts one around it.

    Args:
        task: What is simulated, seen, paid and final.
        dtype: Type of observations.
        render_mode: "rgb_array" or None.
        width: Width of pictures, in pixels.
        height: Height of pictures, in pixels.
    """

    def __init__(
        self,
        task: TaskSpec,
        *,
        dtype: npt.DTypeLike = np.float64,
        render_mode: str | None = None,
        width: int = 480,
        height: int = 480,
    ) -> None:
        self.task = task
        self.render_mode = render_mode
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": round(1.0 / task.dt)}
        self._worlds = Worlds(task, 1)
        self._dtype = np.dtype(dtype)
        self._only = np.ones(1, np.bool_)
        self.observation_space = observation_space(self._worlds, self._dtype)
        self.action_space = action_space(self._worlds)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[ObservationArray, dict[str, Any]]:
        """Start a new episode."""
        super().reset(seed=seed)
        pool = self._worlds.pool
        qpos, qvel = self.task.initial(self.task, self.np_random, 1, pool.qpos0, pool.qvel0)
        pool.reset(self._only, qpos, qvel)
        self._worlds.observe()
        return self._observation(), _first(self._worlds.state_info())

    def step(
        self, action: npt.NDArray[np.floating]
    ) -> tuple[ObservationArray, float, bool, bool, dict[str, Any]]:
        """Take an action.

        Raises:
            ValueError: If the action does not have the space's shape.
        """
        action = np.asarray(action)
        if action.shape != self.action_space.shape:
            raise ValueError(f"the action has shape {action.shape}, {self.task.name} needs {self.action_space.shape}")
        worlds, actions = self._worlds, action[None]
        worlds.pool.set_ctrl(actions)
        worlds.pool.step()
        worlds.evaluate(actions)
        worlds.observe()
        info = _first(worlds.state_info() | worlds.step_info())
        return self._observation(), float(worlds.reward[0]), bool(worlds.terminated[0]), False, info

    def factors(self) -> dict[str, AnyArray]:
        """Copy the reward's terms at the last step. Shape of each: (1,)."""
        return {name: term.copy() for name, term in self._worlds.terms.items()}

    @property
    def state_size(self) -> int:
        """Columns of `physics_state`."""
        return self._worlds.pool.state_size

    def physics_state(self, final: bool = False) -> FloatArray:
        """Copy what it takes to restore, continue and render the world later. Shape: (1, state_size)."""
        return self._worlds.pool.physics_state()

    def close(self) -> None:
        """Free the pool."""
        self._worlds.pool.close()

    def _observation(self) -> ObservationArray:
        return self._worlds.observation[0].astype(self._dtype)


def _first(info: dict[str, AnyArray]) -> dict[str, Any]:
    return {name: value[0] for name, value in info.items()}
