"""Rewards: what a learner thinks steps, or trajectory fragments, are worth, guarded."""

from torch import Tensor

from prefgym.common.finite import check_finite
from prefgym.core.protocols import JudgedLearner, Learner
from prefgym.core.segments import Segments


def learned_reward(learner: Learner, steps: Segments) -> Tensor:
    """Return the mean of what the members think of segments of one step each. Batch shape (...,) to (...,).

    Raises:
        NotFiniteError: If a member's opinion is not finite.
    """
    reward = learner.reward(steps)
    check_finite("the learned reward", reward, obs=steps.obs, action=steps.action)
    return reward.mean(0)[..., 0]


def win_rate_reward(learner: JudgedLearner, fragments: Segments) -> Tensor:
    """Return what each step of a trajectory fragment is rewarded: the fragment's win rate. Shape: that of the batch.

    Raises:
        NotFiniteError: If a win rate is not finite.
    """
    rate = learner.last_win_rates(fragments)
    check_finite("the learned reward", rate, obs=fragments.obs, action=fragments.action)
    return rate
