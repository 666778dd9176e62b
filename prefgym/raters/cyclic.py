"""A rater whose preferences go round in a circle, so that no score can stand for them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from prefgym.limits import Positive, check
from prefgym.networks import RunningNorm
from prefgym.preferences import Answers, Preferences, RaterInfo
from prefgym.queries import Queries
from prefgym.raters.factors import choose, factor_means
from prefgym.raters.prompt import PromptRater, in_words
from prefgym.states import State


@dataclass(frozen=True, kw_only=True)
class CyclicRaterCfg:
    """A rater who sorts segments by what is outstanding in them; each class beats the next one in a circle."""

    factors: str = ""
    """Factors of the task reward, at least three, separated by commas; all of the task, in its ranking, unless said. A
    minus turns one round: `forward,ctrl,-forward`."""
    means: tuple[float, ...] = ()
    """What is usual: the mean over segments of each factor, averaged over the steps of a segment. Unless said, that of
    all segments shown so far, so that one and the same question may be answered otherwise later."""
    deviations: tuple[Positive, ...] = ()
    """Standard deviations over segments, likewise."""

    __post_init__ = check


class CyclicRater(PromptRater):
    """Answer by classes in a circle, and within a class by what is outstanding in it."""

    def __init__(
        self, cfg: CyclicRaterCfg | None = None, *, factor_names: Sequence[str] = (), ranking: Sequence[str] = ()
    ) -> None:
        """Arrange the factors.

        Args:
            cfg: Which factors.
            factor_names: What the task's segments carry.
            ranking: The task's own ranking of these.

        Raises:
            ValueError: If there are fewer than three, one is named twice, the task has not got it, or means or
                deviations are not as many, or not finite.
        """
        super().__init__()
        self.cfg = cfg or CyclicRaterCfg()
        self.factors = choose(self.cfg.factors, factor_names, ranking, signed=True)
        if len(self.factors) < 3:
            raise ValueError(f"a circle takes three factors, and there are {len(self.factors)}")
        if not np.isfinite([*self.cfg.means, *self.cfg.deviations]).all():
            raise ValueError("a mean or a deviation is not finite")
        told = len(self.cfg.means), len(self.cfg.deviations)
        if told not in ((0, 0), (len(self.factors), len(self.factors))):
            raise ValueError(f"{told[0]} means and {told[1]} deviations do not fit {len(self.factors)} factors")
        self._info = RaterInfo(name="cyclic", settings={**in_words(self.cfg), "factors": list(self.factors)})
        self._shown = RunningNorm(len(self.factors))

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
        answers = Answers.of_best(most_wins((means - usual) / deviation))
        return Preferences.of(queries, answers, self._info)

    def state_dict(self) -> State:
        """Return all that moves, once what was submitted is collected."""
        return self._shown.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
        self._shown.load_state_dict(dict(state))


def beats(standing: Tensor) -> Tensor:
    """Compare all options with each other.

    The class of a segment is the factor in which it stands out most. Class f beats class f + 1, the last one the first;
    other classes are alike; within a class the higher standing wins.

    Args:
        standing: Deviations from the mean. Shape: (..., K, F).

    Returns:
        Whether the first option beats the second. Shape: (..., K, K), bool.
    """
    height, kind = standing.max(-1)
    ahead = (kind.unsqueeze(-2) - kind.unsqueeze(-1)) % standing.shape[-1]
    return (ahead == 1) | ((ahead == 0) & (height.unsqueeze(-1) > height.unsqueeze(-2)))


def most_wins(standing: Tensor) -> Tensor:
    """Find the options that beat the most others; in a full circle, all. Shape: (..., K, F) to (..., K), bool."""
    wins = beats(standing).sum(-1)
    return wins == wins.amax(-1, keepdim=True)
