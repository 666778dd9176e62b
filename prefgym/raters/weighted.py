"""A rater that judges by a weighted sum of the factors of the task reward; users differ in their weights.

Methods for users with opposite weights are VPL (Poddar et al., arXiv:2408.10075) and MaxMin-RLHF (Chakraborty et al.,
arXiv:2402.08925).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from prefgym.core.kinds import Mark
from prefgym.core.segments import Segments
from prefgym.raters.factors import choose, factor_sums
from prefgym.raters.named import Numbers
from prefgym.raters.scoring import ScoringRater, ScoringRaterCfg


@dataclass(frozen=True, kw_only=True)
class WeightedRaterCfg(ScoringRaterCfg):
    """A rater that weighs the factors of the task reward.

    Raises:
        ValueError: If a number lies outside its limits or is not finite.
    """

    weights: Numbers = field(default_factory=dict[str, float])
    """Weights of the factors by name: `forward=1 ctrl=-2`; factors that are not named have a weight of 0. By default,
    all have a weight of 1, so that their sum is the task reward."""


class WeightedRater(ScoringRater):
    """A rater that answers by a weighted sum of factors."""

    gives = (*ScoringRater.gives, Mark)

    def __init__(self, cfg: WeightedRaterCfg | None = None, *, seed: int = 0, factor_names: Sequence[str] = ()) -> None:
        """Resolve the factors.

        Args:
            cfg: Weights, and temperature of the choice.
            seed: Seed of its own random number generator.
            factor_names: Factors of the task's segments.

        Raises:
            ValueError: If the task has no factors, or not those of the weights, or one has two weights.
        """
        cfg = cfg or WeightedRaterCfg()
        factors = choose([*cfg.weights], factor_names, factor_names)
        weights = [*cfg.weights.values()] or [1.0] * len(factors)
        self.cfg = replace(cfg, weights=dict(zip(factors, weights)))
        self._weights = torch.tensor(weights, dtype=torch.float64)
        super().__init__("weighted", self.cfg, seed=seed)

    def score(self, segments: Segments) -> Tensor:
        """Return sum_f w_f sum_t x_f(t) over the valid steps. Shape: that of the batch.

        Raises:
            ValueError: If the segments lack a factor, or one is not finite.
        """
        return factor_sums(segments, [*self.cfg.weights]) @ self._weights

    def score_steps(self, segments: Segments) -> Tensor:
        """Return sum_f w_f x_f(t) of each step. Shape: (..., T).

        Raises:
            ValueError: If the segments lack a factor, or one is not finite.
        """
        factor_sums(segments, [*self.cfg.weights])  # checks them
        factors = torch.stack([segments.factors[name] for name in self.cfg.weights], -1)
        return factors.cpu().double() @ self._weights
