"""Steps of the agent and steps of demonstrations: batches are drawn from both, and both are relabelled."""

import torch
from torch import Generator, Tensor

from prefgym.buffers.replay import Batch, ReplayBuffer
from prefgym.common.states import State
from prefgym.core.protocols import Learner


class Mixture:
    """Two replay buffers; each batch has a share of either (Ball et al., arXiv:2302.02948)."""

    def __init__(self, tried: ReplayBuffer, demos: ReplayBuffer, demo_share: float) -> None:
        """Join them.

        Args:
            tried: The latest steps of the agent.
            demos: Steps of demonstrations, which stay; there may be none.
            demo_share: Share of demonstrations in a batch, if there are any.
        """
        self.tried, self.demos, self.demo_share = tried, demos, demo_share

    def sample_ahead(
        self, num_batches: int, batch_size: int, generator: Generator, num_steps: int, gamma: float
    ) -> tuple[Batch, Tensor]:
        """Draw batches of steps, each with the steps that followed: see `ReplayBuffer.sample_ahead`.

        Args:
            num_batches: B.
            batch_size: M; demonstrations come last in a batch.
            generator: Draws the steps.
            num_steps: n.
            gamma: Discount per step.

        Returns:
            Steps of batch shape (B, M), and the discounts of the values after them. Shape: (B, M).
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
        """Go on from what `state_dict` returned."""
        self.tried.load_state_dict(state["tried"])
        self.demos.load_state_dict(state["demos"])
