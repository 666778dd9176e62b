"""Manipulation: the Fetch tasks of Gymnasium-Robotics, with reward 1 at the goal and 0 elsewhere, with factors to rank.

The physics, the starts and the goals are theirs; observations are flat: what was achieved, what is desired, and what
the robot senses. Gymnasium steps the environments one after the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import error, logger
from gymnasium.vector import AutoresetMode, VectorEnv

from prefgym.common.names import check_name
from prefgym.sim.names import REWARDS, check_render_mode
from prefgym.sim.task import Factor

if TYPE_CHECKING:
    from prefgym.common.states import State

FloatArray = npt.NDArray[np.float64]

ACHIEVED, DESIRED, GRIPPER, TO_OBJECT = slice(0, 3), slice(3, 6), slice(6, 9), slice(12, 15)
"""Where positions are in observations, in m: of what is to be at the goal (the gripper in FetchReach, else the object),
of the goal, and of the gripper; where there is an object, the way from the gripper to it."""
GRIPPER_MOVED = slice(-5, -2)
"""Displacement of the gripper in a step, in m."""
EPISODE_STEPS = 50
_SEEN = ("xpos", "xquat")
"""Fields that actions are added to: positions before the last substep, which no MuJoCo state holds."""

SUCCESS = Factor(name="success", unit="1", doc="1 while within 0.05 m of the goal, else 0: the task reward")
DISTANCE = Factor(name="distance_penalty", unit="m", doc="-|achieved - desired|")
APPROACH = Factor(name="approach_penalty", unit="m", doc="-|object - gripper|")
CONTROL = Factor(name="control_penalty", unit="1", doc="-|a|^2, a clipped to its bounds of 1")
SPEED = Factor(name="speed_penalty", unit="m/s", doc="-|velocity of the gripper|")


@dataclass(frozen=True, kw_only=True)
class FetchTask:
    """One of these tasks."""

    name: str
    """Its name, without namespace and version."""
    source: str
    """Id of the environment that simulates it."""
    has_object: bool
    """Whether an object is to be at the goal, and not the gripper."""

    @property
    def factors(self) -> tuple[Factor, ...]:
        """Factors for raters; only the first one is part of the task reward."""
        return (SUCCESS, DISTANCE, *([APPROACH] if self.has_object else []), CONTROL, SPEED)

    @property
    def ranking(self) -> tuple[str, ...]:
        """Names of the factors by importance: to succeed, to come near, to waste no effort, to move gently."""
        return tuple(factor.name for factor in self.factors)


FETCH = {
    task.name: task
    for task in (
        FetchTask(name="FetchReach", source="FetchReach-v4", has_object=False),
        FetchTask(name="FetchPush", source="FetchPush-v4", has_object=True),
        FetchTask(name="FetchPickAndPlace", source="FetchPickAndPlace-v4", has_object=True),
        FetchTask(name="FetchSlide", source="FetchSlide-v4", has_object=True),
    )
}
"""The tasks by name."""


def register() -> None:
    """Register `prefgym/<Name>-v0` for every task; Gymnasium-Robotics is needed when one is made."""
    for name in FETCH:
        if (env_id := f"prefgym/{name}-v0") not in gym.registry:
            gym.register(  # pyright: ignore[reportUnknownMemberType]
                env_id,
                entry_point="prefgym.envs.fetch:make_env",
                vector_entry_point="prefgym.envs.fetch:make_vector_env",
                max_episode_steps=EPISODE_STEPS,
                kwargs={"task": name, "reward": "learned"},
            )


class FetchEnv(gym.Env[Any, Any]):
    """One environment of a task with the task reward; it never terminates.

    Args:
        task: The task.
        render_mode: "rgb_array", or None for no pictures.
        width: Width of pictures, in pixels.
        height: Height of pictures, in pixels.

    Raises:
        ValueError: If the render mode is unknown.
        gymnasium.error.DependencyNotInstalled: If Gymnasium-Robotics is missing.
    """

    def __init__(self, task: FetchTask, *, render_mode: str | None = None, width: int = 480, height: int = 480) -> None:
        check_render_mode(render_mode)
        if find_spec("gymnasium_robotics") is None:
            raise error.DependencyNotInstalled(
                f'prefgym/{task.name}-v0 needs Gymnasium-Robotics: pip install "prefgym[robotics]"'
            )
        from prefgym.sim.render import LazyRenderer
        from prefgym.sim.third_party import World, find

        self.task, self.render_mode = task, render_mode
        self._robot = cast(Any, find(task.source).make(disable_env_checker=True).unwrapped)
        self._world = World(self._robot)
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": round(1.0 / self._robot.dt)}
        self._render = LazyRenderer(self.camera, width, height)
        self.observation_space: gym.Space[Any] = self._world.observation_space
        self.action_space: gym.Space[Any] = self._robot.action_space
        self._factors = {factor.name: np.zeros(1) for factor in task.factors}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Place gripper, object and goal, where Gymnasium-Robotics has them for the same seed."""
        super().reset(seed=seed)
        self._robot.np_random = self.np_random
        obs, _ = self._world.reset()
        return obs, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:  # noqa: ANN401
        """Move the gripper by at most 5 cm along each axis, and open or close it; actions are clipped. Shape: (4,)."""
        obs, _, _, _, info = self._world.step(np.asarray(action))
        is_success = bool(info["is_success"])
        command = np.clip(action, -1.0, 1.0)
        self._factors = {
            SUCCESS.name: np.array([float(is_success)]),
            DISTANCE.name: -np.linalg.norm(obs[None, ACHIEVED] - obs[None, DESIRED], axis=-1),
            **({APPROACH.name: -np.linalg.norm(obs[None, TO_OBJECT], axis=-1)} if self.task.has_object else {}),
            CONTROL.name: -np.square(command[None], dtype=np.float64).sum(-1),
            SPEED.name: -np.linalg.norm(obs[None, GRIPPER_MOVED], axis=-1) / self._robot.dt,
        }
        info = {name: float(value[0]) for name, value in self._factors.items()}
        return obs, float(is_success), False, False, {**info, "is_success": is_success}

    def factors(self) -> dict[str, FloatArray]:
        """Copy the factors of the last step. Shape of each: (1,)."""
        return {name: value.copy() for name, value in self._factors.items()}

    def state_dict(self) -> "State":
        """Return the state to resume from: physics, previous positions, the goal and its mark, and the generator."""
        from prefgym.sim.gl import mujoco

        model, data = self._robot.model, self._robot.data
        physics = np.empty(mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_INTEGRATION))
        mujoco.mj_getState(model, data, physics, mujoco.mjtState.mjSTATE_INTEGRATION)
        seen = {name: getattr(data, name).copy() for name in _SEEN}
        marks = {"goal": self._robot.goal, "site_pos": model.site_pos.copy(), "factors": self.factors()}
        return {"physics": physics, **seen, **marks, "generator": self.np_random.bit_generator.state}

    def load_state_dict(self, state: Any) -> None:  # noqa: ANN401
        """Restore the state that `state_dict` returned, in an environment that was reset before."""
        from prefgym.sim.gl import mujoco

        model, data = self._robot.model, self._robot.data
        arrays = {
            name: np.asarray(value).copy() for name, value in state.items() if name not in ("factors", "generator")
        }
        mujoco.mj_setState(model, data, arrays["physics"], mujoco.mjtState.mjSTATE_INTEGRATION)
        for name in _SEEN:
            getattr(data, name)[:] = arrays[name]
        model.site_pos[:], self._robot.goal = arrays["site_pos"], arrays["goal"]
        self._factors = {name: np.asarray(value).copy() for name, value in state["factors"].items()}
        self.np_random.bit_generator.state = state["generator"]

    @property
    def model(self) -> Any:  # noqa: ANN401
        """Return the MuJoCo model of the states."""
        return self._world.model

    @property
    def camera(self) -> Mapping[str, Any]:
        """Return the camera of the pictures."""
        return self._world.camera

    @property
    def state_size(self) -> int:
        """Columns of `physics_state`."""
        return self._world.state_size

    def physics_state(self, final: bool = False) -> FloatArray:
        """Copy the data that rendering needs, including the mark of the goal. Shape: (1, state_size)."""
        return self._world.physics_state(final)

    def render(self) -> Any:  # noqa: ANN401
        """Render the world. Shape: (H, W, 3), uint8."""
        if self.render_mode is None:
            logger.warn("render() draws nothing without render_mode='rgb_array'")
            return None
        return self._render(self.model, self.physics_state())[0]

    def close(self) -> None:
        """Free the environment and the renderer; closing twice does nothing."""
        self._robot.close()
        self._render.close()


