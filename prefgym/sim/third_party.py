"""Environments of other packages as vector environments: flat observations, and physics states if MuJoCo has them.

Environments without physics states can render themselves.
"""

import importlib
import re
import sys
import warnings
from collections.abc import Callable, Mapping
from functools import cached_property
from importlib.util import find_spec
from typing import Any, cast

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.wrappers import FlattenObservation, OrderEnforcing, TimeLimit

from prefgym.common.errors import UserError
from prefgym.common.states import State, Stateful
from prefgym.sim import compat
from prefgym.sim.capabilities import HasPhysics, physics_of
from prefgym.sim.gl import mujoco
from prefgym.sim.single_env import PoolEnv
from prefgym.sim.world import World

FloatArray = npt.NDArray[np.float64]
Frames = npt.NDArray[np.uint8]

PROVIDERS: dict[str, Callable[[], None]] = {
    "gymnasium_robotics": compat.compare_joint_types_with_numpy,
    "shimmy": compat.forget_missing_fields,
}
"""Packages that register environments when they are imported, with the fixes that they need."""


EXTRAS = {
    "gymnasium_robotics": ("robotics", r"Fetch|Hand|Adroit|AntMaze|PointMaze|FrankaKitchen"),
    "shimmy": ("dm-control", r"dm_control/"),
}
"""The extra that installs a provider, and the beginnings of its ids."""


def find(env_id: str) -> EnvSpec:
    """Look an environment up; import and fix the package that registers it, if that package is known.

    Raises:
        gymnasium.error.Error: If it is not registered.
        UserError: If the package that registers it is not installed.
    """
    for provider in PROVIDERS:
        if not _is_registered(env_id) and find_spec(provider) is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # such as that of a screen that is not there
                gym.register_envs(importlib.import_module(provider))
    mend()
    for provider, (extra, ids) in EXTRAS.items():
        if re.match(ids, env_id) and find_spec(provider) is None and not _is_registered(env_id):
            raise UserError(f"{env_id} needs {provider}, which is not installed: pip install 'prefgym[{extra}]'.")
    return gym.spec(env_id)


def mend() -> None:
    """Apply the fixes of the packages that are imported."""
    for provider, mend_it in PROVIDERS.items():
        if provider in sys.modules:
            mend_it()


def _is_registered(env_id: str) -> bool:
    try:
        gym.spec(env_id)
    except gym.error.Error:
        return False
    return True


def make_vector(
    env_id: str,
    num_envs: int,
    mode: AutoresetMode,
    render_mode: str | None = None,
    **settings: Any,  # noqa: ANN401
) -> VectorEnv[Any, Any, Any]:
    """Make environments of an id, stepped one after the other, that return the task reward.

    Args:
        env_id: Any id; the package that registers it is imported if it is known.
        num_envs: Number of environments.
        mode: Autoreset mode.
        render_mode: Render mode of `gym.make`.
        **settings: Further arguments of `gym.make`.

    Raises:
        gymnasium.error.Error: If it is not registered.
    """
    rewarded = {"reward": "task"} if "reward" in find(env_id).kwargs and env_id.startswith("prefgym/") else {}
    drawn = {} if render_mode is None else {"render_mode": render_mode}  # not all constructors take it

    def make() -> gym.Env[Any, Any]:
        return gym.make(env_id, disable_env_checker=True, **drawn, **rewarded, **settings)

    return vector_of(make, num_envs, mode)


def vector_of(make: Callable[[], gym.Env[Any, Any]], num_envs: int, mode: AutoresetMode) -> VectorEnv[Any, Any, Any]:
    """Make environments with a function, stepped one after the other.

    Args:
        make: Function that makes one environment.
        num_envs: Number of environments.
        mode: Autoreset mode.
    """
    probe = with_physics(make())
    kind = SyncVectorEnv if physics_of(probe) is None else PhysicsVectorEnv
    if _is_stateful(probe):
        kind = StatefulVectorEnv
    layout = probe.layout if isinstance(probe, World) else None
    if num_envs == 1:  # it may exist once
        return kind([lambda: probe], autoreset_mode=mode)
    probe.close()

    def alike() -> gym.Env[Any, Any]:
        env = with_physics(make())
        if isinstance(env, World):
            env.layout = layout  # found once: the environments of a run are not reset for it
        return env

    return kind([alike] * num_envs, autoreset_mode=mode)


def _is_stateful(env: gym.Env[Any, Any]) -> bool:
    """Return whether an environment and all around it can be resumed: no wrapper but the time limit has a state."""
    layers: list[type] = []
    while env is not env.unwrapped:
        layers.append(type(env))
        env = cast("gym.Wrapper[Any, Any, Any, Any]", env).env
    return (
        isinstance(env, Stateful)
        and TimeLimit in layers
        and set(layers) <= {TimeLimit, OrderEnforcing, FlattenObservation, World}
    )


