"""Supervised fine-tuning: clone all segments, then only those that were preferred.

It is the simplest thing to do with preferences, and what CPL is measured against (arXiv:2310.13639, sec. 4).
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from prefgym.actor import ActorCfg
from prefgym.agents.bc import BC, BCCfg
from prefgym.limits import Share
from prefgym.offline import OfflineData
from prefgym.states import State


@dataclass(frozen=True, kw_only=True)
class SFTCfg(BCCfg):
    """Hyperparameters of fine-tuning, beside those of cloning."""

    actor: ActorCfg = field(default_factory=lambda: ActorCfg(head="deterministic", dropout=0.25))
    """The policy."""
    cloning: Share = 0.4
    """Share of the updates in which all segments are cloned."""


class SFT(BC):
    """A policy that does what was preferred."""

    name, default = "sft", SFTCfg()
    learns_from = ("preferences",)

    def __init__(
        self,
        cfg: SFTCfg,
        env: Any,  # noqa: ANN401
        *,
        data: OfflineData | None = None,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        """Make an untrained policy.

        Args:
            cfg: Hyperparameters.
            env: Worlds of the task; its spaces are one-dimensional Boxes.
            data: What is learned from: preferences, and to be cloned first, demonstrations or the same segments.
            seed: Seed of weights and of all that is drawn.
            device: Where the networks are.

        Raises:
            ValueError: If there are no preferences.
        """
        super().__init__(cfg, env, data=data, seed=seed, device=device)
        self.sft = cfg
        self.is_tuning = False
        if data is not None:
            preferences = data.answered(self.name)
            options, choice = preferences.queries.options, preferences.answers.choice
            valid = options.mask & (choice > 0).unsqueeze(-1)
            self.obs = options.obs[..., :-1, :][valid].to(self.device)
            self.action = self.unit(options.action[valid])
            # c_k: ties share what a choice has to give
            self.weight = choice.unsqueeze(-1).expand(valid.shape)[valid].to(self.device)

    def improve(self, num_updates: int, progress: float) -> dict[str, float]:
        """Clone all in the first part of the training, what was preferred in the rest."""
        if not self.is_tuning and progress >= self.sft.cloning:
            self.is_tuning = True
            self.renew_optimizer()
        return super().improve(num_updates, progress)

    def _clone(self) -> Tensor:
        if not self.is_tuning:
            return super()._clone()
        rows = torch.randint(len(self.obs), (self.cfg.batch_size,), generator=self.generator, device=self.device)
        obs, action, weight = self.obs[rows], self.action[rows], self.weight[rows]
        # L = -E[c log pi(a|s)] / E[c] over the steps of the options with a share c of the choice
        loss = -(weight * self.actor.log_prob(obs, action)).sum() / weight.sum()
        self.descend(self.optimizer, loss, obs=obs, action=action)
        return loss.detach()

    def state_dict(self) -> State:
        """Return all that moves."""
        return {**super().state_dict(), "is_tuning": self.is_tuning}

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
        super().load_state_dict(state)
        self.is_tuning = state["is_tuning"]
