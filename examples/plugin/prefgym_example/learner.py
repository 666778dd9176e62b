"""A reward that is linear in observation and action, fitted to choices by maximum likelihood (Bradley-Terry)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from prefgym.common.limits import Count, NonNegative, check
from prefgym.common.spaces import single_spaces
from prefgym.core.arrays import HasSpaces
from prefgym.core.fit_report import FitReport, accuracy
from prefgym.core.preferences import Preferences
from prefgym.core.segments import Segments
from prefgym.rewards.base import RewardLearner


@dataclass(frozen=True, kw_only=True)
class LinearRewardCfg:
    """How weights are fitted."""

    ridge: NonNegative = 0.01
    """Weight of the squared norm of the weights in the loss."""
    iterations: Count = 50
    """Iterations of L-BFGS, at most."""

    __post_init__ = check


class LinearReward(RewardLearner):
    """r(s, a) = w . (s, a)."""

    def __init__(self, cfg: LinearRewardCfg, env: HasSpaces, *, device: str = "cpu") -> None:
        observation, action = single_spaces(env)
        self.cfg = cfg
        self.w = torch.zeros(observation.shape[0] + action.shape[0], device=device)

    def fit(self, preferences: Preferences) -> FitReport:
        """Minimise the cross-entropy of all answers so far, from w = 0."""
        preferences = preferences[preferences.answers.answered]
        options, choice = preferences.queries.options, preferences.answers.choice.to(self.w)
        sums = (self.features(options) * options.mask.unsqueeze(-1).to(self.w)).sum(-2)  # (B, K, F)
        w = torch.zeros_like(self.w, requires_grad=True)
        optimizer = torch.optim.LBFGS([w], max_iter=self.cfg.iterations, line_search_fn="strong_wolfe")

        def closure() -> Tensor:
            optimizer.zero_grad()
            # -log P(choice) = -sum_k c_k log softmax(w . sum_t phi_t)_k, and the ridge
            loss = -(choice * (sums @ w).log_softmax(-1)).sum(-1).mean() + self.cfg.ridge * w.square().sum()
            torch.autograd.backward(loss)
            return loss

        optimizer.step(closure)  # pyright: ignore[reportUnknownMemberType, reportArgumentType]
        self.w, self.is_fitted = w.detach(), True
        return FitReport(
            num_preferences=len(preferences),
            loss=float(closure().detach()),
            train_accuracy=accuracy((sums @ self.w).log_softmax(-1), choice),
            extra={"norm": float(self.w.norm())},
        )

    def features(self, segments: Segments) -> Tensor:
        """Join observation and action. Shape: (..., T, F)."""
        return torch.cat([segments.obs[..., :-1, :], segments.action], -1).to(self.w)

    def reward(self, segments: Segments) -> Tensor:
        """Return the reward of each step; there is one member. Shape: (1, ..., T)."""
        return (self.features(segments) @ self.w).unsqueeze(0)
