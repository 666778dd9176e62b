"""Contrastive preference learning (Hejna et al., arXiv:2310.13639): a policy from preferences, without a reward model.

Raters that judge by regret prefer segments of higher summed advantage, and the advantage of the optimal policy under
maximum entropy is its own log-probability: A*(s, a) = alpha log pi*(a|s). So the policy is fitted like a reward model.

Read from top to bottom: configuration, the loss, the options, `improve`. It begins with cloning: see `bc.py`.
"""

from dataclasses import dataclass, field

import torch
from torch import Generator, Tensor
from torch.nn.functional import logsigmoid

from prefgym.agents.bc import Cloning, CloningCfg
from prefgym.common.limits import BatchSize, NonNegative, Positive, Share
from prefgym.common.states import State
from prefgym.nn.actor import ActorCfg
from prefgym.nn.weights import training
from prefgym.rl.offline import OfflineData


@dataclass(frozen=True, kw_only=True)
class CPLCfg(CloningCfg):
    """Hyperparameters of CPL, beside those of cloning."""

    actor: ActorCfg = field(default_factory=lambda: ActorCfg(head="deterministic", dropout=0.25))
    """Architecture of the policy."""
    cloning: Share = 0.4
    """Share of the updates that clone all segments, before the contrastive ones."""
    alpha: Positive = 0.1
    """Temperature: the advantage of a step is alpha log pi(a|s)."""
    lam: Share = 0.5
    """Weight of the segments that were not chosen; below 1, the loss favours policies under which both are likelier."""
    gamma: Share = 1.0
    """Discount of the advantages per step."""
    num_queries: BatchSize = 16
    """Queries per contrastive update."""
    cloning_coef: NonNegative = 0.0
    """Weight of the cloning loss in contrastive updates."""
    kl: bool = False
    """Whether the advantage is alpha (log pi - log pi_ref), pi_ref being the cloned policy."""


def kl() -> CPLCfg:
    """Configure the variant of CPL with a penalty for leaving the cloned policy."""
    return CPLCfg(alpha=0.2, lam=0.75, kl=True)


def contrastive_loss(advantage: Tensor, choice: Tensor, lam: float) -> Tensor:
    """Return the mean conservative contrastive loss (sec. 3), here for K options and shared choices.

    L = -sum_k c_k log( e^A_k / (e^A_k + sum_(j != k) e^(lam A_j)) ), which for K = 2 is
    c_1 softplus(lam A_2 - A_1) + c_2 softplus(lam A_1 - A_2)

    Args:
        advantage: Discounted sum of the advantages of each option. Shape: (b, K).
        choice: Share of the choice on each option; a tie shares it equally. Shape: (b, K).
        lam: Weight of the options that were not chosen.

    >>> loss = contrastive_loss(torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 0.0]]), lam=0.5)
    >>> bool(loss.isclose(torch.tensor(2.0).log()))  # 0.5 * 2 equals 1: as likely as not
    True
    """
    num_options = advantage.shape[-1]
    others = (lam * advantage).unsqueeze(-2).expand(*advantage.shape, num_options)
    myself = torch.eye(num_options, dtype=torch.bool, device=advantage.device)
    margin = advantage - others.masked_fill(myself, -torch.inf).logsumexp(-1)
    return -(choice * logsigmoid(margin)).sum(-1).mean()


class CPL(Cloning[CPLCfg]):
    """A policy whose log-probabilities predict the choices."""

    name, default = "cpl", CPLCfg()
    learns_from = ("preferences",)

    def build(self, draws: Generator) -> None:
        """Begin without a reference policy."""
        super().build(draws)
        self.reference = torch.zeros(0)

    def take(self, data: OfflineData) -> None:
        """Store the options of all queries.

        Raises:
            ValueError: If there are no preferences, or their segments differ in length.
        """
        preferences = data.answered(self.name)
        options = preferences.queries.options
        if int(options.length.min()) < options.num_steps:
            raise ValueError(
                f"{self.name} sums log-probabilities over steps: all segments must be of one "
                "length (pass --sampler.no-keep-short when sampling them)"
            )
        self.obs, self.action = options.obs[..., :-1, :].to(self.device), self.unit(options.action)
        self.choice = preferences.answers.choice.to(self.device)
        self.reference = torch.zeros(self.obs.shape[:-1], device=self.device)

    def switch(self) -> float:
        """Return the share of the training that clones all segments."""
        return self.cfg.cloning

    def improve(self, num_updates: int) -> dict[str, float]:
        """Clone in the first part of the training, and minimise the contrastive loss in the second."""
        if not self.is_second:
            return super().improve(num_updates)
        with training(self.actor):
            stats = torch.stack([self._contrast() for _ in range(num_updates)]).nanmean(0)  # ties have no accuracy
        return {f"train/{name}": float(value) for name, value in zip(("contrastive_loss", "accuracy"), stats.cpu())}

    @torch.no_grad()
    def enter(self) -> None:
        """Reset the optimiser after cloning; with `kl`, store the cloned policy's log-probability of every step."""
        self.renew_optimizer()
        if self.cfg.kl:
            parts = zip(torch.split(self.obs, 256), torch.split(self.action, 256))
            self.reference = torch.cat([self.actor.log_prob(obs, action) for obs, action in parts])

    def _contrast(self) -> Tensor:
        cfg = self.cfg
        rows = torch.randint(len(self.obs), (cfg.num_queries,), generator=self.generator, device=self.device)
        choice = self.choice[rows]
        # A = sum_t gamma^t alpha (log pi(a_t|s_t) - log pi_ref(a_t|s_t)), the latter 0 without a reference
        log_prob = self.actor.log_prob(self.obs[rows], self.action[rows])
        discount = cfg.gamma ** torch.arange(log_prob.shape[-1], device=self.device)
        advantage = cfg.alpha * (discount * (log_prob - self.reference[rows])).sum(-1)
        loss = contrastive_loss(advantage, choice, cfg.lam) - cfg.cloning_coef * log_prob.mean()
        self.gradient_step(self.optimizer, loss, log_prob=log_prob, choice=choice)
        hit = (advantage.detach().argmax(-1) == choice.argmax(-1))[choice.amax(-1) > 0.5]
        return torch.stack([loss.detach(), hit.float().mean()])

    # --- keeping -----------------------------------------------------------------------------------------------------

    def state_dict(self) -> State:
        """Return the state to resume from."""
        return {**super().state_dict(), "reference": self.reference}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned."""
        super().load_state_dict(state)
        self.reference = state["reference"].to(self.device)
