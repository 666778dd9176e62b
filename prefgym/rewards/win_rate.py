"""Self-play preference optimisation (SPO, arXiv:2401.04056): no reward and no model, but how often one would be chosen.

The policy plays against what it did lately: the rater compares each new fragment with fragments of a queue, and
each step of it is rewarded the share of these comparisons that the fragment has won.
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
from prefgym.core.preferences import Answers, Preferences
from prefgym.core.segments import Segments


@dataclass(frozen=True, kw_only=True)
class WinRateCfg:
    """Configuration of `WinRate`."""

    queue: Count = 64
    """Latest whole trajectory fragments that a fragment is compared with."""

    __post_init__ = check


class WinRate:
    """Rewards trajectory fragments by the share of recent fragments that the rater prefers them to."""

    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.JUDGED})

    def __init__(self, cfg: WinRateCfg, env: HasSpaces | None = None, *, seed: int = 0, device: str = "cpu") -> None:
        """Start with an empty queue.

        Args:
            cfg: How long the queue is.
            env: Of no use here.
            seed: Seed of who meets whom.
            device: Where rewards are.
        """
        del env
        self.cfg, self.device = cfg, torch.device(device)
        self.generator: Generator = torch.Generator().manual_seed(seed)
        self.queue = torch.zeros(0, dtype=torch.long)
        """Where recent fragments begin in the recorder, oldest first."""
        self.age = torch.zeros(0, dtype=torch.long)
        """Rollouts since they were collected."""
        self.rates = torch.zeros(0)
        """Of the fragments that were matched last. Shape: (M,)."""
        self.is_fitted = False

    def propose_comparisons(self, starts: Tensor, whole: Tensor, num_comparisons: int) -> Tensor:
        """Let new fragments join the queue and meet fragments of it, each new one as often as any other or once more.

        Fragments that are not whole would lose by their length alone: they neither join nor meet anybody. Where none is
        whole, there are no matches.

        Args:
            starts: Where the new fragments begin. Shape: (M,).
            whole: Which of them are as long as the rollout, or ended by a termination. Shape: (M,), bool.
            num_comparisons: B.

        Returns:
            Where both begin, the new one first. Shape: (B, 2), or (0, 2).
        """
        self.rates = torch.full((len(starts),), 0.5)
        new = whole.nonzero().squeeze(-1)
        self._join(starts[new], num_rollouts=-(-self.cfg.queue // len(starts)))
        order = torch.randperm(len(new), generator=self.generator)
        chosen = order.repeat(-(-num_comparisons // max(len(new), 1)))[:num_comparisons]
        self._players = new[chosen]
        # anyone but oneself: one of the others, and those from oneself on are moved on by one
        myself = chosen + len(self.queue) - len(new)  # below 0 where there were more new ones than fit
        num_others = (len(self.queue) - (myself >= 0).long()).clamp_min(1)
        others = (torch.rand(len(chosen), generator=self.generator) * num_others).long()
        opponent = (others + ((myself >= 0) & (others >= myself))).clamp_max(len(self.queue) - 1)
        oldest = len(self.queue) - len(new)  # of the new ones, in the queue; below 0 where there were more than fit
        self._opponents = torch.where(opponent >= oldest, new[(opponent - oldest).clamp_min(0)], -1)
        return torch.stack([starts[self._players], self.queue[opponent]], -1)

    def _join(self, starts: Tensor, num_rollouts: int) -> None:
        """Put new fragments last, and leave out those of more rollouts ago, which the recorder may have forgotten."""
        queue, age = torch.cat([self.queue, starts]), torch.cat([self.age + 1, torch.zeros_like(starts)])
        kept = (age <= num_rollouts) & (torch.arange(len(queue)) >= len(queue) - self.cfg.queue)
        self.queue, self.age = queue[kept], age[kept]

    def record_outcomes(self, answers: Answers) -> None:
        """Count the wins of both, if both are new: rate = sum of c / number of answers; one half where nobody judged.

        Args:
            answers: Of all matches, in their order. Shape: (B, 2).
        """
        who = torch.cat([self._players, self._opponents])
        new, answered = who >= 0, answers.answered.float().repeat(2)
        wins = torch.zeros_like(self.rates).index_add_(0, who[new], (answers.choice.T.flatten() * answered)[new])
        played = torch.zeros_like(self.rates).index_add_(0, who[new], answered[new])
        self.rates = torch.where(played > 0, wins / played.clamp_min(1), 0.5)
        self.is_fitted = True

    def last_win_rates(self, segments: Segments) -> Tensor:
        """Return the win rates of the fragments that were matched last. Shape: (M,).

        Raises:
            ValueError: If these are others: only the rater could tell.
        """
        if segments.batch_shape != self.rates.shape:
            raise ValueError("a win rate is known only of the fragments that were compared last")
        return self.rates.to(self.device)

    def weights(self) -> dict[str, Tensor]:
        """Return nothing: there are no networks."""
        return {}

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Load nothing."""

    def fit(self, preferences: Preferences) -> NoReturn:
        """Refuse: there is nothing to fit.

        Raises:
            ValueError: Always.
        """
        raise ValueError("a win rate is not fitted to initial preferences: the rater is asked")

    def reward(self, segments: Segments) -> NoReturn:
        """Refuse: single steps win nothing.

        Raises:
            ValueError: Always.
        """
        raise ValueError("a win rate is known of trajectory fragments, and not of single steps")

    def state_dict(self) -> State:
        """Return the state to resume from."""
        return {
            "queue": self.queue,
            "age": self.age,
            "generator": self.generator.get_state(),
            "is_fitted": self.is_fitted,
        }

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
        self.queue, self.age, self.is_fitted = state["queue"], state["age"], state["is_fitted"]
        self.generator.set_state(state["generator"])
