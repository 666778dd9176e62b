"""The base of online agents, which act while they learn."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, Protocol, cast

import numpy as np
import torch
from torch import Tensor
from typing_extensions import TypeVar

from prefgym.common.memory import check_fits
from prefgym.common.spaces import device_of
from prefgym.common.states import State
from prefgym.core.arrays import Array, BoolArray, Env
from prefgym.core.rollout import Rollout
from prefgym.rl.base import BaseAgent
from prefgym.rl.sb3_verbs import StopTraining
from prefgym.rl.settings import OnlineSettings
from prefgym.sim.flat import check_same_step

if TYPE_CHECKING:
    from stable_baselines3.common.callbacks import BaseCallback

Cfg = TypeVar("Cfg", bound=OnlineSettings, default=Any)


class _DeviceEnv(Protocol):
    """Environments on a device, which collect errors until `check`."""

    def check(self) -> None:
        """Raise the first error since the last call."""
        ...


def final_obs(obs: Array, done: BoolArray, info: Mapping[str, Any]) -> Array:
    """Return the observations after a step in SAME_STEP mode, before any reset. Shape: (N, O)."""
    if not done.any():
        return obs
    reached = obs.copy()
    reached[done] = np.stack(list(info["final_obs"][done]))
    return reached


class OnlineAgent(BaseAgent[Cfg], Generic[Cfg]):
    """An agent made of `act` and `update`."""

    learns_from = ("reward",)

    def __init__(self, cfg: Cfg, env: Env, *, seed: int = 0, device: str = "cpu") -> None:
        """Read the spaces of the environments.

        Args:
            cfg: Hyperparameters.
            env: Environments for `learn`; their spaces are one-dimensional Boxes.
            seed: Seed of weights and actions.
            device: Device of the networks.
        """
        super().__init__(cfg, env, seed=seed, device=device)
        numbers = 3 * self.obs_dim + 2 * self.action_dim + 4  # of a step; twice, until they are stacked
        num_bytes = 8.0 * self.cfg.num_steps * getattr(env, "num_envs", 1) * numbers
        check_fits("a rollout", num_bytes, "lower --agent.num-steps or --agent.num-envs")
        self._obs: Tensor | None = None

    @property
    def rollout_steps(self) -> int:
        """Return the steps of each environment between two updates."""
        return self.cfg.num_steps

    @abstractmethod
    def update(self, rollout: Rollout, progress: float) -> dict[str, float]:
        """Learn from a rollout with its reward; `progress` is the share of the training that is done."""

    def sample(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Sample actions for a rollout, and their log-probabilities. Shapes: (N, A), (N,)."""
        return self.act(obs)

    def reached(self, next_obs: Array, done: BoolArray) -> None:
        """Process a step of a rollout: its next observations, before any reset, and the ends of episodes."""

    def start_over(self) -> None:
        """Drop the current observations; the environments are reset before the next step."""
        self._obs = None

    def collect(self, env: Env, callback: "BaseCallback | None" = None) -> Rollout:
        """Step every environment of `env`, in SAME_STEP mode, `num_steps` times.

        Args:
            env: Environments; those on a device take and return tensors, and are synchronised once, at the end.
            callback: SB3's, called after each step; None for none.

        Raises:
            ValueError: If the environment resets in another mode.
            StopTraining: If the callback ends the training.
        """
        check_same_step(f"{self.name} acts in", env)  # scripts may pass a single environment
        if self._obs is None:
            self._obs = self.tensor(env.reset(seed=None)[0])
        steps: list[tuple[Tensor, ...]] = []
        on_device = device_of(env) is not None
        for _ in range(self.cfg.num_steps):
            with torch.no_grad():
                action, log_prob = self.sample(self._obs)
                executed = self.executed(action)
            taken = cast(Array, executed) if on_device else executed.cpu().numpy()
            obs, reward, terminated, truncated, info = env.step(taken)
            done = terminated | truncated
            next_obs = info["final_obs"] if on_device else final_obs(obs, done, info)
            after = (self.tensor(x) for x in (next_obs, reward, terminated, truncated))
            steps.append((self._obs, action, executed, *after, log_prob))
            self._obs = self.tensor(obs)
            self.reached(next_obs, done)
            self.num_timesteps += env.num_envs
            if callback is not None:
                callback.update_locals({"new_obs": obs, "rewards": reward, "dones": done, "actions": executed})
                if not callback.on_step():
                    raise StopTraining
        if on_device:
            cast(_DeviceEnv, env).check()  # the first synchronisation since the rollout began
        names = ("obs", "action", "executed", "next_obs", "reward", "terminated", "truncated", "log_prob")
        rollout = Rollout(**{name: torch.stack(values) for name, values in zip(names, zip(*steps))})
        return replace(rollout, terminated=rollout.terminated.bool(), truncated=rollout.truncated.bool())

    def advance(self, left: int, progress: float, callback: "BaseCallback | None" = None) -> dict[str, float]:
        """Learn from one rollout and the reward of the environment."""
        rollout = self.collect(self.env, callback)
        if callback is not None:
            callback.on_rollout_end()
        return self.update(rollout, progress)

    def state_dict(self) -> State:
        """Return the state to resume from; an algorithm adds its own."""
        return {**super().state_dict(), "obs": self._obs}

    def load_state_dict(self, state: State) -> None:
        """Restore the state that `state_dict` returned."""
        super().load_state_dict(state)
        self._obs = None if state["obs"] is None else self.tensor(state["obs"])
