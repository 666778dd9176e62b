"""Wrappers that turn any Gymnasium environment with Box spaces into a preference-based one."""

from collections.abc import Iterator
from typing import Any, Protocol, SupportsFloat

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import torch
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper

from prefgym.buffers.device_recorder import DeviceRecorder
from prefgym.buffers.recorder import Recorder, RecorderCfg
from prefgym.common.spaces import device_of, single_spaces
from prefgym.common.states import State
from prefgym.core.protocols import Learner
from prefgym.core.queries import Queries
from prefgym.core.relabel import learned_reward
from prefgym.core.segments import Segments
from prefgym.sim.third_party import World, draw

Array = npt.NDArray[Any]
Info = dict[str, Any]

SAFE_INFO = ("final_obs", "_final_obs", "TimeLimit.truncated", "_TimeLimit.truncated")
"""Keys of `info` that pass through; all others could tell the task reward."""


_MOVES = "its statistics move, so that {what} recorded at different times could not be compared: put it around"
_BENEATH: tuple[tuple[str, str], ...] = (
    ("NormalizeReward", _MOVES.format(what="task rewards")),
    ("NormalizeObservation", _MOVES.format(what="observations")),
    ("PreferenceEnv", "the task reward is hidden already, and what it gives is no task reward: wrap once"),
    ("PreferenceVectorEnv", "the task reward is hidden already, and what it gives is no task reward: wrap once"),
)
"""Wrappers, single and vectorised, that must not be beneath ours, and why."""


def check_order(env: Any) -> None:  # noqa: ANN401
    """Look at what is beneath, in the first of several environments, too.

    Raises:
        ValueError: If there is a wrapper that belongs around ours, or no Gymnasium environment at all.
    """
    if not isinstance(env, (gym.Env, VectorEnv)):
        around = "what is Stable-Baselines3's goes around prefgym.sb3.VecEnv"
        raise ValueError(f"prefgym wraps Gymnasium's environments, not {type(env).__name__}; {around}")
    for layer in layers(env):
        for name, reason in _BENEATH:
            if type(layer).__name__ == name:
                raise ValueError(f"{name} cannot be beneath a wrapper that records preferences: {reason}")
        if getattr(layer, "returns_metric", False):
            raise ValueError(
                "what evaluation counts must not be recorded, or raters would see it: make the "
                "environment with reward='recorded'"
            )


def layers(env: Any) -> Iterator[Any]:  # noqa: ANN401
    """List an environment and all that is beneath it, in the first of several environments, too."""
    layer = env
    while layer is not None:
        yield layer
        worlds = getattr(layer, "envs", None)  # of Gymnasium's SyncVectorEnv
        layer = worlds[0] if worlds else getattr(layer, "env", None)


def hides_reward(env: Any) -> bool:  # noqa: ANN401
    """Tell whether the task reward is hidden in an environment: whether one of our wrappers is in it."""
    return any(isinstance(layer, (PreferenceEnv, PreferenceVectorEnv)) for layer in layers(env))


class _HasPhysics(Protocol):
    """What our own environments offer beside Gymnasium's interface."""

    state_size: int

    def physics_state(self, final: bool = False) -> Array: ...

    def factors(self) -> dict[str, Array]: ...


