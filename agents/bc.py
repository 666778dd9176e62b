"""Behavioural cloning (Pomerleau, 1989): do what was done, a step at a time or several.

It is also how CPL and SFT begin. Acting, and what is learned from, are those of `prefgym.rl.offline`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import torch
from torch import Generator, Tensor

from prefgym.common.limits import Count, Positive, check
from prefgym.common.states import State, load_optimizer_state, optimizer_state
from prefgym.core.arrays import Array, ArrayLike, PolicyState
from prefgym.nn.actor import ActorCfg
from prefgym.nn.weights import training
from prefgym.rl.offline import OfflineAgent, OfflineData


@dataclass(frozen=True, kw_only=True)
class CloningCfg:
    """Hyperparameters of all agents that clone."""

    actor: ActorCfg = field(default_factory=ActorCfg)
    """The policy."""
    learning_rate: Positive = 3e-4
    """Of Adam."""
    batch_size: Count = 1024
    """Steps per update of cloning."""

    __post_init__ = check


@dataclass(frozen=True, kw_only=True)
class BCCfg(CloningCfg):
    """Hyperparameters of behavioural cloning."""

    chunk: Count = 1
    """Steps that are planned at once, and carried out before the next look."""


Cfg = TypeVar("Cfg", bound=CloningCfg)


class Cloning(OfflineAgent[Cfg]):
    """A policy that maximises the likelihood of recorded actions."""

    def build(self, draws: Generator) -> None:
        """Make the optimiser."""
        del draws
        self.renew_optimizer()

    def renew_optimizer(self) -> None:
        """Start with an optimiser that remembers nothing."""
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
        """Return everything that was learned."""
        return dict(self.actor.state_dict())

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Load what `weights` returned."""
        self.actor.load_state_dict(weights)

    def state_dict(self) -> State:
        """Return the state to resume from."""
        return {**super().state_dict(), "optimizer": optimizer_state(self.optimizer)}

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
        super().load_state_dict(state)
        load_optimizer_state(self.optimizer, state["optimizer"])


class BC(Cloning[BCCfg]):
    """A policy that plans the next C actions, and then looks again."""

    name, default = "bc", BCCfg()
    learns_from = ("preferences", "demonstrations")

    @property
    def num_planned(self) -> int:
        """Return C."""
        return self.cfg.chunk

    # --- act ---------------------------------------------------------------------------------------------------------

    def plan(self, obs: Tensor, deterministic: bool = False) -> tuple[Tensor, Tensor]:
        """Sample plans in -1..1 and their log-probabilities. Shapes: (N, C, A), (N,)."""
        plan, log_prob = self.actor.sample(obs, deterministic)
        return plan.view(-1, self.cfg.chunk, self.action_dim), log_prob

    def act(self, obs: Tensor, deterministic: bool = False) -> tuple[Tensor, Tensor]:
        """Sample the first actions of plans, and the log-probabilities of the plans. Shapes: (N, A), (N,)."""
        plan, log_prob = self.plan(obs, deterministic)
        return plan[:, 0], log_prob

    def predict(
        self,
        observation: ArrayLike,
        state: PolicyState = None,
        episode_start: Array | None = None,
        deterministic: bool = False,
    ) -> tuple[Array, PolicyState]:
        """Choose actions within bounds; plans are carried out where the state is handed back. Shape: (A,) or (N, A).

        Args:
            observation: Of one environment or of several.
            state: Plans, and the steps of them that are done; None to plan anew. Shapes: (N, C, A), (N,).
            episode_start: Where to plan anew. Shape: (N,), bool.
            deterministic: Whether the most likely plan is made.
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
        """Take in what was done from each step on.

        Raises:
            ValueError: If nothing that is recorded is as long as a plan.
        """
        plan, taken = data.plans(self.cfg.chunk)
        if not bool(taken[:, -1].any()):
            raise ValueError(f"plans of {self.cfg.chunk} steps cannot be learned: all that is recorded is shorter")
        self.plans = self.unit(plan).flatten(-2)
        # a step that was taken counts with all numbers of its action
        self.known = taken.repeat_interleave(self.action_dim, -1).to(self.device)

    def _clone(self) -> Tensor:
        rows = torch.randint(len(self.plans), (self.cfg.batch_size,), generator=self.generator, device=self.device)
        obs, plan, known = self.buffer.at(rows).obs, self.plans[rows], self.known[rows]
        # L = -E[sum_c log pi(a_(t+c)|s_t)] over the steps that were taken
        loss = -self.actor.log_prob(obs, plan, known).mean()
        self.gradient_step(self.optimizer, loss, obs=obs, action=plan)
        return loss.detach()
