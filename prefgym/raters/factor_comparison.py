"""Raters that compare standardised factors of the task reward."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from prefgym.common.limits import Finite, Positive, check
from prefgym.common.states import State
from prefgym.core.preferences import Comparison, Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.nn.normalisation import RunningNorm
from prefgym.raters.factors import choose, factor_means
from prefgym.raters.immediate import ImmediateRater, in_words


@dataclass(frozen=True, kw_only=True)
class FactorComparisonRaterCfg:
    """The factors, and the statistics that standardise them."""

    factors: str = ""
    """Factors of the task reward, separated by commas; by default those of the task's ranking. A minus negates a
    factor: `forward,ctrl,-forward`."""
    means: tuple[Finite, ...] = ()
    """Mean over segments of each factor, averaged over the steps of a segment. By default it is the running mean of
    all segments shown so far, so that the answer to the same query may change."""
    deviations: tuple[Positive, ...] = ()
    """Standard deviation over segments of each factor; by default the running one."""

    __post_init__ = check


class FactorComparisonRater(ImmediateRater):
    """A rater that chooses the option that beats most others in standardised factors."""

    name: ClassVar[str]
    default: ClassVar[FactorComparisonRaterCfg]

    def __init__(
        self,
        cfg: FactorComparisonRaterCfg | None = None,
        *,
        factor_names: Sequence[str] = (),
        ranking: Sequence[str] = (),
    ) -> None:
        """Arrange the factors.

        Args:
            cfg: Factors and their statistics.
            factor_names: Factors of the task's segments.
            ranking: The task's own ranking of the factors.

        Raises:
            ValueError: If factors are too few, too many, repeated or not in the task, or the means or deviations
                differ in number or are not finite.
        """
        super().__init__()
        self.cfg = cfg or self.default
        self.factors = self.arrange(choose(self.cfg.factors, factor_names, ranking, signed=True))
        if not np.isfinite([*self.cfg.means, *self.cfg.deviations]).all():
            raise ValueError("a mean or a deviation is not finite")
        given = len(self.cfg.means), len(self.cfg.deviations)
        if given not in ((0, 0), (len(self.factors), len(self.factors))):
            raise ValueError(
                f"{given[0]} means and {given[1]} deviations do not fit {len(self.factors)} factors: give one each"
            )
        self._info = RaterInfo(name=self.name, settings={**in_words(self.cfg), "factors": list(self.factors)})
        self._shown = RunningNorm(len(self.factors))

    @abstractmethod
    def arrange(self, factors: tuple[str, ...]) -> tuple[str, ...]:
        """Return the factors of the comparison.

        Raises:
            ValueError: If the factors are too few or too many.
        """

    @abstractmethod
    def beats(self, standing: Tensor) -> Tensor:
        """Compare all options with each other.

        Args:
            standing: Standardised factors. Shape: (..., K, F).

        Returns:
            Whether the first option beats the second. Shape: (..., K, K), bool.
        """

    def __call__(self, queries: Queries) -> Preferences:
        """Answer at once; running means and deviations include these queries.

        Raises:
            ValueError: If the queries lack a factor, or one is not finite.
        """
        means = factor_means(queries.options, self.factors)
        if self.cfg.means:
            usual, deviation = torch.tensor([self.cfg.means, self.cfg.deviations], dtype=torch.float64)
        else:
            if len(queries):
                self._shown.update(means)
            usual, deviation = self._shown.mean, self._shown.var.sqrt().clamp_min(1e-12)
        wins = self.beats((means - usual) / deviation).sum(-1)
        # in a full cycle, all options have the most wins
        return Preferences.of(queries, Comparison.of_best(wins == wins.amax(-1, keepdim=True)), self._info)

    def state_dict(self) -> State:
        """Return the state to resume from; first collect the submitted queries."""
        return self._shown.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned."""
        self._shown.load_state_dict(dict(state))
