"""The wrappers of environments on a device: one that makes them preference-based, one that guards them."""

from typing import Any

import torch
from gymnasium.vector import VectorEnv, VectorWrapper
from torch import Tensor

from prefgym.buffers.device_recorder import DeviceRecorder
from prefgym.buffers.recorder import RecorderCfg
from prefgym.common.finite import NotFiniteError
from prefgym.common.spaces import device_of
from prefgym.common.states import State
from prefgym.core.relabel import learned_reward
from prefgym.core.segments import Segments
from prefgym.wrappers.preference import Info, PreferenceVectorEnv

PARTS = ("the agent's action", "the observation", "the task reward")
"""What a guard tells apart, in the order in which one spoils the next."""


class PreferenceTensorEnv(PreferenceVectorEnv):
    """Hide the task reward of envs on a device, record on the device, and give the learned reward once there is one.

    Raises:
        ValueError: As `PreferenceVectorEnv` does.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], *, recorder: RecorderCfg | None = None) -> None:
        super().__init__(env, recorder=recorder)
        assert isinstance(self._shared.recorder, DeviceRecorder)  # what environments on a device are recorded by
        self._rows = self._shared.recorder
        self._base: Any = env.unwrapped
        self._last = torch.zeros(0)

    def check(self) -> None:
        """See whether all went well since the last call; this waits for the device.

        Raises:
            NotFiniteError: See `GuardedTensorEnv`.
            SimulationError: See `TensorVectorEnv.check`.
        """
        inner: Any = self.env
        inner.check()

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, Info]:  # noqa: ANN401
        """Start episodes in all environments, or in those of `options["reset_mask"]`."""
        mask = (options or {}).get("reset_mask")
        obs, _ = self.env.reset(seed=seed, options=options)
        mask = None if mask is None else torch.as_tensor(mask, device=obs.device)
        self._rows.begin(obs, mask, self._shared.state())
        self._last = obs.clone()  # what was handed out may be written to
        return obs, {}

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, Info]:  # noqa: ANN401
        """Take a step in every environment; rewards are the learned ones, or 0."""
        obs, reward, terminated, truncated, info = self.env.step(actions)
        actions = torch.as_tensor(actions, dtype=torch.float32, device=obs.device)
        ends, factors, state = (terminated, truncated), self._base.factors(), self._shared.state(final=True)
        self._rows.add(actions, reward, info["final_obs"], *ends, factors=factors, state=state)
        self._rows.begin(obs, terminated | truncated, self._shared.state())
        reward = self._learned_reward(actions, info["final_obs"], *ends)
        self._last = obs.clone()
        return obs, reward, terminated, truncated, {name: info[name] for name in ("final_obs", "_final_obs")}

    def _learned_reward(self, action: Tensor, next_obs: Tensor, terminated: Tensor, truncated: Tensor) -> Tensor:
        if self._shared.learner is None:
            return torch.zeros(self.num_envs, device=next_obs.device)
        step = Segments.of_steps(self._last, action, next_obs, terminated, truncated)
        return learned_reward(self._shared.learner, step).to(next_obs.device)

    def state_dict(self) -> State:
        """Return the state to resume from here and in the recorder, but for what the recorder has in shards."""
        return {"recorder": self._rows.state_dict(), "obs": self._last}

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
        self._rows.load_state_dict(state["recorder"])
        self._last = state["obs"].to(device_of(self.env), copy=True)


class GuardedTensorEnv(VectorWrapper):
    """Watch that actions, observations and rewards are finite, and tell when somebody asks: `check`.

    A look at each step would wait for the device, so that what is not finite is found after the rollout, and the part
    is named that was first.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], *, guard_reward: bool) -> None:
        """Guard environments on a device.

        Args:
            env: What is guarded.
            guard_reward: Whether rewards are guarded, too: where they are learned from.
        """
        super().__init__(env)
        self._guard_reward = guard_reward
        self._first = torch.zeros((), dtype=torch.int8, device=device_of(env))  # 1 + its number in PARTS, or 0
        self._given: dict[str, Any] = {}

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:  # noqa: ANN401
        """Take a step in every world."""
        outcome = self.env.step(actions)
        seen: list[Any] = [torch.as_tensor(actions), outcome[4]["final_obs"]]
        seen += [outcome[1]] if self._guard_reward else []
        first = torch.zeros_like(self._first)
        for number, values in reversed(list(enumerate(seen, 1))):
            first = torch.where(torch.isfinite(values).all().to(first.device), first, number)
        self._first = torch.where(self._first > 0, self._first, first)
        self._given = {"action": seen[0], "obs": seen[1], "reward": outcome[1]}
        return outcome

    def check(self) -> None:
        """See whether all was finite since the last call; this waits for the device.

        Raises:
            NotFiniteError: If something was not; it carries what the last step gave.
            SimulationError: See `TensorVectorEnv.check`.
        """
        inner: Any = self.env
        inner.check()
        if first := int(self._first):
            raise NotFiniteError(PARTS[first - 1], {name: value.cpu() for name, value in self._given.items()})
