"""Behavioural cloning (Pomerleau, 1989): do what was done.

It is also how CPL and SFT begin. Acting, and what is learned from, are those of `prefgym.offline`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Generator, Tensor

from prefgym.actor import ActorCfg
from prefgym.limits import Count, Positive, check
from prefgym.offline import OfflineAgent
from prefgym.states import State, load_optimizer_state, optimizer_state


@dataclass(frozen=True, kw_only=True)
class BCCfg:
    """Hyperparameters of cloning."""

    actor: ActorCfg = field(default_factory=ActorCfg)
    """The policy."""
    learning_rate: Positive = 3e-4
    """Of Adam."""
    batch_size: Count = 1024
    """Steps per update of cloning."""

    __post_init__ = check


class BC(OfflineAgent):
    """A policy that maximises the likelihood of what was done."""

    cfg: BCCfg
    name, default = "bc", BCCfg()
    learns_from = ("preferences", "demonstrations")

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
        """Clone what was done: L = -E[log pi(a|s)]."""
        self.actor.train()
        losses = [self._clone() for _ in range(num_updates)]
        self.actor.eval()
        return {"train/cloning_loss": float(torch.stack(losses).mean())}

    def _clone(self) -> Tensor:
        batch = self.buffer.sample((self.cfg.batch_size,), self.generator)
        loss = -self.actor.log_prob(batch.obs, self.unit(batch.action)).mean()
        self.descend(self.optimizer, loss, obs=batch.obs, action=batch.action)
        return loss.detach()

    # --- keeping -----------------------------------------------------------------------------------------------------

    def weights(self) -> dict[str, Tensor]:
        """Return everything that was learned."""
        return dict(self.actor.state_dict())

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Take over what `weights` returned."""
        self.actor.load_state_dict(weights)

    def state_dict(self) -> State:
        """Return all that moves."""
        return {**super().state_dict(), "optimizer": optimizer_state(self.optimizer)}

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
        super().load_state_dict(state)
        load_optimizer_state(self.optimizer, state["optimizer"])
