"""A safety rater, independent of the task reward: fewer unsafe steps are better.

A step is unsafe if it exceeds a limit of speed, as in Safety-Gymnasium's velocity tasks (Ji et al.,
arXiv:2310.12567), or if it terminates the episode.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from prefgym.common.finite import check_finite
from prefgym.common.limits import NonNegative, Number
from prefgym.common.states import State
from prefgym.core.kinds import Comparison, Statement
from prefgym.core.segments import Segments
from prefgym.raters.factors import choose
from prefgym.raters.scoring import ScoringRater, ScoringRaterCfg

SPEED = "reward_forward"
"""The factor for which tasks have a safe limit."""


WORST = 1e9
"""Unsafe steps that stand for infinitely many, so that scores are finite."""


@dataclass(frozen=True, kw_only=True)
class SafetyRaterCfg(ScoringRaterCfg):
    """A rater that counts unsafe steps only; its thumbs are up, by default, without an unsafe step."""

    factor: str = "forward"
    """Factor of the task reward that is unsafe where it is too large."""
    limit: Number | None = None
    """Largest safe value of that factor, in its units; by default that of the task."""
    fall: NonNegative = 10.0
    """Number of unsafe steps that one termination counts as."""


class SafetyRater(ScoringRater):
    """A rater that answers by the number of unsafe steps; equal numbers are a tie."""

    def __init__(
        self,
        cfg: SafetyRaterCfg | None = None,
        *,
        seed: int = 0,
        factor_names: Sequence[str] = (),
        safe_limit: float | None = None,
    ) -> None:
        """Resolve the factor.

        Args:
            cfg: Factor, limit, cost of a termination, and kind of feedback.
            seed: Seed of its own random number generator.
            factor_names: Factors of the task's segments.
            safe_limit: The task's own limit of its factor `reward_forward`.

        Raises:
            ValueError: If the task has no such factor, or there is no limit.
        """
        self.cfg = cfg or SafetyRaterCfg()
        if self.cfg.gives == "thumbs" and self.cfg.reference is None:
            self.cfg = replace(self.cfg, reference=-0.5)  # between one unsafe step and none
        (self.factor,) = choose(self.cfg.factor, factor_names, ())
        of_task = safe_limit if self.factor == SPEED else None
        limit = of_task if self.cfg.limit is None else self.cfg.limit
        if limit is None:
            raise ValueError(
                f"the task has no safe limit of {self.factor}: pass the largest safe value as --rater.limit"
            )
        self.limit = limit
        super().__init__("safety", self.cfg, seed=seed, facts={"limit": limit})

    def score(self, segments: Segments) -> Tensor:
        """Return minus the number of unsafe steps. Shape: that of the batch.

        Raises:
            ValueError: If the segments lack the factor, or it is not finite.
        """
        return -self.cost(segments).double().clamp(max=WORST)

    def choose(self, scores: Tensor, options: Segments) -> Statement:
        """State something about the options; without error, the safest ones share the choice. Shape: (B, K)."""
        if self.gives == (Comparison,) and math.isinf(self.cfg.beta):
            return Comparison.of_best(scores == scores.amax(-1, keepdim=True))
        return super().choose(scores, options)

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

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned; those of 0.2 are empty."""
        if state:
            super().load_state_dict(state)
