"""Self-play preference optimisation (SPO, arXiv:2401.04056): the reward is a win rate, without a model.

The policy plays against its own recent behaviour: the rater compares each new fragment with fragments of a queue, and
the reward of its steps is the share of these comparisons that it has won.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NoReturn

import torch
from torch import Generator, Tensor

from prefgym.common.limits import Count, check
from prefgym.common.states import State
from prefgym.core.arrays import HasSpaces
from prefgym.core.capabilities import Capability
from prefgym.core.preferences import Comparison, Preferences
from prefgym.core.segments import Segments


@dataclass(frozen=True, kw_only=True)
class WinRateCfg:
    """Configuration of `WinRate`."""

    queue: Count = 64
    """Number of latest whole trajectory fragments that serve as opponents."""

    __post_init__ = check


class WinRate:
    """A learner that rewards trajectory fragments by their win rates against recent fragments."""

    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.JUDGED})

    def __init__(self, cfg: WinRateCfg, env: HasSpaces | None = None, *, seed: int = 0, device: str = "cpu") -> None:
        """Start with an empty queue.

        Args:
            cfg: Length of the queue.
            env: Unused.
            seed: Seed of the pairings.
            device: Device of the rewards.
        """
        del env
        self.cfg, self.device = cfg, torch.device(device)
        self.generator: Generator = torch.Generator().manual_seed(seed)
        self.queue = torch.zeros(0, dtype=torch.long)
        """Starts of recent fragments in the recorder, oldest first."""
        self.age = torch.zeros(0, dtype=torch.long)
        """Rollouts since each was collected."""
        self.rates = torch.zeros(0)
        """Win rates of the fragments that were compared last. Shape: (M,)."""
        self.is_fitted = False

    def propose_comparisons(self, starts: Tensor, whole: Tensor, num_comparisons: int) -> Tensor:
        """Add new fragments to the queue, and compare them with fragments of it, equally often up to one.

        Fragments that are not whole would lose by their length alone, so they are neither added nor compared. Without a
        whole fragment, there are no comparisons.

        Args:
            starts: Starts of the new fragments. Shape: (M,).
            whole: Which of them are as long as the rollout, or ended by a termination. Shape: (M,), bool.
            num_comparisons: B.

        Returns:
            The starts of both, the new one first. Shape: (B, 2), or (0, 2).
        """
        self.rates = torch.full((len(starts),), 0.5)
        new = whole.nonzero().squeeze(-1)
        self._join(starts[new], num_rollouts=-(-self.cfg.queue // len(starts)))
        order = torch.randperm(len(new), generator=self.generator)
        chosen = order.repeat(-(-num_comparisons // max(len(new), 1)))[:num_comparisons]
        self._players = new[chosen]
        # opponents exclude the fragment itself: indices from its own on are shifted by one
        own = chosen + len(self.queue) - len(new)  # below 0 where there were more new ones than fit
        num_others = (len(self.queue) - (own >= 0).long()).clamp_min(1)
        others = (torch.rand(len(chosen), generator=self.generator) * num_others).long()
        opponent = (others + ((own >= 0) & (others >= own))).clamp_max(len(self.queue) - 1)
        oldest = len(self.queue) - len(new)  # of the new ones, in the queue; below 0 where there were more than fit
        self._opponents = torch.where(opponent >= oldest, new[(opponent - oldest).clamp_min(0)], -1)
        return torch.stack([starts[self._players], self.queue[opponent]], -1)

    def _join(self, starts: Tensor, num_rollouts: int) -> None:
        """Append new fragments, and drop those of more rollouts ago, which the recorder may have overwritten."""
        queue, age = torch.cat([self.queue, starts]), torch.cat([self.age + 1, torch.zeros_like(starts)])
        kept = (age <= num_rollouts) & (torch.arange(len(queue)) >= len(queue) - self.cfg.queue)
        self.queue, self.age = queue[kept], age[kept]

    def record_outcomes(self, answers: Comparison) -> None:
        """Count the wins of both, if both are new: rate = sum of c / number of answers; one half without an answer.

        Args:
            answers: Answers to all comparisons, in their order. Shape: (B, 2).
        """
        index = torch.cat([self._players, self._opponents])
        new, answered = index >= 0, answers.answered.float().repeat(2)
        wins = torch.zeros_like(self.rates).index_add_(0, index[new], (answers.choice.T.flatten() * answered)[new])
        played = torch.zeros_like(self.rates).index_add_(0, index[new], answered[new])
        self.rates = torch.where(played > 0, wins / played.clamp_min(1), 0.5)
        self.is_fitted = True

    def last_win_rates(self, segments: Segments) -> Tensor:
        """Return the win rates of the fragments that were compared last. Shape: (M,).

        Raises:
            ValueError: If these are other fragments, which the rater has not compared.
        """
        if segments.batch_shape != self.rates.shape:
            raise ValueError("a win rate is known only of the fragments that were compared last")
        return self.rates.to(self.device)

    def weights(self) -> dict[str, Tensor]:
        """Return no tensors: there are no networks."""
        return {}

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Load nothing."""

    def fit(self, preferences: Preferences) -> NoReturn:
        """Raise: there is nothing to fit.

        Raises:
            ValueError: Always.
        """
        raise ValueError(
            "a win rate is not fitted to initial preferences: leave them out, since the rater compares each rollout"
        )

    def reward(self, segments: Segments) -> NoReturn:
        """Raise: single steps have no win rate.

        Raises:
            ValueError: Always.
        """
        raise ValueError("a win rate is known of trajectory fragments only, not of single steps: call last_win_rates")

    def state_dict(self) -> State:
        """Return the state to resume from."""
        return {
            "queue": self.queue,
            "age": self.age,
            "generator": self.generator.get_state(),
            "is_fitted": self.is_fitted,
        }

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned."""
        self.queue, self.age, self.is_fitted = state["queue"], state["age"], state["is_fitted"]
        self.generator.set_state(state["generator"])
