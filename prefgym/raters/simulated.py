"""What a policy is rewarded when it goes on from recorded segments."""

import torch
from torch import Tensor

from prefgym.core.protocols import Policy, Simulator


def simulated_return(
    simulator: Simulator, state: Tensor, obs: Tensor, goes_on: Tensor, policy: Policy, num_steps: int, gamma: float
) -> Tensor:
    """Let a policy go on from states, and sum up what it is rewarded: sum_h gamma^h r_h.

    Args:
        simulator: Environments of the task.
        state: Physics states. Shape: (..., S).
        obs: What was observed there. Shape: (..., O).
        goes_on: Where it does; elsewhere nothing follows. Shape: (...,), bool.
        policy: Who acts.
        num_steps: Most steps.
        gamma: Discount per step.

    Returns:
        0 where it does not go on. Shape: (...,), float64.
    """
    goes_on = goes_on.cpu()
    returned = torch.zeros(goes_on.shape, dtype=torch.float64)
    states, seen = (values.cpu()[goes_on].numpy() for values in (state, obs))
    returned[goes_on] = torch.as_tensor(simulator.play_on(states, seen, policy, num_steps).discounted(gamma))
    return returned
