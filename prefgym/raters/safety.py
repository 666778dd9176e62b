"""A rater of safety, apart from those of reward: fewer unsafe steps are better, whatever they earned.

A step is unsafe that goes faster than a limit, as in Safety-Gymnasium's velocity tasks (Ji et al., arXiv:2310.12567),
or that terminates the episode.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from prefgym.common.finite import check_finite
from prefgym.common.limits import NonNegative, Number, check
from prefgym.common.states import State
from prefgym.core.preferences import Answers, Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.raters.factors import choose
from prefgym.raters.immediate import ImmediateRater, in_words

SPEED = "reward_forward"
"""The factor that tasks have a safe limit of."""


@dataclass(frozen=True, kw_only=True)
class SafetyRaterCfg:
    """A rater who counts unsafe steps, and nothing else."""

    factor: str = "forward"
    """Factor of the task reward that is unsafe where it is too large."""
    limit: Number | None = None
    """Largest safe value of that factor, in its units; that of the task unless said."""
    fall: NonNegative = 10.0
    """So many unsafe steps count as one termination."""

    __post_init__ = check


class SafetyRater(ImmediateRater):
    """Answer by the number of unsafe steps; equally many are a tie."""

    def __init__(
        self,
        cfg: SafetyRaterCfg | None = None,
        *,
        factor_names: Sequence[str] = (),
        safe_limit: float | None = None,
    ) -> None:
        """Find the factor.

        Args:
            cfg: What is unsafe.
            factor_names: What the task's segments carry.
            safe_limit: The task's own limit of its factor `reward_forward`.

        Raises:
            ValueError: If the task has no such factor, or there is no limit.
        """
        super().__init__()
        self.cfg = cfg or SafetyRaterCfg()
        (self.factor,) = choose(self.cfg.factor, factor_names, ())
        of_task = safe_limit if self.factor == SPEED else None
        limit = of_task if self.cfg.limit is None else self.cfg.limit
        if limit is None:
            raise ValueError("nothing says what is safe here: name the largest safe value of the factor as the limit")
        self.limit = limit
        self._info = RaterInfo(name="safety", settings={**in_words(self.cfg), "limit": limit})

    def __call__(self, queries: Queries) -> Preferences:
        """Answer at once.

        Raises:
            ValueError: If the queries lack the factor, or it is not finite.
        """
        cost = self.cost(queries.options)
        return Preferences.of(queries, Answers.of_best(cost == cost.amin(-1, keepdim=True)), self._info)

    def cost(self, segments: Segments) -> Tensor:
        """Count the unsafe steps of segments, a termination as so many. Shape: that of their batch.

        Raises:
            ValueError: If they lack the factor, or it is not finite.
        """
        if self.factor not in segments.factors:
            raise ValueError(f"the segments carry no factor {self.factor!r}; they may have lost it in without_truth()")
        speed = segments.factors[self.factor].cpu()
        mask = segments.mask.cpu()
        check_finite("a factor of the task reward shown to a rater", speed.masked_fill(~mask, 0.0))
        too_fast = (speed > self.limit) & mask
        return too_fast.sum(-1) + torch.where(segments.terminated.cpu(), self.cfg.fall, 0.0)

    def state_dict(self) -> State:
        """Return the state to resume from: nothing."""
        return {}

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