class _Preferences:
    """What single and vector wrapper share: a recorder, questions out of it, and the learned reward."""

    def __init__(self, env: Any, num_envs: int, recorder: RecorderCfg | None) -> None:  # noqa: ANN401
        observation, action = single_spaces(env)
        self.env = env
        told = (part for part in (env.unwrapped, env) if hasattr(part, "physics_state"))
        self.physics: _HasPhysics | None = next(told, None)
        self.has_reward = (
            "task_description" not in env.metadata
        )  # which says in words what is wanted where no reward does
        self.factor_names = tuple(self.physics.factors()) if self.physics else ()
        self.obs_dim, self.action_dim, self.num_envs = observation.shape[0], action.shape[0], num_envs
        self.learner: Learner | None = None
        self.num_asked = 0
        self._make_recorder(recorder or RecorderCfg())

    def _make_recorder(self, cfg: RecorderCfg) -> None:
        made: dict[str, Any] = {"has_reward": self.has_reward, "factor_names": self.factor_names, "cfg": cfg}
        made["state_dim"] = self.physics.state_size if self.physics else 0
        sizes, device = (self.num_envs, self.obs_dim, self.action_dim), device_of(self.env)
        self.recorder: Any = (
            Recorder(*sizes, **made) if device is None else DeviceRecorder(*sizes, device=device, **made)
        )
        self.record_state = self.physics is not None and cfg.state
        self.frame_height = 0 if self.physics else cfg.frame_height
        if self.frame_height and self.env.render_mode != "rgb_array":
            told = f"render_mode={self.env.render_mode!r}"
            raise ValueError(f"frame_height needs an environment made with render_mode='rgb_array', not {told}")

    def state(self, final: bool = False) -> Any:  # noqa: ANN401 - an array, or a tensor of environments on a device
        return self.physics.physics_state(final) if self.physics and self.record_state else None

    def frames(self) -> Array | None:
        return draw(self.env, self.frame_height) if self.frame_height else None

    def factors(self) -> dict[str, Array] | None:
        return self.physics.factors() if self.physics else None

    def learned_reward(self, obs: Array, action: Array, next_obs: Array, terminated: Array, truncated: Array) -> Array:
        """Return what the learner thinks one step of each env is worth; zeros without a learner. Shape: (N,)."""
        if self.learner is None:
            return np.zeros(self.num_envs)
        step = Segments.of_steps(
            torch.as_tensor(obs.astype(np.float32)),
            torch.as_tensor(action.astype(np.float32)),
            torch.as_tensor(next_obs.astype(np.float32)),
            torch.as_tensor(terminated),
            torch.as_tensor(truncated),
        )
        return learned_reward(self.learner, step).double().cpu().numpy()

    def sample_queries(self, num_queries: int, length: int, generator: torch.Generator | None) -> Queries:
        """Draw pairs of segments uniformly from what was recorded."""
        from prefgym.samplers import make

        sampler = make("uniform", segment_length=length, recent_steps=None)
        generator = generator or torch.Generator().manual_seed(self.num_asked)
        options = sampler(self.recorder, self.learner, num_queries, generator).map(torch.Tensor.cpu)
        queries = Queries.of(options, first_id=self.num_asked, asked_at=self.recorder.num_steps)
        self.num_asked += num_queries
        return queries


