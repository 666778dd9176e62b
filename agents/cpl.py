"""Contrastive preference learning (Hejna et al., arXiv:2310.13639): a policy from preferences, without a reward model.

Raters that judge by regret prefer segments of higher summed advantage, and the advantage of the optimal policy under
maximum entropy is its own log-probability: A*(s, a) = alpha log pi*(a|s). So the policy is fitted like a reward model.

Read from top to bottom: configuration, the loss, the options, `improve`. It begins with cloning: see `bc.py`.
"""

from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Generator, Tensor
from torch.nn.functional import logsigmoid

from prefgym.agents.bc import Cloning, CloningCfg
from prefgym.common.limits import BatchSize, NonNegative, Positive, Share
from prefgym.common.states import State
from prefgym.core.kinds import Comparison, Ranking, Statement
from prefgym.core.segments import Segments
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


FAR = 1e9
"""Distance of an option that cannot be chosen; not infinite, since the last one of a ranking has no others."""


def contrastive_loss(advantage: Tensor, choice: Tensor, lam: float, left: Tensor | None = None) -> Tensor:
    """Return the mean conservative contrastive loss (sec. 3), here for K options, shared choices and rankings.

    L = -sum_k c_k log( e^A_k / (e^A_k + sum_(j != k) e^(lam A_j)) ), which for K = 2 is
    c_1 softplus(lam A_2 - A_1) + c_2 softplus(lam A_1 - A_2)

    A ranking is a sequence of choices (Plackett, 1975): each ranked option has c_k = 1, and j goes over those left.

    Args:
        advantage: Discounted sum of the advantages of each option. Shape: (b, K).
        choice: Share of the choice on each option; a tie shares it equally. Shape: (b, K).
        lam: Weight of the options that were not chosen.
        left: Which options j are left when k is chosen; None for all. Shape: (b, K, K), indexed by k and j.

    >>> loss = contrastive_loss(torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 0.0]]), lam=0.5)
    >>> bool(loss.isclose(torch.tensor(2.0).log()))  # 0.5 * 2 equals 1: as likely as not
    True
    """
    num_options = advantage.shape[-1]
    others = (lam * advantage).unsqueeze(-2).expand(*advantage.shape, num_options)
    away = torch.eye(num_options, dtype=torch.bool, device=advantage.device)
    away = away if left is None else away | ~left
    margin = advantage - others.masked_fill(away, -FAR).logsumexp(-1)
    return -(choice * logsigmoid(margin)).sum(-1).mean()


def choices(statement: Statement) -> tuple[Tensor, Tensor]:
    """Return how often each option is chosen, and which options are left then: those behind a ranked one, or at it.

    Shapes: (B, K), (B, K, K).
    """
    if isinstance(statement, Ranking):
        place = torch.where(statement.rank < 0, statement.rank.shape[-1], statement.rank)
        return (statement.rank >= 0).float(), place.unsqueeze(-2) >= place.unsqueeze(-1)
    choice = cast(Comparison, statement).choice
    return choice, torch.ones(*choice.shape, choice.shape[-1], dtype=torch.bool)


class CPL(Cloning[CPLCfg]):
    """A policy whose log-probabilities predict the choices."""

    name, default = "cpl", CPLCfg()
    learns_from = ("preferences",)
    fits = (Comparison, Ranking)

    def build(self, draws: Generator) -> None:
        """Begin without a reference policy."""
        super().build(draws)
        self.reference = torch.zeros(0)

    def take(self, data: OfflineData) -> None:
        """Store the options of all queries.

        Raises:
            ValueError: If there are no preferences, or their queries differ in form, or segments in length.
        """
        parts = data.answered_alike(self.name).parts
        options = Segments.cat([part.queries.options for part in parts])
        if int(options.length.min()) < options.num_steps:
            raise ValueError(
                f"{self.name} sums log-probabilities over steps: all segments must be of one "
                "length (pass --sampler.no-keep-short when sampling them)"
            )
        self.obs, self.action = options.obs[..., :-1, :].to(self.device), self.unit(options.action)
        chosen, left = zip(*(choices(part.answers) for part in parts))
        self.choice, self.left = torch.cat(chosen).to(self.device), torch.cat(left).to(self.device)
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
        loss = contrastive_loss(advantage, choice, cfg.lam, self.left[rows]) - cfg.cloning_coef * log_prob.mean()
        self.gradient_step(self.optimizer, loss, log_prob=log_prob, choice=choice)
        best = choice * self.left[rows].all(-1)  # of a ranking, its first option; none if several share its place
        hit = (advantage.detach().argmax(-1) == best.argmax(-1))[(best.amax(-1) > 0.5) & (best.sum(-1) <= 1.001)]
        return torch.stack([loss.detach(), hit.float().mean()])

    # --- keeping -----------------------------------------------------------------------------------------------------

    def state_dict(self) -> State:
        """Return the state to resume from."""
        return {**super().state_dict(), "reference": self.reference}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned."""
        super().load_state_dict(state)
        self.reference = state["reference"].to(self.device)
