"""The wrapper that makes environments on a device preference-based."""

from functools import partial
from typing import Any, Protocol, cast

import torch
from torch import Tensor

from prefgym.buffers.base_recorder import BaseRecorder
from prefgym.buffers.device_recorder import DeviceRecorder
from prefgym.buffers.recorder import RecorderCfg
from prefgym.common.spaces import device_of
from prefgym.common.states import State
from prefgym.core.protocols import Array
from prefgym.core.relabel import learned_reward
from prefgym.core.segments import Segments
from prefgym.sim.seeding import Seed
from prefgym.wrappers.guards import Checked, Info, TensorEnv
from prefgym.wrappers.preference import PreferenceVectorEnv
from prefgym.wrappers.recording import recorder_for


class _Physics(Protocol):
    """Interface of environments on a device beside Gymnasium's: `HasPhysics` with tensors."""

    def physics_state(self, final: bool = False) -> Tensor: ...

    def factors(self) -> dict[str, Tensor]: ...


class PreferenceTensorEnv(PreferenceVectorEnv):
    """Hide the task reward of environments on a device, record there, and return the learned reward once installed.

    Raises:
        ValueError: For the reasons of `PreferenceVectorEnv`.
    """

    def __init__(self, env: TensorEnv, *, recorder: RecorderCfg | None = None) -> None:
        super().__init__(env, recorder=recorder)
        self._base = cast(_Physics, env.unwrapped)
        self._last = torch.zeros(0)

    def _make_recorder(self, cfg: RecorderCfg) -> BaseRecorder:
        device = device_of(self.env) or torch.device("cpu")
        self._ring = recorder_for(self.env, partial(DeviceRecorder, device=device), cfg)
        return self._ring

    def check(self) -> None:
        """Raise the first error since the last call; this synchronises with the device.

        Raises:
            NotFiniteError: See `GuardedTensorEnv`.
            SimulationError: See `TensorVectorEnv.check`.
        """
        cast(Checked, self.env).check()

    def reset(self, *, seed: Seed = None, options: dict[str, Any] | None = None) -> tuple[Tensor, Info]:
        """Start episodes in all environments, or in those of `options["reset_mask"]`."""
        mask = (options or {}).get("reset_mask")
        # vector environments take a seed for each environment, which the types of VectorEnv.reset lack
        obs, _ = self.env.reset(seed=seed, options=options)  # pyright: ignore[reportArgumentType]
        mask = None if mask is None else torch.as_tensor(mask, device=obs.device)
        self._ring.begin(obs, mask, self._state())
        self._last = obs.clone()  # callers may write into returned tensors
        return obs, {}

    def step(self, actions: Array | Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Info]:
        """Take a step in every environment; rewards are the learned ones, or 0."""
        obs, reward, terminated, truncated, info = self.env.step(actions)
        action = torch.as_tensor(actions, dtype=torch.float32, device=obs.device)
        ends, factors, state = (terminated, truncated), self._base.factors(), self._state(final=True)
        self._ring.add(action, reward, info["final_obs"], *ends, factors=factors, state=state)
        self._ring.begin(obs, terminated | truncated, self._state())
        reward = self._learned_reward(action, info["final_obs"], *ends)
        self._last = obs.clone()
        return obs, reward, terminated, truncated, {name: info[name] for name in ("final_obs", "_final_obs")}

    def _state(self, final: bool = False) -> Tensor | None:
        return self._base.physics_state(final) if self._ring.has_states else None

    def _learned_reward(self, action: Tensor, next_obs: Tensor, terminated: Tensor, truncated: Tensor) -> Tensor:
        if self._shared.learner is None:
            return torch.zeros(self.num_envs, device=next_obs.device)
        step = Segments.of_steps(self._last, action, next_obs, terminated, truncated)
        return learned_reward(self._shared.learner, step).to(next_obs.device)

    def state_dict(self) -> State:
        """Return the state of wrapper and recorder, except for the recorded steps, which are in shards."""
        return {"recorder": self._ring.state_dict(), "obs": self._last}

    def load_state_dict(self, state: State) -> None:
        """Restore the state that `state_dict` returned."""
        self._ring.load_state_dict(state["recorder"])
        self._last = state["obs"].to(device_of(self.env), copy=True)
