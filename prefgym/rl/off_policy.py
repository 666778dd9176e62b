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
"""What one update learns from."""


class ReplayAgent(OnlineAgent[Cfg], Generic[Cfg, BatchT]):
    """An agent made of `act`, `remember`, `sample_batches` and `step`."""

    capabilities: ClassVar[frozenset[Capability]] = OnlineAgent.capabilities | {Capability.OFF_POLICY}
    metric_names: ClassVar[tuple[str, ...]]
    """Names of the numbers that `step` returns."""

    def __init__(self, cfg: Cfg, env: Env, *, seed: int = 0, device: str = "cpu") -> None:
        """Begin with no updates: as for all online agents."""
        super().__init__(cfg, env, seed=seed, device=device)
        self.num_updates = 0

    @abstractmethod
    def remember(self, rollout: Rollout) -> int:
        """Store a rollout; return the number of steps stored so far, those overwritten included."""

    @abstractmethod
    def sample_batches(self, num_batches: int) -> list[BatchT]:
        """Sample a batch for each of as many updates."""

    @abstractmethod
    def step(self, batch: BatchT) -> Tensor:
        """Take one update; return its metrics, NaN where there is none. Shape: that of `metric_names`."""

    @abstractmethod
    def nets(self) -> dict[str, nn.Module]:
        """Name the networks, and what normalises."""

    @abstractmethod
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Name the optimisers."""

    def explore(self, rollout: Rollout) -> dict[str, float]:
        """Store a rollout for which there is no reward yet; the first `relabel` adds it."""
        self.remember(rollout)
        return {}

    def update(self, rollout: Rollout, progress: float) -> dict[str, float]:
        """Store a rollout with its reward, and learn from the replay buffer.

        Args:
            rollout: The latest, with the reward to learn from.
            progress: Share of the training that is done; of no use here.
        """
        del progress
        remembered = self.remember(rollout)
        if remembered < self.cfg.random_steps:
            return {}
        # what is due by now less what was due before, so that a rate below one update a rollout counts, too
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
        """Return everything that was learned, and after how many updates: before the first, actions are random."""
        return {**merge_state_dicts(self.nets()), "num_updates": torch.tensor(self.num_updates)}

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Load what `weights` returned."""
        load_merged_state_dicts(self.nets(), weights)
        self.num_updates = int(weights["num_updates"])

    def state_dict(self) -> State:
        """Return the state to resume from; an algorithm adds its own."""
        states = {name: optimizer_state(optimizer) for name, optimizer in self.optimizers().items()}
        return {**super().state_dict(), **states, "num_updates": self.num_updates}

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
        super().load_state_dict(state)
        for name, optimizer in self.optimizers().items():
            load_optimizer_state(optimizer, state[name])
        self.num_updates = state["num_updates"]
