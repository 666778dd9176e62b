"""The builder of environments for training, evaluation, pictures, demonstrations and checks."""

import inspect
import json
import re
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Literal, cast

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.envs.registration import EnvSpec, load_env_creator
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.wrappers import TimeLimit

from prefgym.common.errors import UserError
from prefgym.common.modules import load_attribute, load_module, trust
from prefgym.common.names import did_you_mean
from prefgym.sim.env_cfg import EnvCfg
from prefgym.sim.gl import mujoco
from prefgym.sim.third_party import find, mend, vector_of, with_physics

OURS = "prefgym.envs.registration:make_vector_env"
"""The vector entry point of the tasks that prefgym simulates itself."""
SAME_STEP = AutoresetMode.SAME_STEP
DEFAULT_LIMIT = 1000
"""Steps of an episode that is evaluated, where the environment declares no limit."""
Reward = Literal["task", "metric", "recorded", "learned"]
MakeEnv = Callable[..., gym.Env[Any, Any]]


@dataclass(frozen=True, eq=False)
class EnvSource:
    """A builder of environments: an id, a specification or a function, looked up when it is first used.

    Each task of prefgym is simulated as one batch. All others, and tasks of prefgym with wrappers around them, are
    separate environments that are stepped one after the other.
    """

    name: str
    """A Gymnasium id, `module:EnvId`, or `module:function`, as in files and messages."""
    cfg: EnvCfg = field(default_factory=EnvCfg)
    """Keyword arguments and wrappers."""
    given: EnvSpec | MakeEnv | None = None
    """A specification or a function that Python passed in place of a name."""
    longest: int | None = None
    """Steps after which an episode is cut in any case; None for the time limit of the environment."""

    @classmethod
    def of(cls, env: "str | EnvSpec | MakeEnv | EnvSource", cfg: EnvCfg | None = None) -> "EnvSource":
        """Make the builder of a user's environment.

        Args:
            env: A name, as for `--env`, a Gymnasium `EnvSpec`, or a function or class that makes one environment.
            cfg: Keyword arguments and wrappers; None for none, or for those that a source has already.
        """
        if isinstance(env, EnvSource):
            return env if cfg is None else replace(env, cfg=cfg)
        cfg = cfg or EnvCfg()
        if isinstance(env, str):
            return cls(env, cfg)
        if isinstance(env, EnvSpec):
            return cls(env.id, replace(cfg, kwargs={**_changes_of(env), **cfg.kwargs}), env)
        trust(env.__module__)
        return cls(f"{env.__module__}:{getattr(env, '__qualname__', type(env).__qualname__)}", cfg, env)

    @cached_property
    def spec(self) -> EnvSpec:
        """Return the specification that environments are made from.

        Raises:
            gymnasium.error.Error: If the id is not registered.
            UserError: If a module cannot be imported, or has no such name.
        """
        if isinstance(self.given, EnvSpec):
            mend()
            return self.given
        if self.given is not None:  # ids have letters, digits and a few signs
            return EnvSpec(re.sub(r"[^\w:.-]", "", self.name), entry_point=self.given)
        module, colon, name = self.name.partition(":")
        if not colon:
            return find(self.name)
        load_module(self.name)
        mend()
        versions = [known for known in gym.registry if re.fullmatch(rf"{re.escape(name)}-v\d+", known)]
        if name in gym.registry or versions:  # the latest one, as gymnasium.make has it
            found = gym.registry[name if name in gym.registry else max(versions, key=_version)]
            has_dots = "." in module and "/" in name  # which Gymnasium takes in ids without a namespace only
            return found if has_dots else replace(found, id=f"{module}:{found.id}")
        if not callable(load_attribute(self.name)):
            raise UserError(f"{name} of the module {module} is neither an environment id nor a function.")
        return EnvSpec(self.name, entry_point=self.name)

    @property
    def is_named(self) -> bool:
        """Return whether the name identifies these environments, so that a configuration file can hold them."""
        if isinstance(self.given, EnvSpec):
            registered = gym.registry.get(self.name)
            return registered is not None and registered.entry_point == self.given.entry_point
        module, _, path = self.name.partition(":")
        if self.given is None or module == "__main__" or "<" in path:
            return self.given is None
        return load_attribute(self.name) is self.given

    @property
    def is_ours(self) -> bool:
        """Return whether prefgym simulates the task itself."""
        return self.spec.vector_entry_point == OURS

    @property
    def is_batched(self) -> bool:
        """Return whether all environments are simulated as one: there are no wrappers around each."""
        return self.is_ours and not self.cfg.wrappers and not self.spec.additional_wrappers

    @cached_property
    def max_episode_steps(self) -> int | None:
        """Return the time limit of an episode; None without one."""
        limit = self.declared_max_episode_steps
        with making(self):
            if limit is None and self.spec.entry_point in (self.name, self.given):  # a function may set one itself
                env = self.make_one()
                limit = env.spec.max_episode_steps if env.spec else None
                env.close()
        return limit if isinstance(limit, int) and limit > 0 else None

    @property
    def declared_max_episode_steps(self) -> int | None:
        """Return the time limit that is known before an environment is made; None without one."""
        with making(self):
            limit = self.cfg.kwargs.get("max_episode_steps", self.spec.max_episode_steps)
        return limit if isinstance(limit, int) and limit > 0 else None

    def limited(self, max_episode_steps: int | None = None) -> "EnvSource":
        """Return a builder of environments whose episodes end.

        Args:
            max_episode_steps: Steps after which they are cut; None for the time limit, or 1000 where there is none.
        """
        if max_episode_steps is None:
            return self if self.max_episode_steps is not None else replace(self, longest=DEFAULT_LIMIT)
        if self.is_batched:
            return replace(
                self, cfg=replace(self.cfg, kwargs={**self.cfg.kwargs, "max_episode_steps": max_episode_steps})
            )
        return replace(self, longest=max_episode_steps)

    def check(self) -> None:
        """Look up the environment and its wrappers, without making them.

        Raises:
            gymnasium.error.Error: If the id is not registered.
            UserError: If a module cannot be imported, or lacks a name.
        """
        _ = self.spec
        for name in self.cfg.wrappers:
            load_attribute(name)

    def make_vec(
        self,
        num_envs: int,
        *,
        reward: Reward = "task",
        mode: AutoresetMode = SAME_STEP,
        num_threads: int = 1,
        dtype: npt.DTypeLike = np.float32,
        seeding: Literal["fast", "parity"] = "fast",
        render_mode: str | None = None,
    ) -> VectorEnv[Any, Any, Any]:
        """Make environments that step together on the processors.

        Args:
            num_envs: Number of environments.
            reward: Reward of tasks of prefgym; all others return the task reward.
            mode: Autoreset mode.
            num_threads: Threads of a batch.
            dtype: Type of observations of tasks of prefgym.
            seeding: Seeding of a batch; all others are seeded like Gymnasium's.
            render_mode: Render mode of `gym.make`.

        Raises:
            gymnasium.error.DependencyNotInstalled: If a package is missing.
            UserError: If the environments cannot be made for another reason.
        """
        with making(self):
            if not self.is_batched:
                one = partial(self.make_one, reward=reward, dtype=dtype, render_mode=render_mode)
                return vector_of(one, num_envs, mode)
            batch = {"num_threads": num_threads, "seeding": seeding, "autoreset_mode": mode, "dtype": dtype}
            kwargs = self._kwargs({**batch, "reward": reward, "render_mode": render_mode})
            return gym.make_vec(self.spec, num_envs, **kwargs)

    def make_on_device(
        self, num_envs: int, *, device: str, reward: Reward = "recorded", **room: int | bool | None
    ) -> VectorEnv[Any, Any, Any]:
        """Make environments that MuJoCo Warp simulates, with tensors in and out.

        Args:
            num_envs: Number of environments.
            device: Torch's name of the device.
            reward: As in `make_vec`.
            **room: Further settings of `TensorVectorEnv`.

        Raises:
            UserError: If prefgym does not simulate them, or the device cannot be used.
        """
        with making(self):
            if not self.is_ours:
                raise UserError(
                    f"{self.name} is not simulated by prefgym, so it cannot be on a GPU: use --backend cpu."
                )
            if not self.is_batched:
                raise UserError("--env.wrappers go around single environments, not on a GPU: use --backend cpu.")
            kwargs = self._kwargs({"reward": reward, "backend": "warp", "device": device, **room})
            try:
                return gym.make_vec(self.spec, num_envs, **kwargs)
            except ValueError as error:
                raise UserError(f"{str(error).rstrip('.')}.") from error

    def make_one(
        self, *, reward: Reward = "task", dtype: npt.DTypeLike | None = None, render_mode: str | None = None
    ) -> gym.Env[Any, Any]:
        """Make one environment in its wrappers, with flat observations; arguments and errors as in `make_vec`."""
        ours: dict[str, Any] = {}
        if self.is_ours:
            ours = {"reward": reward} if dtype is None else {"reward": reward, "dtype": dtype}
        elif "reward" in self.spec.kwargs and self.spec.id.rpartition(":")[2].startswith("prefgym/"):
            ours = {"reward": "task"}
        drawn = {} if render_mode is None else {"render_mode": render_mode}  # not all constructors take it
        with making(self):
            # the checker would warn about environments of other packages
            env = gym.make(self.spec, disable_env_checker=True, **self._kwargs({**ours, **drawn}))
            for name in self.cfg.wrappers:
                env = _wrapped(env, name)
            if self.longest is not None:
                env = TimeLimit(env, self.longest)
        return with_physics(env)

    def _kwargs(self, own: Mapping[str, Any]) -> dict[str, Any]:
        """Join the user's keyword arguments with those of prefgym.

        Raises:
            UserError: If both have the same name.
        """
        if taken := sorted({*own} & {*self.cfg.kwargs}):
            raise UserError(f"--env.kwargs cannot set {taken[0]} of {self.name}: prefgym sets it itself.")
        return {**own, **self.cfg.kwargs}


