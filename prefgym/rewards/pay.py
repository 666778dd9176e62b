"""Pay: what a learner thinks steps are worth, guarded."""

from torch import Tensor

from prefgym.guards import check_finite
from prefgym.protocols import Learner
from prefgym.segments import Segments


def pay(learner: Learner, steps: Segments) -> Tensor:
    """Return the mean of what the members think of segments of one step each. Batch shape (...,) to (...,).

    Raises:
        NotFiniteError: If a member's opinion is not finite.
    """
    reward = learner.reward(steps)
    check_finite("the learned reward", reward, obs=steps.obs, action=steps.action)
    return reward.mean(0)[..., 0]
