"""Train on a reward learner of one's own: a linear reward, fitted by logistic regression (Bradley-Terry)."""

import torch

import prefgym
from prefgym import Preferences, Segments
from prefgym.common.spaces import single_spaces
from prefgym.core.context import LearnerContext
from prefgym.core.fit_report import FitReport
from prefgym.rewards.base import RewardLearner


class LinearReward(RewardLearner):
    """r(s, a) = w . (s, a); the base saves and restores w."""

    def __init__(self, context: LearnerContext) -> None:
        self.w = torch.zeros(sum(space.shape[0] for space in single_spaces(context.env)))

    def reward(self, segments: Segments) -> torch.Tensor:
        """Return the reward of each step. Shape: (1, ..., T), since there is one member."""
        return (torch.cat([segments.obs[..., :-1, :], segments.action], -1) @ self.w).unsqueeze(0)

    def fit(self, preferences: Preferences) -> FitReport:
        """Climb the log-likelihood of all answers so far: d log P / d w = sum_k (c_k - P_k) phi_k."""
        options, choice = preferences.queries.options, preferences.answers.choice.float()
        steps = torch.cat([options.obs[..., :-1, :], options.action], -1) * options.mask.unsqueeze(-1)
        for _ in range(200):
            error = choice - (steps.sum(-2) @ self.w).softmax(-1)  # (B, K)
            self.w = self.w + 0.01 * (error.unsqueeze(-1) * steps.sum(-2)).sum(1).mean(0)
        self.is_fitted = True
        return FitReport(num_preferences=len(preferences))


def main(steps: int = 200_000, budget: int = 300) -> prefgym.Run:
    """Train; `prefgym train --reward own_reward_learner:LinearReward` does the same from the command line."""
    return prefgym.train("prefgym/HalfCheetah-v0", reward=LinearReward, sampler="uniform", budget=budget, steps=steps)


if __name__ == "__main__":
    main()
