"""Pay: what a learner thinks steps, or pieces of episodes, are worth, guarded."""

from torch import Tensor

from prefgym.guards import check_finite
from prefgym.protocols import JudgedLearner, Learner
from prefgym.segments import Segments


def pay(learner: Learner, steps: Segments) -> Tensor:
    """Return the mean of what the members think of segments of one step each. Batch shape (...,) to (...,).

    Raises:
        NotFiniteError: If a member's opinion is not finite.
    """
    reward = learner.reward(steps)
    check_finite("the learned reward", reward, obs=steps.obs, action=steps.action)
    return reward.mean(0)[..., 0]


def pay_pieces(learner: JudgedLearner, pieces: Segments) -> Tensor:
    """Return what each step of a piece of an episode is paid: the piece's win rate. Shape: that of the batch.

    Raises:
        NotFiniteError: If a win rate is not finite.
    """
    rate = learner.win_rate(pieces)
    check_finite("the learned reward", rate, obs=pieces.obs, action=pieces.action)
    return rate
