"""A rater who always wants a little of what is missing, and so goes round in a circle in small steps."""

from dataclasses import dataclass

from torch import Tensor

from prefgym.raters.factor_comparison import FactorComparisonRater, FactorComparisonRaterCfg


@dataclass(frozen=True, kw_only=True)
class RotationalRaterCfg(FactorComparisonRaterCfg):
    """A rater who looks at two factors, the first two unless said, and prefers what is further round their circle."""


class RotationalRater(FactorComparisonRater):
    """Answer by who is ahead, less than half a turn, in the plane of two factors."""

    name, default = "turning", RotationalRaterCfg()

    def arrange(self, factors: tuple[str, ...]) -> tuple[str, ...]:
        """Return two.

        Raises:
            ValueError: If others were named, or they are one and the same.
        """
        if len({factor.removeprefix("-") for factor in factors[:2]}) < 2 or (self.cfg.factors and len(factors) > 2):
            raise ValueError(f"a plane has two factors, and these are {', '.join(factors)}")
        return factors[:2]

    def beats(self, standing: Tensor) -> Tensor:
        """Compare directions: a beats b where a_1 b_2 - a_2 b_1 > 0. Shape: (..., K, 2) to (..., K, K), bool.

        Nothing beats, or is beaten by, what is usual in both.
        """
        first, second = standing.unbind(-1)
        return first.unsqueeze(-1) * second.unsqueeze(-2) > second.unsqueeze(-1) * first.unsqueeze(-2)