def with_physics(env: gym.Env[Any, Any]) -> gym.Env[Any, Any]:
    """Put a `World` around an environment, unless it is one of ours without a wrapper of others around it."""
    layer = env
    while isinstance(layer, TimeLimit | OrderEnforcing | World):
        if isinstance(layer, World):
            return env
        layer = layer.env
    return env if isinstance(layer, PoolEnv) else World(env)


def draw(env: gym.Env[Any, Any] | VectorEnv[Any, Any, Any], height: int) -> Frames:
    """Render worlds in their current state, and shrink the pictures.

    Args:
        env: Environment with `render_mode="rgb_array"`; a single environment counts as one world.
        height: Largest height of the pictures, in pixels.

    Returns:
        Pictures of even height and width, as videos need. Shape: (N, H, W, 3).

    Raises:
        ValueError: If the environment returns no picture.
    """
    drawn = cast(Any, env.render())
    return np.stack([shrink(picture, height) for picture in (drawn if isinstance(env, VectorEnv) else (drawn,))])


def as_picture(rendered: Any) -> Frames:  # noqa: ANN401
    """Copy what an environment rendered, without transparency. Shape: (H, W, 3).

    Raises:
        ValueError: If it is no picture.
    """
    drawn: Frames = np.array(rendered)
    if drawn.dtype != np.uint8 or drawn.shape[2:] not in ((3,), (4,)):
        raise ValueError(f"pictures must be uint8 of shape (H, W, 3), not {drawn.dtype} of shape {drawn.shape}")
    return drawn[..., :3]


def shrink(picture: Any, height: int) -> Frames:  # noqa: ANN401
    """Shrink a picture in proportion, to even sizes. Shape: (H, W, 3).

    >>> shrink(np.zeros((400, 600, 3), np.uint8), 96).shape
    (96, 144, 3)
    >>> shrink(np.zeros((85, 85, 3), np.uint8), 96).shape
    (84, 84, 3)

    Raises:
        ValueError: If it is no picture.
    """
    from PIL import Image

    drawn = as_picture(picture)
    drawn_height, drawn_width, _ = drawn.shape
    height = max(min(height, drawn_height) // 2 * 2, 2)
    width = max(drawn_width * height // drawn_height // 2 * 2, 2)
    return np.asarray(Image.fromarray(drawn).resize((width, height), Image.Resampling.BOX))


class PhysicsVectorEnv(SyncVectorEnv):
    """Worlds that MuJoCo simulates, with their physics states."""

    @cached_property
    def _worlds(self) -> list[HasPhysics]:
        return [world for env in self.envs if (world := physics_of(env)) is not None]

    def physics_state(self, final: bool = False) -> FloatArray:
        """Copy the states of all worlds; with `final`, those before a reset within the last step. Shape: (N, S)."""
        return np.concatenate([world.physics_state(final) for world in self._worlds])

    @property
    def state_size(self) -> int:
        """Columns of `physics_state`."""
        return self._worlds[0].state_size

    @property
    def model(self) -> Any:  # noqa: ANN401
        """Return the model of the states; None if the worlds tell none of MuJoCo's."""
        model = getattr(self._worlds[0], "model", None)
        return model if isinstance(model, mujoco.MjModel) else None

    @property
    def camera(self) -> Mapping[str, Any]:
        """Return the camera of the pictures."""
        camera: object = getattr(self._worlds[0], "camera", None)
        return cast("Mapping[str, Any]", camera) if isinstance(camera, Mapping) else {}

    @property
    def task(self) -> Any:  # noqa: ANN401
        """Return what the worlds are about: its `ranking` names their factors by importance; None if they tell none."""
        task = getattr(self._worlds[0], "task", None)
        return task if isinstance(getattr(task, "ranking", None), tuple) else None

    def factors(self) -> dict[str, npt.NDArray[Any]]:
        """Return the factors of the last step, before any reset, if worlds have them. Shape of each: (N,)."""
        factors = [world.factors() for world in self._worlds]
        return {name: np.concatenate([each[name] for each in factors]) for name in factors[0]}


class StatefulVectorEnv(PhysicsVectorEnv):
    """Worlds that can be resumed, after a first reset."""

    def state_dict(self) -> State:
        """Return the state to resume from: that of each world, its steps since the last reset, and pending resets."""
        worlds = {str(index): cast(Stateful, env.unwrapped).state_dict() for index, env in enumerate(self.envs)}
        steps = [env.get_wrapper_attr("_elapsed_steps") for env in self.envs]
        return {"worlds": worlds, "steps": steps, "autoreset": self._autoreset_envs}

    def load_state_dict(self, state: State) -> None:
        """Restore the state that `state_dict` returned."""
        for index, (env, steps) in enumerate(zip(self.envs, state["steps"], strict=True)):
            cast(Stateful, env.unwrapped).load_state_dict(state["worlds"][str(index)])
            env.set_wrapper_attr("_elapsed_steps", steps)
        self._autoreset_envs[:] = np.asarray(state["autoreset"])
