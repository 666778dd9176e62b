"""The bridge to Stable-Baselines3: a `VecEnv`, a replay buffer that relabels stored steps, and callbacks."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common import buffers, vec_env
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback, CallbackList, ConvertCallback, ProgressBarCallback

from prefgym.buffers.replay import ROWS_AT_ONCE, Batch
from prefgym.common.spaces import device_of, single_spaces
from prefgym.common.states import State
from prefgym.core.arrays import Array, Env
from prefgym.core.protocols import Learner
from prefgym.core.relabel import learned_reward
from prefgym.core.rollout import Rollout
from prefgym.sim.flat import check_same_step, flat_vector
from prefgym.sim.nested import to_numpy

if TYPE_CHECKING:
    from prefgym.rl.sb3_verbs import Sb3Verbs

Callback: TypeAlias = BaseCallback | Callable[[dict[str, Any], dict[str, Any]], bool]
"""A callback of SB3: an object, or a function of locals and globals."""
Callbacks: TypeAlias = Callback | list[Callback] | None


class VecEnv(vec_env.VecEnv):
    """A Gymnasium vector environment as an SB3 `VecEnv`; infos are built only for episodes that ended.

    Dicts, Tuples, and Boxes without an axis or with two are flattened, in observations and in actions.

    Raises:
        ValueError: If the environment resets in another mode than SAME_STEP, or its spaces cannot be flattened.
    """

    def __init__(self, env: Env) -> None:
        check_same_step("Stable-Baselines3 needs", env)
        self._is_on_device = device_of(env) is not None
        self.env = env if self._is_on_device else flat_vector(env)
        self.render_mode = env.render_mode
        observation, action = single_spaces(self.env)
        self._bounds = (cast(Array, action.low), cast(Array, action.high))
        super().__init__(env.num_envs, observation, _with_room(action))  # pyright: ignore[reportUnknownMemberType]

    def reset(self) -> Array:
        """Start episodes; `seed` and `set_options` apply to one reset. Shape: (N, O)."""
        obs, info = self._arrays(self.env.reset(seed=self._seeds[0], options=self._options[0] or None))
        self.reset_infos = [info_of(info, index) for index in range(self.num_envs)]
        self._reset_seeds()
        self._reset_options()
        return obs

    def step_async(self, actions: Array) -> None:
        """Store the actions of the next step, without the room of `_with_room`. Shape: (N, A)."""
        low, high = self._bounds
        self._actions = np.where(low == high, low, actions) if (low == high).any() else actions

    def step_wait(self) -> tuple[Array, Array, Array, list[dict[str, Any]]]:
        """Take the step. Shapes: (N, O), (N,), (N,), and a dictionary an environment."""
        obs, reward, terminated, truncated, info = self._arrays(self.env.step(self._actions))
        done = terminated | truncated
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for index in np.flatnonzero(done).tolist():
            final = info_of(info.get("final_info", {}), index) | info_of(info, index)
            final["terminal_observation"] = final.pop("final_obs")
            infos[index] = final | {"TimeLimit.truncated": bool(truncated[index] and not terminated[index])}
        return obs, np.array(reward, np.float32), done, infos  # a copy: SB3 adds to it

    def _arrays(self, values: Any) -> Any:  # noqa: ANN401 - whatever is nested in an environment's answer
        """Convert tensors of environments on a device into arrays, since SB3 takes arrays only."""
        return to_numpy(values) if self._is_on_device else values

    def close(self) -> None:
        """Close the environment."""
        self.env.close()

    def get_images(self) -> Sequence[Array | None]:
        """Render every environment."""
        return cast("Sequence[Array]", self.env.render() or [None] * self.num_envs)

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:  # noqa: ANN401
        """Return an attribute of the vector environment, which all environments share."""
        return [getattr(self.env, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:  # noqa: ANN401
        """Set an attribute of the vector environment.

        Raises:
            ValueError: If only some environments are meant.
        """
        if indices is not None:
            raise ValueError("the environments of a vector environment share their attributes: leave indices out")
        setattr(self.env, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:  # noqa: ANN401
        """Call a method of the vector environment once; all environments share the result.

        Raises:
            ValueError: If only some environments are meant.
        """
        if indices is not None:
            raise ValueError("the environments of a vector environment share their methods: leave indices out")
        result = getattr(self.env, method_name)(*args, **kwargs)
        return [result] * self.num_envs

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]], indices: Any = None) -> list[bool]:  # noqa: ANN401
        """Return False for each environment, since SB3 asks about wrappers of single ones."""
        return [False for _ in self._get_indices(indices)]


class RecordingVecEnv(VecEnv):
    """Environments that record their steps as rollouts."""

    def reset(self) -> Array:
        """Start episodes."""
        obs = super().reset()
        self.start(obs)
        return obs

    def start(self, obs: Array) -> None:
        """Store the first observations."""
        self._obs = obs
        self._steps: list[tuple[Array, ...]] = []

    def step_wait(self) -> tuple[Array, Array, Array, list[dict[str, Any]]]:
        """Take a step, and record it."""
        obs, reward, done, infos = super().step_wait()
        next_obs = obs.copy()
        truncated = np.array([info.get("TimeLimit.truncated", False) for info in infos])
        for index in np.flatnonzero(done):
            next_obs[index] = infos[index]["terminal_observation"]
        ended = done & ~truncated, truncated
        self._steps.append((self._obs, self._actions, self._actions, next_obs, reward.copy(), *ended))
        self._obs = obs
        return obs, reward, done, infos

    def take(self) -> Rollout:
        """Return the steps since the last call. Shapes: (T, N, ...)."""
        steps, self._steps = self._steps, []
        return rollout_of(steps)


def rollout_of(steps: Sequence[tuple[Array, ...]]) -> Rollout:
    """Stack T steps with the columns of `Rollout` but the log-probabilities, which SB3 keeps itself."""
    columns = [np.stack(column) for column in zip(*steps)]
    names = ("obs", "action", "executed", "next_obs", "reward")
    floats = {name: torch.as_tensor(x, dtype=torch.float32) for name, x in zip(names, columns)}
    terminated, truncated = (torch.as_tensor(x) for x in columns[5:])
    zeros = torch.zeros_like(floats["reward"])
    return Rollout(**floats, terminated=terminated, truncated=truncated, log_prob=zeros)


def info_of(info: Mapping[str, Any], index: int) -> dict[str, Any]:
    """Return the entries of one environment from the infos of a vector environment: numbers, text, or anything else.

    >>> info_of({"x": np.array([1.0, 2.0]), "_x": np.array([True, False])}, 0)
    {'x': 1.0}
    """
    return {
        name: _entry(value, index)
        for name, value in info.items()
        if not name.startswith("final_info") and f"_{name}" in info and info[f"_{name}"][index]
    }


def _entry(value: Any, index: int) -> Any:  # noqa: ANN401
    """Return what one environment told, also within a dict, in which some environments may have told nothing."""
    if isinstance(value, Mapping):
        inner = cast("Mapping[str, Any]", value)
        names = (name for name in inner if not (name.startswith("_") and name[1:] in inner))
        told = (name for name in names if f"_{name}" not in inner or inner[f"_{name}"][index])
        return {name: _entry(inner[name], index) for name in told}
    one: Any = value[index]
    return cast(Any, one).item() if isinstance(one, np.generic) else one


def _with_room(action: gym.spaces.Box) -> gym.spaces.Box:
    """Give components whose bounds are equal a little room: SB3 divides by the difference."""
    low, high = cast(Array, action.low), cast(Array, action.high)
    if not (low == high).any():
        return action
    room = np.where(low == high, 1e-6 * np.maximum(1.0, np.abs(high)), 0.0)
    dtype: Any = action.dtype  # pyright: ignore[reportUnknownMemberType]
    return gym.spaces.Box(low, (high + room).astype(dtype), dtype=dtype)


class ReplayBuffer(buffers.ReplayBuffer):
    """SB3's replay buffer with a method `relabel` for all steps: `SAC(..., replay_buffer_class=ReplayBuffer)`.

    Raises:
        ValueError: If `optimize_memory_usage` is True, which drops next observations that learners may need.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)  # pyright: ignore[reportUnknownMemberType]
        if self.optimize_memory_usage:
            raise ValueError("relabelling needs optimize_memory_usage=False: learners may look at the next observation")

    def __len__(self) -> int:
        """Return the number of filled rows, each with a step of every environment."""
        return self.size()

    def relabel(self, learner: Learner) -> None:
        """Relabel every stored step with the current reward, also after the buffer has wrapped.

        Raises:
            NotFiniteError: If a reward is NaN or infinite.
        """
        relabel(self, learner)

    def steps(self, rows: slice) -> Batch:
        """Copy steps, with executed actions; SB3 stores them scaled to -1..1. Shapes: (T, N, ...)."""
        return steps_of(self, rows)

    def overwrite_latest_rewards(self, reward: Array) -> None:
        """Replace the reward of the latest steps. Shape: (T, N)."""
        latest = reward[-self.buffer_size :]
        self.rewards[(self.pos - len(latest) + np.arange(len(latest))) % self.buffer_size] = latest

    def state_dict(self) -> State:
        """Return the state to resume from."""
        columns = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
        return {
            "columns": {name: getattr(self, name)[: len(self)] for name in columns},
            "pos": self.pos,
            "full": self.full,
        }

    def load_state_dict(self, state: State) -> None:
        """Restore the state that `state_dict` returned."""
        for name, column in state["columns"].items():
            getattr(self, name)[: len(column)] = np.asarray(column)
        self.pos, self.full = state["pos"], state["full"]


