"""Agents on top of a base policy: they observe its action, and learn from demonstrations."""

from abc import abstractmethod
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Self, cast

import numpy as np
import torch
from torch import Tensor
from typing_extensions import TypeVar

from prefgym.buffers.base_recorder import BaseRecorder
from prefgym.buffers.replay import Batch
from prefgym.common.finite import check_finite
from prefgym.common.from_json import config_from_json
from prefgym.common.spaces import check_arrays, denormalize_action, normalize_action
from prefgym.core.arrays import Array, ArrayLike, BoolArray, Env, PolicyState
from prefgym.core.rollout import Rollout
from prefgym.rl.base_policy import (
    ZERO,
    BasePolicy,
    BasePolicyRunner,
    append_base_actions,
    find_base,
    load_base,
    save_base,
)
from prefgym.rl.files import env_of, read_agent
from prefgym.rl.off_policy import BatchT, ReplayAgent
from prefgym.rl.sb3_verbs import StopTraining
from prefgym.rl.settings import BasedSettings
from prefgym.sim.nested import to_numpy
from prefgym.wrappers.order import hides_reward

if TYPE_CHECKING:
    from stable_baselines3.common.callbacks import BaseCallback

Cfg = TypeVar("Cfg", bound=BasedSettings, default=Any)


class BasedAgent(ReplayAgent[Cfg, BatchT], Generic[Cfg, BatchT]):
    """An agent on top of a base policy, whose action in -1..1 is appended to the observation."""

    def __init__(
        self, cfg: Cfg, env: Env, base_policy: BasePolicy = None, *, seed: int = 0, device: str = "cpu"
    ) -> None:
        """Load the base policy, and prepare an online agent.

        Args:
            cfg: Hyperparameters.
            env: Environments for `learn`; their spaces are one-dimensional Boxes.
            base_policy: Base policy; None for the one that `cfg` names.
            seed: Seed of weights and samples.
            device: Device of networks and replay buffers.

        Raises:
            ValueError: If there is no base policy, or actions are not bounded.
            UserError: If the run that `cfg` names is missing or damaged.
        """
        check_arrays(env, self.name)
        super().__init__(cfg, env, seed=seed, device=device)
        self.base, self.base_seal = find_base(base_policy, cfg.base, env, self.device)
        self.base_runner = BasePolicyRunner(self.base, self._unit)
        self.demos_seal: str | None = None

    @abstractmethod
    def mark_truncated(self) -> None:
        """Mark the latest stored steps as truncated: the next ones do not follow them."""

    def demo_steps(self, recorder: BaseRecorder) -> Batch:
        """Return the steps of whole recorded episodes, with the actions of the base policy in their observations.

        Raises:
            ValueError: If their sizes differ from those of the environments.
        """
        recorded, here = recorder.sizes, (self.obs_dim, self.action_dim)
        if recorded != here:
            raise ValueError(
                f"the demonstrations have {recorded} numbers an observation and an action, the environments {here}"
            )
        seal, steps = sha256(), list[Batch]()
        # environments that hide the task reward hide it in demonstrations, too
        for episodes in recorder.episode_groups(truth=not hides_reward(self.env)):
            for array in (episodes.obs, episodes.action):
                seal.update(array.numpy().tobytes())
            steps.append(Batch.of(append_base_actions(episodes, self.base, self._unit)))
        self.demos_seal = seal.hexdigest()
        return Batch.cat(steps)

    def reached(self, next_obs: Array, done: BoolArray) -> None:
        """Record the actions of the base policy after a step, before any reset. Shapes: (N, O), (N,)."""
        self.base_runner.reached(next_obs, done)

    def collect(self, env: Env, callback: "BaseCallback | None" = None) -> Rollout:
        """Step every environment `num_steps` times, and record the actions of the base policy."""
        self.base_runner.begin_rollout()
        try:
            return super().collect(env, callback)
        except StopTraining:
            self.mark_truncated()  # these steps are not stored
            raise

    def start_over(self) -> None:
        """Drop the current observations, and the state of the base policy."""
        super().start_over()
        self.base_runner.forget()
        self.mark_truncated()

    def executed(self, action: Tensor) -> Tensor:
        """Scale actions from -1..1 to the bounds of the environments. Shape as given."""
        return denormalize_action(action, self.action_low, self.action_high)

    def _unit(self, action: Array) -> Tensor:
        """Map actions of the base policy to -1..1. Shape as given."""
        check_finite("the action of the base policy", action)
        return normalize_action(self.tensor(action), self.action_low, self.action_high).clamp(-1, 1)

    def predict(
        self,
        observation: ArrayLike,
        state: PolicyState = None,
        episode_start: Array | None = None,
        deterministic: bool = False,
    ) -> tuple[Array, PolicyState]:
        """Return actions within bounds; `state` is that of the base policy. Shape: (A,) or (N, A)."""
        obs = np.asarray(to_numpy(observation))
        rows = obs.reshape(-1, obs.shape[-1])
        base, state = self.base.predict(rows, state, episode_start, deterministic=True)
        with torch.no_grad():
            action, _ = self.act(torch.cat([self.tensor(rows), self._unit(np.asarray(base))], -1), deterministic)
            return self.executed(action).reshape(*obs.shape[:-1], -1).cpu().numpy(), state

    def save(self, path: Path | str) -> None:
        """Write weights and configuration, and beside them the base policy (`path`-base), if it can be saved."""
        super().save(path)
        save_base(self.base, path)

    @classmethod
    def load(
        cls, path: Path | str, env: Env | None = None, device: str = "cpu", base_policy: BasePolicy = None
    ) -> Self:
        """Load the agent that `save` wrote, without demonstrations.

        Args:
            path: The path given to `save`.
            env: Environments for `learn`; `predict` needs them only with a base policy of Stable-Baselines3.
            device: Device of the networks.
            base_policy: Base policy, if it was not saved.

        Raises:
            FileNotFoundError: If a file is missing.
            ValueError: If they belong to another agent, version or environments, or there is no base policy.
        """
        weights, card = read_agent(path, cls.name, env)
        cfg = cast(Cfg, config_from_json(cls.default, card["cfg"]))
        if base_policy is None and cfg.base != ZERO:
            base_policy = load_base(path, env, device)
        agent = cls(replace(cfg, demos=""), env or env_of(card), base_policy=base_policy, device=device)
        agent.cfg = cfg
        agent.load_weights(weights)
        return agent
