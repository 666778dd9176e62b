"""A rater whose preferences go round in a circle, so that no score can stand for them."""

from dataclasses import dataclass

from torch import Tensor

from prefgym.raters.factor_comparison import FactorComparisonRater, FactorComparisonRaterCfg


@dataclass(frozen=True, kw_only=True)
class CyclicRaterCfg(FactorComparisonRaterCfg):
    """A rater who sorts segments by what is outstanding in them; each class beats the next one in a circle."""


class CyclicRater(FactorComparisonRater):
    """Answer by classes in a circle, and within a class by what is outstanding in it."""

    name, default = "cyclic", CyclicRaterCfg()

    def arrange(self, factors: tuple[str, ...]) -> tuple[str, ...]:
        """Return all.

        Raises:
            ValueError: If there are fewer than three.
        """
        if len(factors) < 3:
            raise ValueError(f"a circle takes three factors, and there are {len(factors)}")
        return factors

    def beats(self, standing: Tensor) -> Tensor:
        """Compare classes, then heights. Shape: (..., K, F) to (..., K, K), bool.

        The class of a segment is the factor in which it stands out most. Class f beats class f + 1, the last one the
        first; other classes are alike; within a class the higher standing wins.
        """
        height, kind = standing.max(-1)
        ahead = (kind.unsqueeze(-2) - kind.unsqueeze(-1)) % standing.shape[-1]
        return (ahead == 1) | ((ahead == 0) & (height.unsqueeze(-1) > height.unsqueeze(-2)))
