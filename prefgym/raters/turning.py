"""An intransitive rater: its preferences rotate in the plane of two factors of the task reward."""

from dataclasses import dataclass

from torch import Tensor

from prefgym.raters.factor_comparison import FactorComparisonRater, FactorComparisonRaterCfg


@dataclass(frozen=True, kw_only=True)
class RotationalRaterCfg(FactorComparisonRaterCfg):
    """A rater that prefers the option ahead in the rotation of two factors, by default the first two."""


class RotationalRater(FactorComparisonRater):
    """A rater that prefers the option ahead by less than half a turn in the plane of two factors."""

    name, default = "turning", RotationalRaterCfg()

    def arrange(self, factors: tuple[str, ...]) -> tuple[str, ...]:
        """Return two factors.

        Raises:
            ValueError: If there are not two different factors.
        """
        if len({factor.removeprefix("-") for factor in factors[:2]}) < 2 or (self.cfg.factors and len(factors) > 2):
            raise ValueError(f"a plane has two factors, and these are {', '.join(factors)}")
        return factors[:2]

    def beats(self, standing: Tensor) -> Tensor:
        """Compare directions: a beats b where a_1 b_2 - a_2 b_1 > 0. Shape: (..., K, 2) to (..., K, K), bool.

        The mean of both factors ties with every option.
        """
        first, second = standing.unbind(-1)
        return first.unsqueeze(-1) * second.unsqueeze(-2) > second.unsqueeze(-1) * first.unsqueeze(-2)