def relabel(buffer: buffers.ReplayBuffer, learner: Learner) -> None:
    """Relabel every step in a replay buffer of SB3 with the current reward, also after it has wrapped.

    Raises:
        NotFiniteError: If a reward is NaN or infinite.
    """
    rows_at_once = max(1, ROWS_AT_ONCE // buffer.n_envs)
    for first in range(0, buffer.size(), rows_at_once):
        rows = slice(first, min(first + rows_at_once, buffer.size()))
        buffer.rewards[rows] = learned_reward(learner, steps_of(buffer, rows).segments()).cpu().numpy()


def steps_of(buffer: buffers.ReplayBuffer, rows: slice) -> Batch:
    """Copy steps, with executed actions. Shapes: (T, N, ...)."""
    space = cast(Any, buffer.action_space)  # pyright: ignore[reportUnknownMemberType]
    # as BasePolicy.unscale_action has it, to the last bit
    executed = space.low + 0.5 * (buffer.actions[rows] + 1.0) * (space.high - space.low)
    terminated = buffer.dones[rows] * (1 - buffer.timeouts[rows])
    return Batch(
        obs=torch.as_tensor(buffer.observations[rows], dtype=torch.float32),
        action=torch.as_tensor(executed, dtype=torch.float32),
        next_obs=torch.as_tensor(buffer.next_observations[rows], dtype=torch.float32),
        reward=torch.as_tensor(buffer.rewards[rows]),
        terminated=torch.as_tensor(terminated),
        truncated=torch.as_tensor(buffer.timeouts[rows]),
    )


def start_callbacks(agent: "Sb3Verbs", callback: Callbacks, progress_bar: bool, known: dict[str, Any]) -> BaseCallback:
    """Join callbacks into one, and start the training with it.

    Args:
        agent: Agent with the interface of SB3.
        callback: Callback, callbacks or function of SB3.
        progress_bar: Whether to add SB3's progress bar.
        known: Entries of `locals` for callbacks.
    """
    several = cast("list[Callback]", callback if isinstance(callback, list) else [callback] if callback else [])
    callbacks = [x if isinstance(x, BaseCallback) else ConvertCallback(x) for x in several]
    together = CallbackList([*callbacks, *([ProgressBarCallback()] if progress_bar else [])])
    together.init_callback(cast(BaseAlgorithm, agent))  # the agent has the attributes that callbacks use
    together.on_training_start(known, {})
    return together
