"""A mixture of the agent's steps and demonstrations: batches are sampled from both, and both are relabelled."""

import torch
from torch import Generator, Tensor

from prefgym.buffers.replay import Batch, ReplayBuffer
from prefgym.common.states import State
from prefgym.core.protocols import Learner


class Mixture:
    """Two replay buffers, sampled in a fixed proportion in each batch (Ball et al., arXiv:2302.02948)."""

    def __init__(self, tried: ReplayBuffer, demos: ReplayBuffer, demo_share: float) -> None:
        """Combine the buffers.

        Args:
            tried: The latest steps of the agent.
            demos: Steps of demonstrations, which are never overwritten; may be empty.
            demo_share: Share of demonstrations in a batch, if there are any.
        """
        self.tried, self.demos, self.demo_share = tried, demos, demo_share

    def sample_ahead(
        self, num_batches: int, batch_size: int, generator: Generator, num_steps: int, gamma: float
    ) -> tuple[Batch, Tensor]:
        """Sample batches of steps, each with its n-step successors: see `ReplayBuffer.sample_ahead`.

        Args:
            num_batches: B.
            batch_size: M; demonstrations come last in a batch.
            generator: Samples the steps.
            num_steps: n.
            gamma: Discount per step.

        Returns:
            Steps of batch shape (B, M), and the discounts of the following values. Shape: (B, M).
        """
        num_demos = round(self.demo_share * batch_size) if len(self.demos) else 0
        shares = ((self.tried, batch_size - num_demos), (self.demos, num_demos))
        parts = [
            buffer.sample_ahead((num_batches, size), generator, num_steps, gamma) for buffer, size in shares if size
        ]
        joined = {name: torch.cat([getattr(batch, name) for batch, _ in parts], 1) for name in vars(parts[0][0])}
        return Batch(**joined), torch.cat([discount for _, discount in parts], 1)

    def relabel(self, learner: Learner) -> None:
        """Relabel all steps with the present reward."""
        self.tried.relabel(learner)
        self.demos.relabel(learner)

    def state_dict(self) -> State:
        """Return the state to resume from."""
        return {"tried": self.tried.state_dict(), "demos": self.demos.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned."""
        self.tried.load_state_dict(state["tried"])
        self.demos.load_state_dict(state["demos"])