def make_env(task: str, *, reward: str = "learned", **kwargs: Any) -> gym.Env[Any, Any]:  # noqa: ANN401
    """Make one environment of a task.

    Args:
        task: Name of the task.
        reward: "learned" returns 0 until a learned reward is installed; all others return the task reward.
        **kwargs: Arguments of `FetchEnv`.

    Raises:
        ValueError: If the task or the reward is unknown.
        gymnasium.error.DependencyNotInstalled: If Gymnasium-Robotics is missing.
    """
    check_name("task", task, FETCH)
    check_name("reward", reward, REWARDS)
    env = FetchEnv(FETCH[task], **kwargs)
    if reward != "learned":
        return env
    from prefgym.wrappers.preference import PreferenceEnv

    return PreferenceEnv(env)


def make_vector_env(
    task: str,
    num_envs: int = 1,
    *,
    reward: str = "learned",
    autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    **kwargs: Any,  # noqa: ANN401
) -> VectorEnv[Any, Any, Any]:
    """Make several environments of a task, stepped one after the other.

    Args:
        task: Name of the task.
        num_envs: Number of worlds.
        reward: "learned" returns 0 until a learned reward is installed; all others return the task reward.
        autoreset_mode: Autoreset mode.
        **kwargs: Further arguments of `gym.make` for one environment.

    Raises:
        ValueError: If the task or the reward is unknown.
        gymnasium.error.DependencyNotInstalled: If Gymnasium-Robotics is missing.
    """
    from prefgym.sim.third_party import make_vector

    check_name("task", task, FETCH)
    check_name("reward", reward, REWARDS)
    env = make_vector(f"prefgym/{task}-v0", num_envs, AutoresetMode(autoreset_mode), **kwargs)
    if reward != "learned":
        return env
    from prefgym.wrappers.preference import PreferenceVectorEnv

    return PreferenceVectorEnv(env)
