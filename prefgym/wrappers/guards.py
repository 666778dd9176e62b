"""Guards: a NaN or an infinity stops a run where it appears, and the error names the part that returned it."""

from typing import Any, Protocol, TypeAlias, cast

import numpy as np
import torch
from gymnasium.vector import VectorEnv, VectorWrapper
from torch import Tensor

from prefgym.common.finite import NotFiniteError, check_finite
from prefgym.common.spaces import device_of
from prefgym.core.protocols import Array, Env
from prefgym.sim.capabilities import physics_of
from prefgym.sim.seeding import Seed

Info: TypeAlias = dict[str, Any]
TensorEnv: TypeAlias = VectorEnv[Tensor, Any, Tensor]

ACTION, OBSERVATION, REWARD = "the agent's action", "the observation", "the task reward"
PARTS = (ACTION, OBSERVATION, REWARD)
"""The parts that a guard distinguishes, in the order of the flow of data."""


class Checked(Protocol):
    """An environment on a device, which raises errors only in `check`."""

    def check(self) -> None:
        """Raise the first error since the last call."""
        ...


class _Guard(VectorWrapper):
    def __init__(self, env: Env | TensorEnv, *, guard_reward: bool) -> None:
        """Guard an environment.

        Args:
            env: The environment.
            guard_reward: Whether rewards are guarded, too, since the agent learns from them.
        """
        super().__init__(env)
        self._guard_reward = guard_reward


class GuardedVectorEnv(_Guard):
    """Refuse actions and observations, and with `guard_reward` rewards, that are not finite.

    Raises:
        NotFiniteError: Before such an action reaches the physics, or such an observation the agent.
    """

    def reset(self, *, seed: Seed = None, options: dict[str, Any] | None = None) -> tuple[Array, Info]:
        """Start episodes."""
        # vector environments take a seed for each environment, which the types of VectorEnv.reset lack
        obs, info = self.env.reset(seed=seed, options=options)  # pyright: ignore[reportArgumentType]
        check_finite(OBSERVATION, obs)
        return obs, info

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, Info]:
        """Take a step in every environment."""
        check_finite(ACTION, actions)
        obs, reward, terminated, truncated, info = self.env.step(actions)
        try:
            check_finite(OBSERVATION, obs, action=actions)
            if (ended := info.get("_final_obs")) is not None and ended.any():
                check_finite(OBSERVATION, np.stack(list(info["final_obs"][ended])), action=actions)
            if self._guard_reward:
                check_finite(REWARD, reward, action=actions, obs=obs)
        except NotFiniteError as error:
            if physics := physics_of(self.env):
                error.arrays["physics_state"] = physics.physics_state(final=True)
            raise
        return obs, reward, terminated, truncated, info


class GuardedTensorEnv(_Guard):
    """Record on the device whether actions, observations and rewards are finite; `check` raises if they were not.

    A check at each step would synchronise with the device. So values that are not finite are found after the rollout,
    and the error names the first part that returned one.
    """

    def __init__(self, env: TensorEnv, *, guard_reward: bool) -> None:
        """Guard environments on a device, with the arguments of `GuardedVectorEnv`."""
        super().__init__(env, guard_reward=guard_reward)
        self._first = torch.zeros((), dtype=torch.int8, device=device_of(env))  # 1 + its number in PARTS, or 0
        self._given: dict[str, Tensor] = {}

    def step(self, actions: Array | Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Info]:
        """Take a step in every environment."""
        obs, reward, terminated, truncated, info = self.env.step(actions)
        self._given = {"action": torch.as_tensor(actions), "obs": info["final_obs"], "reward": reward}
        seen = list(self._given.values())[: 3 if self._guard_reward else 2]
        first = torch.zeros_like(self._first)
        for number, values in reversed(list(enumerate(seen, 1))):
            first = torch.where(torch.isfinite(values).all().to(first.device), first, number)
        self._first = torch.where(self._first > 0, self._first, first)
        return obs, reward, terminated, truncated, info

    def check(self) -> None:
        """Check that all values since the last call were finite; this synchronises with the device.

        Raises:
            NotFiniteError: If one was not; it carries the arrays of the last step.
            SimulationError: See `TensorVectorEnv.check`.
        """
        cast(Checked, self.env).check()
        if first := int(self._first):
            raise NotFiniteError(PARTS[first - 1], {name: value.cpu() for name, value in self._given.items()})