class PreferenceEnv(gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Hide the task reward, record what happens, and give the learned reward once one is installed.

    Dict observations, as goal environments have, are flattened.

    Raises:
        ValueError: If observation or action space is not a one-dimensional Box then, pictures are to be recorded and
            it draws none, or for the reasons of `check_order`.
    """

    def __init__(self, env: gym.Env[Any, Any], *, recorder: RecorderCfg | None = None) -> None:
        RecordConstructorArgs.__init__(self, recorder=recorder)
        check_order(env)
        if not hasattr(env.unwrapped, "physics_state"):
            world = World(env)
            env = world if world.has_physics else world.env
        gym.Wrapper.__init__(self, env)
        self._shared = _Preferences(env, 1, recorder)
        self._obs = np.zeros(0)

    @property
    def recorder(self) -> Recorder:
        """Return what was recorded; a single environment counts as one world."""
        return self._shared.recorder

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, Info]:
        """Start an episode; one that is running is recorded as truncated."""
        obs, info = self.env.reset(seed=seed, options=options)
        self._obs = np.array(obs)  # what was handed out may be written to
        self.recorder.begin(self._obs[None], state=self._shared.state(), frames=self._shared.frames())
        return obs, _safe(info)

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, Info]:  # noqa: ANN401
        """Take a step; the reward is the learned one, or 0."""
        obs, reward, terminated, truncated, info = self.env.step(action)
        actions, before, after = np.asarray(action)[None], self._obs[None], np.asarray(obs)[None]
        ended = np.array([terminated]), np.array([truncated])
        shared = self._shared
        rewards = np.array([float(reward)])
        self.recorder.add(
            actions, rewards, after, *ended, factors=shared.factors(), state=shared.state(), frames=shared.frames()
        )
        self._obs = after[0].copy()
        return obs, float(shared.learned_reward(before, actions, after, *ended)[0]), terminated, truncated, _safe(info)

    def sample_queries(self, num_queries: int, length: int = 50, generator: torch.Generator | None = None) -> Queries:
        """Draw `num_queries` pairs of segments of at most `length` steps, uniformly from what was recorded."""
        return self._shared.sample_queries(num_queries, length, generator)

    def install_reward(self, learner: Learner | None) -> None:
        """Give what `learner` thinks from now on; None gives 0."""
        self._shared.learner = learner


class PreferenceVectorEnv(VectorWrapper):
    """The same for vector environments, in every autoreset mode; autoreset steps are not recorded.

    Raises:
        ValueError: If observation or action space is not a one-dimensional Box, pictures are to be recorded and it
            draws none, or for the reasons of `check_order`.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], *, recorder: RecorderCfg | None = None) -> None:
        check_order(env)
        super().__init__(env)
        self._shared = _Preferences(env, env.num_envs, recorder)
        self._mode = AutoresetMode(env.metadata.get("autoreset_mode", AutoresetMode.NEXT_STEP))
        self._done = np.zeros(env.num_envs, np.bool_)
        self._obs = np.zeros((0, 0))

    @property
    def recorder(self) -> Recorder:
        """Return what was recorded."""
        return self._shared.recorder

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, Info]:
        """Start episodes in all environments, or in those of `options["reset_mask"]`."""
        mask = None if options is None else options.get("reset_mask")
        # vector environments take a seed for each environment, though VectorEnv.reset does not say so
        obs, info = self.env.reset(seed=seed, options=options)  # pyright: ignore[reportArgumentType]
        self.recorder.begin(obs, mask, self._shared.state(), self._shared.frames())
        self._done[slice(None) if mask is None else mask] = False
        self._obs = obs.copy()  # what was handed out may be written to
        return obs, _safe(info)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, Info]:  # noqa: ANN401
        """Take a step in every environment; rewards are the learned ones, or 0."""
        obs, reward, terminated, truncated, info = self.env.step(actions)
        shared, done = self._shared, terminated | truncated
        frames = shared.frames()  # after resets, if there were any: nobody looks at what an episode ended with
        next_obs, resets = obs, np.zeros(0, np.bool_)
        if self._mode == AutoresetMode.SAME_STEP and done.any():
            next_obs, resets = obs.copy(), done
            next_obs[done] = np.stack(list(info["final_obs"][done]))
        elif self._mode == AutoresetMode.NEXT_STEP and self._done.any():
            resets = self._done
        stepped = ~resets if self._mode == AutoresetMode.NEXT_STEP and len(resets) else None
        self.recorder.add(
            np.asarray(actions),
            reward,
            next_obs,
            terminated,
            truncated,
            mask=stepped,
            factors=shared.factors(),
            state=shared.state(final=True),
            frames=frames,
        )
        if len(resets):
            self.recorder.begin(obs, resets, shared.state(), frames)
        reward = shared.learned_reward(self._obs, np.asarray(actions), next_obs, terminated, truncated)
        if stepped is not None:
            reward = reward * stepped
        self._done, self._obs = done, obs.copy()
        return obs, reward, terminated, truncated, _safe(info)

    def sample_queries(self, num_queries: int, length: int = 50, generator: torch.Generator | None = None) -> Queries:
        """Draw `num_queries` pairs of segments of at most `length` steps, uniformly from what was recorded."""
        return self._shared.sample_queries(num_queries, length, generator)

    def install_reward(self, learner: Learner | None) -> None:
        """Give what `learner` thinks from now on; None gives 0."""
        self._shared.learner = learner

    def state_dict(self) -> State:
        """Return the state to resume from here and in the recorder, but for what the recorder has in shards."""
        return {"recorder": self.recorder.state_dict(), "done": self._done, "obs": self._obs}

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
        self.recorder.load_state_dict(state["recorder"])
        self._done, self._obs = state["done"].numpy().copy(), state["obs"].numpy().copy()


def _safe(info: Info) -> Info:
    return {key: info[key] for key in SAFE_INFO if key in info}
