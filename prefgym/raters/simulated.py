"""Simulated returns of a policy from recorded states."""

import torch
from torch import Tensor

from prefgym.core.protocols import Policy, Simulator


def simulated_return(
    simulator: Simulator, state: Tensor, obs: Tensor, goes_on: Tensor, policy: Policy, num_steps: int, gamma: float
) -> Tensor:
    """Continue from states with a policy, and sum its discounted reward: sum_h gamma^h r_h.

    Args:
        simulator: Environments of the task.
        state: Physics states. Shape: (..., S).
        obs: Observations of these states. Shape: (..., O).
        goes_on: Mask of the states to continue from; the others have a return of 0. Shape: (...,), bool.
        policy: The policy that acts.
        num_steps: Largest number of steps.
        gamma: Discount per step.

    Returns:
        The returns. Shape: (...,), float64.
    """
    goes_on = goes_on.cpu()
    returned = torch.zeros(goes_on.shape, dtype=torch.float64)
    states, seen = (values.cpu()[goes_on].numpy() for values in (state, obs))
    returned[goes_on] = torch.as_tensor(simulator.play_on(states, seen, policy, num_steps).discounted(gamma))
    return returned
