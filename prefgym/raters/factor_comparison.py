"""Raters who compare what stands out in segments: factors of the task reward, measured from what is usual."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from prefgym.common.limits import Positive, check
from prefgym.common.states import State
from prefgym.core.preferences import Answers, Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.nn.normalisation import RunningNorm
from prefgym.raters.factors import choose, factor_means
from prefgym.raters.immediate import ImmediateRater, in_words


@dataclass(frozen=True, kw_only=True)
class FactorComparisonRaterCfg:
    """What is looked at, and what is usual."""

    factors: str = ""
    """Factors of the task reward, separated by commas; those of the task's ranking unless said. A minus turns one
    round: `forward,ctrl,-forward`."""
    means: tuple[float, ...] = ()
    """What is usual: the mean over segments of each factor, averaged over the steps of a segment. Unless said, that of
    all segments shown so far, so that one and the same question may be answered otherwise later."""
    deviations: tuple[Positive, ...] = ()
    """Standard deviations over segments, likewise."""

    __post_init__ = check


class FactorComparisonRater(ImmediateRater):
    """Answer by who beats most of the others, given how far factors are from what is usual."""

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
            cfg: Which factors.
            factor_names: What the task's segments carry.
            ranking: The task's own ranking of these.

        Raises:
            ValueError: If there are too few or too many, one is named twice, the task has not got it, or means or
                deviations are not as many, or not finite.
        """
        super().__init__()
        self.cfg = cfg or self.default
        self.factors = self.arrange(choose(self.cfg.factors, factor_names, ranking, signed=True))
        if not np.isfinite([*self.cfg.means, *self.cfg.deviations]).all():
            raise ValueError("a mean or a deviation is not finite")
        told = len(self.cfg.means), len(self.cfg.deviations)
        if told not in ((0, 0), (len(self.factors), len(self.factors))):
            raise ValueError(f"{told[0]} means and {told[1]} deviations do not fit {len(self.factors)} factors")
        self._info = RaterInfo(name=self.name, settings={**in_words(self.cfg), "factors": list(self.factors)})
        self._shown = RunningNorm(len(self.factors))

    @abstractmethod
    def arrange(self, factors: tuple[str, ...]) -> tuple[str, ...]:
        """Return the factors in use.

        Raises:
            ValueError: If they are too few, or too many.
        """

    @abstractmethod
    def beats(self, standing: Tensor) -> Tensor:
        """Compare all options with each other.

        Args:
            standing: Factors, measured from the mean in deviations. Shape: (..., K, F).

        Returns:
            Whether the first option beats the second. Shape: (..., K, K), bool.
        """

    def __call__(self, queries: Queries) -> Preferences:
        """Answer at once; unless means and deviations were given, segments shown so far tell them, these included.

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
        # in a full circle, all have won the most
        return Preferences.of(queries, Answers.of_best(wins == wins.amax(-1, keepdim=True)), self._info)

    def state_dict(self) -> State:
        """Return the state to resume from, once what was submitted is collected."""
        return self._shown.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
        self._shown.load_state_dict(dict(state))
