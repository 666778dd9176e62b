"""A rater with cyclic preferences, which no scalar score can represent."""

from dataclasses import dataclass

from torch import Tensor

from prefgym.raters.factor_comparison import FactorComparisonRater, FactorComparisonRaterCfg


@dataclass(frozen=True, kw_only=True)
class CyclicRaterCfg(FactorComparisonRaterCfg):
    """A rater that classifies segments by their most outstanding factor; each class beats the next one in a cycle."""


class CyclicRater(FactorComparisonRater):
    """A rater that prefers by class in a cycle, and within a class by its factor."""

    name, default = "cyclic", CyclicRaterCfg()

    def arrange(self, factors: tuple[str, ...]) -> tuple[str, ...]:
        """Return all factors.

        Raises:
            ValueError: If there are fewer than three.
        """
        if len(factors) < 3:
            raise ValueError(f"a cycle needs three factors or more, not {len(factors)}")
        return factors

    def beats(self, standing: Tensor) -> Tensor:
        """Compare classes, then their factors. Shape: (..., K, F) to (..., K, K), bool.

        The class of a segment is the factor of largest standing. Class f beats class f + 1, and the last one the first;
        other classes tie; within a class the larger standing wins.
        """
        height, kind = standing.max(-1)
        ahead = (kind.unsqueeze(-2) - kind.unsqueeze(-1)) % standing.shape[-1]
        return (ahead == 1) | ((ahead == 0) & (height.unsqueeze(-1) > height.unsqueeze(-2)))
