"""The learned reward of steps or trajectory fragments, checked to be finite."""

from torch import Tensor

from prefgym.common.finite import check_finite
from prefgym.core import contact
from prefgym.core.protocols import JudgedLearner, Learner
from prefgym.core.segments import Segments


def learned_reward(learner: Learner, steps: Segments) -> Tensor:
    """Return the members' mean reward of segments of one step each. Batch shape (...,) to (...,).

    Raises:
        NotFiniteError: If the reward of a member is not finite.
        UserError: If it has another shape.
    """
    reward = contact.reward(learner, steps)
    check_finite("the learned reward", reward, obs=steps.obs, action=steps.action)
    return reward.mean(0)[..., 0]


def win_rate_reward(learner: JudgedLearner, fragments: Segments) -> Tensor:
    """Return the reward of each step of a trajectory fragment: its win rate. Shape: that of the batch.

    Raises:
        NotFiniteError: If a win rate is not finite.
        UserError: If they have another shape.
    """
    rate = contact.win_rates(learner, fragments)
    check_finite("the learned reward", rate, obs=fragments.obs, action=fragments.action)
    return rate
