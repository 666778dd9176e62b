"""Wrappers that turn any Gymnasium environment with Box spaces into a preference-based one."""

from typing import Any, ClassVar, SupportsFloat

import gymnasium as gym
import numpy as np
import torch
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import AutoresetMode, VectorWrapper

from prefgym.buffers.base_recorder import BaseRecorder
from prefgym.buffers.recorder import Recorder, RecorderCfg
from prefgym.common.spaces import device_of
from prefgym.common.states import State
from prefgym.core.protocols import Env, Learner
from prefgym.core.queries import Queries
from prefgym.sim.flat import flat_vector
from prefgym.sim.seeding import Seed
from prefgym.sim.third_party import with_physics
from prefgym.wrappers.guards import Info, TensorEnv
from prefgym.wrappers.order import check_order
from prefgym.wrappers.recording import Recording, recorder_for

SAFE_INFO = ("final_obs", "_final_obs", "TimeLimit.truncated", "_TimeLimit.truncated")
"""Keys of `info` that pass through; all others could reveal the task reward."""


class PreferenceEnv(gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Hide the task reward, record all steps, and return the learned reward once one is installed.

    Dict observations, such as those of goal environments, are flattened, and so are Boxes without an axis or with two.
    Episodes begin with `reset` only: a step after the end of one raises `gymnasium.error.ResetNeeded`.

    Raises:
        ValueError: If the flat observation or action space is no one-dimensional Box, the environment cannot render
            pictures that are to be recorded, or for the reasons of `check_order`.
    """

    hides_task_reward: ClassVar[bool] = True

    def __init__(self, env: gym.Env[Any, Any], *, recorder: RecorderCfg | None = None) -> None:
        RecordConstructorArgs.__init__(self, recorder=recorder)
        check_order(env)
        env = with_physics(env)
        gym.Wrapper.__init__(self, env)
        cfg = recorder or RecorderCfg()
        self._rows = recorder_for(env, Recorder, cfg)
        self._shared = Recording(env, self._rows, cfg)
        self._obs = np.zeros(0)

    @property
    def recorder(self) -> Recorder:
        """Return the recorder of the one environment."""
        return self._rows

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, Info]:
        """Start an episode; a running one is recorded as truncated."""
        obs, info = self.env.reset(seed=seed, options=options)
        self._obs = np.array(obs)  # callers may write into returned arrays
        self._rows.begin(self._obs[None], state=self._shared.state(), frames=self._shared.frames())
        return obs, _safe(info)

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, Info]:  # noqa: ANN401
        """Take a step; the reward is the learned one, or 0."""
        actions = np.array(action)[None]
        obs, reward, terminated, truncated, info = self.env.step(action)
        before, after = self._obs[None], np.asarray(obs)[None]
        ended = np.array([terminated]), np.array([truncated])
        shared = self._shared
        rewards = np.array([float(reward)])
        self._rows.add(
            actions, rewards, after, *ended, factors=shared.factors(), state=shared.state(), frames=shared.frames()
        )
        self._obs = after[0].copy()
        return obs, float(shared.reward(before, actions, after, *ended)[0]), terminated, truncated, _safe(info)

    def sample_queries(self, num_queries: int, length: int = 50, generator: torch.Generator | None = None) -> Queries:
        """Sample `num_queries` pairs of segments of at most `length` steps uniformly from the recorder."""
        return self._shared.sample_queries(num_queries, length, generator)

    def install_reward(self, learner: Learner | None) -> None:
        """Return the reward of `learner` from now on; None returns 0."""
        self._shared.learner = learner


class PreferenceVectorEnv(VectorWrapper):
    """`PreferenceEnv` for vector environments, in every autoreset mode; autoreset steps are not recorded.

    Raises:
        ValueError: If the observation or action space is no one-dimensional Box, the environments cannot render
            pictures that are to be recorded, or for the reasons of `check_order`.
    """

    hides_task_reward: ClassVar[bool] = True

    def __init__(self, env: Env | TensorEnv, *, recorder: RecorderCfg | None = None) -> None:
        check_order(env)
        if device_of(env) is None:
            env = flat_vector(env)
        super().__init__(env)
        cfg = recorder or RecorderCfg()
        self._shared = Recording(env, self._make_recorder(cfg), cfg)
        self._mode = AutoresetMode(env.metadata.get("autoreset_mode", AutoresetMode.NEXT_STEP))
        self._done = np.zeros(env.num_envs, np.bool_)
        self._obs = np.zeros((0, 0))

    def _make_recorder(self, cfg: RecorderCfg) -> BaseRecorder:
        self._rows = recorder_for(self.env, Recorder, cfg)
        return self._rows

    @property
    def recorder(self) -> BaseRecorder:
        """Return the recorder."""
        return self._shared.recorder

    def reset(self, *, seed: Seed = None, options: dict[str, Any] | None = None) -> tuple[Any, Info]:
        """Start episodes in all environments, or in those of `options["reset_mask"]`."""
        mask = None if options is None else options.get("reset_mask")
        # vector environments take a seed for each environment, which the types of VectorEnv.reset lack
        obs, info = self.env.reset(seed=seed, options=options)  # pyright: ignore[reportArgumentType]
        self._rows.begin(obs, mask, self._shared.state(), self._shared.frames())
        self._done[slice(None) if mask is None else mask] = False
        self._obs = obs.copy()  # callers may write into returned arrays
        return obs, _safe(info)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, Info]:  # noqa: ANN401
        """Take a step in every environment; rewards are the learned ones, or 0."""
        actions = np.array(actions)  # environments may write into what they are given
        obs, reward, terminated, truncated, info = self.env.step(actions.copy())
        shared, done = self._shared, terminated | truncated
        frames = shared.frames()  # after resets, if there were any: no clip shows the end of an episode
        next_obs, resets = obs, np.zeros(0, np.bool_)
        if self._mode == AutoresetMode.SAME_STEP and done.any():
            next_obs, resets = obs.copy(), done
            next_obs[done] = np.stack(list(info["final_obs"][done]))
        elif self._mode == AutoresetMode.NEXT_STEP and self._done.any():
            resets = self._done
        stepped = ~resets if self._mode == AutoresetMode.NEXT_STEP and len(resets) else None
        self._rows.add(
            actions,
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
            self._rows.begin(obs, resets, shared.state(), frames)
        reward = shared.reward(self._obs, actions, next_obs, terminated, truncated)
        if stepped is not None:
            reward = reward * stepped
        self._done, self._obs = done, obs.copy()
        return obs, reward, terminated, truncated, _safe(info)

    def sample_queries(self, num_queries: int, length: int = 50, generator: torch.Generator | None = None) -> Queries:
        """Sample `num_queries` pairs of segments of at most `length` steps uniformly from the recorder."""
        return self._shared.sample_queries(num_queries, length, generator)

    def install_reward(self, learner: Learner | None) -> None:
        """Return the reward of `learner` from now on; None returns 0."""
        self._shared.learner = learner

    def state_dict(self) -> State:
        """Return the state of wrapper and recorder, except for the recorded steps, which are in shards."""
        return {"recorder": self.recorder.state_dict(), "done": self._done, "obs": self._obs}

    def load_state_dict(self, state: State) -> None:
        """Restore the state that `state_dict` returned."""
        self.recorder.load_state_dict(state["recorder"])
        self._done, self._obs = state["done"].numpy().copy(), state["obs"].numpy().copy()


def _safe(info: Info) -> Info:
    return {key: info[key] for key in SAFE_INFO if key in info}
