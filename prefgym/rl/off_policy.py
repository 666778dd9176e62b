"""The base of agents that learn from a replay buffer."""

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Generic

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import TypeVar

from prefgym.common.states import State, load_optimizer_state, optimizer_state
from prefgym.core.arrays import Env
from prefgym.core.capabilities import Capability
from prefgym.core.rollout import Rollout
from prefgym.nn.weights import load_merged_state_dicts, merge_state_dicts
from prefgym.rl.online import OnlineAgent
from prefgym.rl.settings import ReplaySettings

BATCHES_AT_ONCE = 64

Cfg = TypeVar("Cfg", bound=ReplaySettings, default=Any)
BatchT = TypeVar("BatchT", default=Any)
"""Type of the batch of one update."""


class ReplayAgent(OnlineAgent[Cfg], Generic[Cfg, BatchT]):
    """An agent made of `act`, `remember`, `sample_batches` and `step`."""

    capabilities: ClassVar[frozenset[Capability]] = OnlineAgent.capabilities | {Capability.OFF_POLICY}
    metric_names: ClassVar[tuple[str, ...]]
    """Names of the metrics that `step` returns."""

    def __init__(self, cfg: Cfg, env: Env, *, seed: int = 0, device: str = "cpu") -> None:
        """Prepare an online agent that has had no updates."""
        super().__init__(cfg, env, seed=seed, device=device)
        self.num_updates = 0

    @abstractmethod
    def remember(self, rollout: Rollout) -> int:
        """Store a rollout; return the number of steps stored so far, including overwritten ones."""

    @abstractmethod
    def sample_batches(self, num_batches: int) -> list[BatchT]:
        """Sample a batch for each update."""

    @abstractmethod
    def step(self, batch: BatchT) -> Tensor:
        """Take one update; return its metrics, NaN for those it lacks. Shape: that of `metric_names`."""

    @abstractmethod
    def nets(self) -> dict[str, nn.Module]:
        """Return the networks and normalisers by name."""

    @abstractmethod
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return the optimisers by name."""

    def explore(self, rollout: Rollout) -> dict[str, float]:
        """Store a rollout without a reward; the first `relabel` adds it."""
        self.remember(rollout)
        return {}

    def update(self, rollout: Rollout, progress: float) -> dict[str, float]:
        """Store a rollout with its reward, and learn from the replay buffer.

        Args:
            rollout: The latest rollout, with the reward to learn from.
            progress: Share of the training that is done; not used.
        """
        del progress
        remembered = self.remember(rollout)
        if remembered < self.cfg.random_steps:
            return {}
        # updates due now less those due before, so that a rate below one update per rollout works, too
        rate, before = self.cfg.updates_per_step, remembered - rollout.num_steps
        return self.improve(math.floor(rate * remembered) - math.floor(rate * before))

    def improve(self, num_updates: int) -> dict[str, float]:
        """Take a number of updates; batches are sampled some at a time."""
        stats: list[Tensor] = []
        for first in range(0, num_updates, BATCHES_AT_ONCE):
            for batch in self.sample_batches(min(BATCHES_AT_ONCE, num_updates - first)):
                stats.append(self.step(batch))
                self.num_updates += 1
        if not stats:
            return {}
        means = torch.stack(stats).nanmean(0).cpu().numpy()
        return {f"train/{name}": float(mean) for name, mean in zip(self.metric_names, means) if not np.isnan(mean)}

    def weights(self) -> dict[str, Tensor]:
        """Return the weights and the number of updates; before the first update, actions are random."""
        return {**merge_state_dicts(self.nets()), "num_updates": torch.tensor(self.num_updates)}

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Load weights that `weights` returned."""
        load_merged_state_dicts(self.nets(), weights)
        self.num_updates = int(weights["num_updates"])

    def state_dict(self) -> State:
        """Return the state to resume from; an algorithm adds its own."""
        states = {name: optimizer_state(optimizer) for name, optimizer in self.optimizers().items()}
        return {**super().state_dict(), **states, "num_updates": self.num_updates}

    def load_state_dict(self, state: State) -> None:
        """Restore the state that `state_dict` returned."""
        super().load_state_dict(state)
        for name, optimizer in self.optimizers().items():
            load_optimizer_state(optimizer, state[name])
        self.num_updates = state["num_updates"]
