"""Behavioural cloning (Pomerleau, 1989) of recorded actions, with optional action chunks.

CPL and SFT begin with it, too. Acting and the recorded data are in `prefgym.rl.offline`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import torch
from torch import Generator, Tensor

from prefgym.common.limits import BatchSize, Count, Positive, check
from prefgym.common.states import State, load_optimizer_state, optimizer_state
from prefgym.core.arrays import Array, ArrayLike, PolicyState
from prefgym.core.kinds import KINDS
from prefgym.nn.actor import ActorCfg
from prefgym.nn.weights import training
from prefgym.rl.offline import OfflineAgent, OfflineData


@dataclass(frozen=True, kw_only=True)
class CloningCfg:
    """Hyperparameters of all cloning agents."""

    actor: ActorCfg = field(default_factory=ActorCfg)
    """Architecture of the policy."""
    learning_rate: Positive = 3e-4
    """Learning rate of Adam."""
    batch_size: BatchSize = 1024
    """Steps per update of cloning."""

    __post_init__ = check


@dataclass(frozen=True, kw_only=True)
class BCCfg(CloningCfg):
    """Hyperparameters of behavioural cloning."""

    chunk: Count = 1
    """Chunk length: actions predicted at once, and executed before the next prediction."""


Cfg = TypeVar("Cfg", bound=CloningCfg)


class Cloning(OfflineAgent[Cfg]):
    """A policy that maximises the likelihood of recorded actions."""

    def build(self, draws: Generator) -> None:
        """Make the optimiser."""
        del draws
        self.renew_optimizer()

    def renew_optimizer(self) -> None:
        """Start with a new optimiser."""
        learned = [parameter for parameter in self.actor.parameters() if parameter.requires_grad]
        self.optimizer: torch.optim.Optimizer = torch.optim.Adam(learned, lr=self.cfg.learning_rate, fused=True)

    # --- improve -----------------------------------------------------------------------------------------------------

    def improve(self, num_updates: int) -> dict[str, float]:
        """Clone the recorded actions: L = -E[log pi(a|s)]."""
        with training(self.actor):
            losses = [self._clone() for _ in range(num_updates)]
        return {"train/cloning_loss": float(torch.stack(losses).mean())}

    def _clone(self) -> Tensor:
        batch = self.buffer.sample((self.cfg.batch_size,), self.generator)
        loss = -self.actor.log_prob(batch.obs, self.unit(batch.action)).mean()
        self.gradient_step(self.optimizer, loss, obs=batch.obs, action=batch.action)
        return loss.detach()

    # --- keeping -----------------------------------------------------------------------------------------------------

    def weights(self) -> dict[str, Tensor]:
        """Return all learned tensors, by name."""
        return dict(self.actor.state_dict())

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Load tensors that `weights` returned."""
        self.actor.load_state_dict(weights)

    def state_dict(self) -> State:
        """Return the state to resume from."""
        return {**super().state_dict(), "optimizer": optimizer_state(self.optimizer)}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned."""
        super().load_state_dict(state)
        load_optimizer_state(self.optimizer, state["optimizer"])


class BC(Cloning[BCCfg]):
    """A policy that predicts chunks of C actions, and executes each in full."""

    name, default = "bc", BCCfg()
    learns_from = ("preferences", "demonstrations")
    fits = tuple(KINDS.values())  # since it clones the segments, whatever was said about them

    @property
    def num_planned(self) -> int:
        """Return C."""
        return self.cfg.chunk

    # --- act ---------------------------------------------------------------------------------------------------------

    def plan(self, obs: Tensor, deterministic: bool = False) -> tuple[Tensor, Tensor]:
        """Sample chunks of actions in -1..1 and their log-probabilities. Shapes: (N, C, A), (N,)."""
        plan, log_prob = self.actor.sample(obs, deterministic)
        return plan.view(-1, self.cfg.chunk, self.action_dim), log_prob

    def act(self, obs: Tensor, deterministic: bool = False) -> tuple[Tensor, Tensor]:
        """Sample the first actions of chunks, and the log-probabilities of the chunks. Shapes: (N, A), (N,)."""
        plan, log_prob = self.plan(obs, deterministic)
        return plan[:, 0], log_prob

    def predict(
        self,
        observation: ArrayLike,
        state: PolicyState = None,
        episode_start: Array | None = None,
        deterministic: bool = False,
    ) -> tuple[Array, PolicyState]:
        """Choose actions within bounds; chunks continue if their state is passed back. Shape: (A,) or (N, A).

        Args:
            observation: Observation of one environment or of several.
            state: Chunks, and the number of executed steps of each; None for new chunks. Shapes: (N, C, A), (N,).
            episode_start: Mask of the environments that need a new chunk. Shape: (N,), bool.
            deterministic: Whether to choose the most likely chunk.
        """
        obs = self.tensor(observation)
        rows = obs.reshape(-1, obs.shape[-1])
        if state is None:
            plan = np.zeros((len(rows), self.cfg.chunk, self.action_dim), np.float32)
            done = np.full(len(rows), self.cfg.chunk)
        else:
            plan, done = state
        is_over = done >= self.cfg.chunk
        if episode_start is not None:
            is_over = is_over | np.asarray(episode_start, np.bool_)
        if is_over.any():
            with torch.no_grad():
                fresh, _ = self.plan(rows[torch.as_tensor(is_over)], deterministic)
            plan, done = plan.copy(), np.where(is_over, 0, done)
            plan[is_over] = self.executed(fresh).cpu().numpy()
        return plan[np.arange(len(rows)), done].reshape(*obs.shape[:-1], -1), (plan, done + 1)

    # --- improve -----------------------------------------------------------------------------------------------------

    def take(self, data: OfflineData) -> None:
        """Store the recorded chunk of actions from each step on.

        Raises:
            ValueError: If all recorded segments are shorter than a chunk.
        """
        plan, taken = data.plans(self.cfg.chunk)
        if not bool(taken[:, -1].any()):
            raise ValueError(f"plans of {self.cfg.chunk} steps cannot be learned: all that is recorded is shorter")
        self.plans = self.unit(plan).flatten(-2)
        # a recorded step counts in all dimensions of its action
        self.known = taken.repeat_interleave(self.action_dim, -1).to(self.device)

    def _clone(self) -> Tensor:
        rows = torch.randint(len(self.plans), (self.cfg.batch_size,), generator=self.generator, device=self.device)
        obs, plan, known = self.buffer.at(rows).obs, self.plans[rows], self.known[rows]
        # L = -E[sum_c log pi(a_(t+c)|s_t)] over the recorded steps
        loss = -self.actor.log_prob(obs, plan, known).mean()
        self.gradient_step(self.optimizer, loss, obs=obs, action=plan)
        return loss.detach()
