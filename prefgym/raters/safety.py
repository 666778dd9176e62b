"""A safety rater, independent of the task reward: fewer unsafe steps are better.

A step is unsafe if it exceeds a limit of speed, as in Safety-Gymnasium's velocity tasks (Ji et al.,
arXiv:2310.12567), or if it terminates the episode.
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
"""The factor for which tasks have a safe limit."""


@dataclass(frozen=True, kw_only=True)
class SafetyRaterCfg:
    """A rater that counts unsafe steps only."""

    factor: str = "forward"
    """Factor of the task reward that is unsafe where it is too large."""
    limit: Number | None = None
    """Largest safe value of that factor, in its units; by default that of the task."""
    fall: NonNegative = 10.0
    """Number of unsafe steps that one termination counts as."""

    __post_init__ = check


class SafetyRater(ImmediateRater):
    """A rater that answers by the number of unsafe steps; equal numbers are a tie."""

    def __init__(
        self,
        cfg: SafetyRaterCfg | None = None,
        *,
        factor_names: Sequence[str] = (),
        safe_limit: float | None = None,
    ) -> None:
        """Resolve the factor.

        Args:
            cfg: Factor, limit, and cost of a termination.
            factor_names: Factors of the task's segments.
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
            raise ValueError(
                f"the task has no safe limit of {self.factor}: pass the largest safe value as --rater.limit"
            )
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
        """Count the unsafe steps of segments, with a termination as `fall` steps. Shape: that of their batch.

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
        """Return the state to resume from, which is empty."""
        return {}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned."""
