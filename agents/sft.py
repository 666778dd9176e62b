"""Supervised fine-tuning: clone all segments, then only the preferred ones.

It is the simplest baseline of CPL (arXiv:2310.13639, sec. 4).
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from prefgym.agents.bc import Cloning, CloningCfg
from prefgym.common.limits import Share
from prefgym.core.kinds import Comparison
from prefgym.nn.actor import ActorCfg
from prefgym.rl.offline import OfflineData


@dataclass(frozen=True, kw_only=True)
class SFTCfg(CloningCfg):
    """Hyperparameters of fine-tuning, beside those of cloning."""

    actor: ActorCfg = field(default_factory=lambda: ActorCfg(head="deterministic", dropout=0.25))
    """Architecture of the policy."""
    cloning: Share = 0.4
    """Share of the updates that clone all segments."""


class SFT(Cloning[SFTCfg]):
    """A policy that imitates preferred segments."""

    name, default = "sft", SFTCfg()
    learns_from = ("preferences",)

    def take(self, data: OfflineData) -> None:
        """Store the steps of the preferred options.

        Raises:
            ValueError: If there are no preferences.
        """
        parts = data.answered(self.name).of_kind(Comparison)
        options, choices = [part.queries.options for part in parts], [part.answers.choice for part in parts]
        valid = [one.mask & (choice > 0).unsqueeze(-1) for one, choice in zip(options, choices)]
        self.obs = torch.cat([one.obs[..., :-1, :][steps] for one, steps in zip(options, valid)]).to(self.device)
        self.action = self.unit(torch.cat([one.action[steps] for one, steps in zip(options, valid)]))
        # c_k: options of a tie share the choice
        shares = [choice.unsqueeze(-1).expand(steps.shape)[steps] for choice, steps in zip(choices, valid)]
        self.weight = torch.cat(shares).to(self.device)

    def switch(self) -> float:
        """Return the share of the training that clones all segments."""
        return self.cfg.cloning

    def enter(self) -> None:
        """Reset the optimiser after cloning all segments."""
        self.renew_optimizer()

    def _clone(self) -> Tensor:
        if not self.is_second:
            return super()._clone()
        rows = torch.randint(len(self.obs), (self.cfg.batch_size,), generator=self.generator, device=self.device)
        obs, action, weight = self.obs[rows], self.action[rows], self.weight[rows]
        # L = -E[c log pi(a|s)] / E[c] over the steps of the options with a share c of the choice
        loss = -(weight * self.actor.log_prob(obs, action)).sum() / weight.sum()
        self.gradient_step(self.optimizer, loss, obs=obs, action=action)
        return loss.detach()