@contextmanager
def making(source: EnvSource) -> Generator[None]:
    """Turn errors of making an environment into one sentence.

    Raises:
        gymnasium.error.DependencyNotInstalled: If a package is missing; the message has its name.
        UserError: If the id is not registered, something else is missing, or the environment does not take the keyword
            arguments.
    """
    name = source.name
    try:
        yield
    except (UserError, gym.error.DependencyNotInstalled):
        raise
    except gym.error.UnregisteredEnv as error:
        hint = "prefgym --import MODULE imports a module that registers it"
        raise UserError(f"{name} cannot be made: {str(error).rstrip('.')}; {hint}.") from error
    except (gym.error.Error, ImportError, mujoco.FatalError) as error:
        raise UserError(f"{name} cannot be made: {str(error).rstrip('.')}.") from error
    except (TypeError, ValueError) as error:
        if unknown := re.search(r"unexpected keyword argument '(\w+)'", str(error)):
            if unknown[1] == "render_mode" and "render_mode" not in source.cfg.kwargs:
                raise UserError(f"{name} cannot be drawn: it is made without a render_mode.") from error
            if unknown[1] in source.cfg.kwargs:
                near = did_you_mean(unknown[1], _parameters_of(source), "see its documentation")
                raise UserError(f"{name} takes no keyword argument {unknown[1]!r}: {near}") from error
        elif source.cfg.kwargs:
            given = " ".join(f"{key}={json.dumps(value)}" for key, value in source.cfg.kwargs.items())
            raise UserError(f"{name} cannot be made with {given}: {str(error).rstrip('.')}.") from error
        elif "must inherit from the gymnasium.Env class" in str(error):
            kind = str(error).partition("actual class: ")[2].partition(".")[0]
            raise UserError(f"{name} makes no environment of Gymnasium, but {kind}.") from error
        elif missing := re.search(r"missing \d+ required .*argument.*: (.*?)( was raised|$)", str(error)):
            raise UserError(f"{name} cannot be made without {missing[1]}: pass --env.kwargs NAME=VALUE.") from error
        raise


