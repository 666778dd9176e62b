"""One environment of another package: flat and copied values, checked once, and its physics states if it has some."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, SupportsFloat, cast

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.utils import RecordConstructorArgs

from prefgym.common.errors import UserError
from prefgym.common.parts import raised_by, wrong
from prefgym.common.spaces import flat_space, flatten, is_made_of_boxes, unflatten
from prefgym.sim.gl import MjModel, mujoco
from prefgym.sim.render import SITES, STATE_SPEC

Array = npt.NDArray[Any]
FloatArray = npt.NDArray[np.float64]
Info = dict[str, Any]

ENVIRONMENT = "environment"
MOST_NUMBERS = 4096
"""Most numbers of a field of the model that are recorded with each state; a height field has more."""

DRAWN = (
    *("body_pos", "body_quat", "geom_pos", "geom_quat", "geom_size", "geom_rgba", SITES, "site_quat", "site_size"),
    *("site_rgba", "tendon_rgba", "mat_rgba", "cam_pos", "cam_quat", "cam_fovy", "light_pos", "light_dir"),
    *("mesh_vert", "hfield_data", "hfield_size", "tex_data"),
)
"""Fields of a model that a picture depends on beside the state."""
BUILT = ("body_parentid", "body_jntadr", "jnt_bodyid", "jnt_type", "geom_bodyid", "geom_type", "geom_dataid")
"""Fields of a model that say what its states mean."""


@dataclass(frozen=True, kw_only=True)
class StateLayout:
    """The content of a physics state: `STATE_SPEC`, then fields of the model."""

    fields: tuple[str, ...]
    """Fields of the model that a reset changes; positions of sites, which may mark goals, come first in any case."""
    size: int
    """All numbers of a state."""


class World(gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """One world with flat observations and actions, which remembers the state an episode ended in when it is reset.

    Observations are copied, since environments may write into them later, and so are actions, for the same reason.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)
        self._seen, self._taken = env.observation_space, env.action_space
        self.observation_space = flat_space(self._seen)
        if is_made_of_boxes(self._taken):
            self.action_space = flat_space(self._taken)
        is_named = env.spec is not None and env.spec.id in gym.registry
        self.name = env.spec.id if env.spec and is_named else type(env.unwrapped).__name__
        self._final: FloatArray | None = None
        self._is_running = False

    # --- steps -------------------------------------------------------------------------------------------------------

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, Info]:
        """Start an episode.

        Raises:
            UserError: If the environment returns anything but an observation of its space and a dict.
        """
        has_physics = self.has_physics  # found out before the first episode, since it takes resets
        self._final = self.physics_state() if self._is_running and has_physics else None
        self._is_running = True
        return self._begin(seed, options)

    def _begin(self, seed: int | None, options: dict[str, Any] | None) -> tuple[Any, Info]:
        if seed is not None and isinstance(generator := _dm_generator(self), np.random.RandomState):
            generator.seed(seed)  # shimmy 2.0.1 seeds a generator that dm_control does not use
        with raised_by(ENVIRONMENT, self.name):
            returned: Any = self.env.reset(seed=seed, options=options)
        obs, info = self._unpacked("reset", returned, 2)
        if mark_goal := getattr(self.unwrapped, "_render_callback", None):
            mark_goal()  # Gymnasium-Robotics moves the mark only when it draws
        return self._observed("reset", obs), self._told("reset", info)

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, Info]:  # noqa: ANN401
        """Take a step.

        Raises:
            UserError: If the environment returns anything but an observation of its space, a number, two truth values
                and a dict.
        """
        self._final = None
        with raised_by(ENVIRONMENT, self.name):
            try:
                returned: Any = self.env.step(self._executed(action))
            except ValueError as error:  # of a wrapper of Gymnasium's around the environment
                if "expected 5, got" not in str(error):
                    raise
                found = f"{str(error).rpartition(' ')[2].rstrip(')')} values"
                raise wrong(ENVIRONMENT, self.name, "step", found, "a tuple of 5, as in Gymnasium,") from error
        obs, reward, terminated, truncated, info = self._unpacked("step", returned, 5)
        ends = [self._number("step", x, "terminated or truncated", np.bool_) for x in (terminated, truncated)]
        reward = self._number("step", reward, "a reward", np.floating)
        return self._observed("step", obs), reward, bool(ends[0]), bool(ends[1]), self._told("step", info)

    def _unpacked(self, method: str, returned: Any, size: int) -> tuple[Any, ...]:  # noqa: ANN401
        values = cast("tuple[Any, ...]", returned) if isinstance(returned, tuple) else None
        if values is None or len(values) != size:
            found = type(cast(object, returned)).__name__ if values is None else f"{len(values)} values"
            raise wrong(ENVIRONMENT, self.name, method, found, f"a tuple of {size}, as in Gymnasium,")
        return values

    def _observed(self, method: str, obs: Any) -> Any:  # noqa: ANN401
        """Flatten and copy an observation; one of a space that cannot be flattened stays as it is."""
        space, wanted = self._seen, cast(Any, self.observation_space)
        if not isinstance(wanted, gym.spaces.Box):
            return obs
        try:
            flat = np.array(obs) if wanted is space else flatten(space, obs)
        except (LookupError, TypeError, ValueError) as error:
            expected = f"one of its space {space}"
            raise wrong(ENVIRONMENT, self.name, method, "an observation that does not fit", expected) from error
        if flat.shape != wanted.shape or flat.dtype.kind not in "biuf":
            found = f"an observation of {flat.dtype} and shape {flat.shape}"
            raise wrong(ENVIRONMENT, self.name, method, found, f"the shape {wanted.shape} of its space")
        return flat

    def _number(self, method: str, value: Any, what: str, kind: type[np.generic]) -> Any:  # noqa: ANN401
        array = np.asarray(value)
        if array.size != 1 or array.dtype.kind not in "biuf":
            expected = "True or False" if kind is np.bool_ else "a number"
            raise wrong(ENVIRONMENT, self.name, method, f"{value!r} as {what}", expected)
        return array.item() if array.ndim else value

    def _told(self, method: str, info: Any) -> Info:  # noqa: ANN401
        if not isinstance(info, dict):
            raise wrong(ENVIRONMENT, self.name, method, f"{type(info).__name__} as info", "a dict")
        return cast(Info, info)

    def _executed(self, action: Any) -> Any:  # noqa: ANN401
        """Copy an action, and give it the shape, the precision and the bounds of the environment's own space."""
        flat, array = cast(Any, self.action_space), np.array(action)
        if not isinstance(cast(object, flat), gym.spaces.Box):
            return action
        if array.dtype == np.float32 and flat.dtype == np.float64:
            # float32(0.1) lies outside of bounds of 0.1
            at_low, at_high = (array == bound.astype(np.float32) for bound in (flat.low, flat.high))
            array = np.where(at_low, flat.low, np.where(at_high, flat.high, array.astype(np.float64)))
        return array if flat is self._taken else unflatten(self._taken, array)

    # --- physics states ----------------------------------------------------------------------------------------------

    def _physics(self) -> tuple[MjModel, Any] | None:
        """Return MuJoCo's model and data, if the environment has both."""
        base = cast(Any, self.unwrapped)
        engine = getattr(getattr(base, "_env", None), "physics", None)  # as shimmy wraps dm_control
        wrapped = tuple(getattr(getattr(engine, name, None), "ptr", None) for name in ("model", "data"))
        own = tuple(getattr(base, name, None) for name in ("model", "data"))
        for model, data in (wrapped, own):
            if isinstance(model, mujoco.MjModel) and isinstance(data, mujoco.MjData):
                return model, data
        return None

    def _engine(self) -> tuple[MjModel, Any]:
        if (found := self._physics()) is None:
            raise UserError(f"the environment {self.name} has no MuJoCo model any more: pass --recorder.no-state.")
        return found

    @cached_property
    def layout(self) -> StateLayout | None:
        """Return the content of `physics_state`; the environment is reset twice to find out what resets change.

        None if MuJoCo does not simulate the environment, or if a reset
        changes so much of the model that a state is not enough to draw it.
        """
        if self._physics() is None:
            return None
        drawn, built, changed = _fields(self.model, DRAWN), _fields(self.model, BUILT), {SITES}
        for _ in range(2):
            self._begin(None, None)
            now_drawn, now_built = _fields(self.model, DRAWN), _fields(self.model, BUILT)
            if not (_same_shapes(drawn, now_drawn) and _same_shapes(built, now_built)) or _changed(built, now_built):
                return None
            changed |= _changed(drawn, now_drawn)
            drawn = now_drawn
        if max(drawn[name].size for name in changed) > MOST_NUMBERS:
            return None
        size = mujoco.mj_stateSize(self.model, STATE_SPEC) + sum(drawn[name].size for name in changed)
        return StateLayout(fields=(SITES, *sorted(changed - {SITES})), size=size)

    @property
    def has_physics(self) -> bool:
        """Return whether MuJoCo simulates the environment, so that it has physics states."""
        return self.layout is not None

    @property
    def model(self) -> MjModel:
        """Return the model of the states."""
        return self._engine()[0]

    @property
    def camera(self) -> Mapping[str, Any]:
        """Return the camera: that of the environment, the first one of the model, or a distant one."""
        follows = {"model_fields": self.layout.fields if self.layout else ()}
        drawer = getattr(self.unwrapped, "mujoco_renderer", None)
        if config := getattr(drawer, "default_cam_config", None):
            return {"trackbodyid": -1, **config, **follows}
        fixed = {"type": mujoco.mjtCamera.mjCAMERA_FIXED.value, "fixedcamid": 0} if self.model.ncam else {}
        return {"trackbodyid": -1, **fixed, **follows}

    @property
    def state_size(self) -> int:
        """Columns of `physics_state`."""
        return self.layout.size if self.layout else 0

    def physics_state(self, final: bool = False) -> FloatArray:
        """Copy the data that rendering needs: the state, the positions of sites, and what else resets change.

        Args:
            final: Whether to return the state before a reset, until the next step.

        Returns:
            `STATE_SPEC`, then fields of the model: see `layout`. Shape: (1, S).

        Raises:
            UserError: If the environment has compiled its model anew, with other sizes.
        """
        if final and self._final is not None:
            return self._final
        model, data = self._engine()
        state = np.empty(mujoco.mj_stateSize(model, STATE_SPEC))
        mujoco.mj_getState(model, data, state, STATE_SPEC)
        names = self.layout.fields if self.layout else ()
        row = np.concatenate([state, *(np.asarray(getattr(model, name), np.float64).ravel() for name in names)])[None]
        if (found := row.shape[1]) != self.state_size:
            changed = f"a model of other sizes at a reset ({found} numbers a state, and {self.state_size} before)"
            raise UserError(f"the environment {self.name} compiled {changed}: pass --recorder.no-state.")
        return row

    def factors(self) -> dict[str, Array]:
        """Return no factors, since the terms of the reward are not known."""
        return {}


def _dm_generator(world: World) -> object:
    """Return the generator of a task of dm_control's suite; other tasks, and environments, have none."""
    return getattr(getattr(getattr(world.unwrapped, "_env", None), "task", None), "random", None)


def _fields(model: MjModel, names: tuple[str, ...]) -> dict[str, Array]:
    """Copy fields of a model."""
    return {name: np.array(getattr(model, name)) for name in names}


def _same_shapes(one: dict[str, Array], other: dict[str, Array]) -> bool:
    return all(x.shape == other[name].shape for name, x in one.items())


def _changed(one: dict[str, Array], other: dict[str, Array]) -> set[str]:
    return {name for name, x in one.items() if not np.array_equal(x, other[name])}