def _version(env_id: str) -> int:
    return int(env_id.rpartition("-v")[2])


def _wrapped(env: gym.Env[Any, Any], name: str) -> gym.Env[Any, Any]:
    """Put one of the user's wrappers around an environment.

    Raises:
        UserError: If it needs more arguments than an environment, or returns no environment.
    """
    wrapper = cast(MakeEnv, load_attribute(name))
    try:
        inspect.signature(wrapper).bind(env)
    except (TypeError, ValueError) as error:
        hint = "name a function that takes only the environment"
        raise UserError(f"the wrapper {name} cannot be put around an environment ({error}): {hint}.") from error
    wrapped = wrapper(env)
    if not isinstance(cast(object, wrapped), gym.Env):
        raise UserError(f"the wrapper {name} returns no Gymnasium environment, but {type(wrapped).__name__}.")
    return wrapped


def _parameters_of(source: EnvSource) -> Iterable[str]:
    """List the keyword arguments that an environment takes."""
    if source.is_batched:
        from prefgym.sim.vector_env import PoolVectorEnv

        known = [*inspect.signature(PoolVectorEnv).parameters]
        return [name for name in known if name in ("max_episode_steps", "width", "height", "variation")]
    entry = source.spec.entry_point
    creator = load_env_creator(entry) if isinstance(entry, str) else entry
    assert creator is not None  # an environment was asked for its arguments
    return [*inspect.signature(creator).parameters, "max_episode_steps"]


def _changes_of(spec: EnvSpec) -> dict[str, object]:
    """Return the arguments in which a specification differs from the registered one, if a file can hold them."""
    registered = gym.registry.get(spec.id)
    if registered is None:
        return {}
    changed = {key: value for key, value in spec.kwargs.items() if registered.kwargs.get(key, spec) != value}
    if spec.max_episode_steps != registered.max_episode_steps:
        changed["max_episode_steps"] = -1 if spec.max_episode_steps is None else spec.max_episode_steps
    return {key: value for key, value in changed.items() if isinstance(value, (str, int, float, bool, list, dict))}
