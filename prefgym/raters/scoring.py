"""Raters that score segments, and whose choice model turns the scores into answers."""

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from prefgym.common.finite import check_finite
from prefgym.common.limits import NonNegative, check
from prefgym.core.choice import BradleyTerry, BradleyTerryCfg
from prefgym.core.preferences import Answers, Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.raters.immediate import SeededRater, in_words


@dataclass(frozen=True, kw_only=True)
class ScoringRaterCfg:
    """The choice of a rater by its scores.

    Raises:
        ValueError: If a value lies outside its range.
    """

    beta: NonNegative = math.inf
    """Inverse temperature of the choice, per unit of the score; 0 chooses uniformly, inf without error."""
    soft: bool = False
    """Answer with the probabilities of all options, as shares of the choice, instead of a sample."""

    __post_init__ = check


class ScoringRater(SeededRater):
    """A rater that answers at once, by a score of each segment."""

    def __init__(
        self,
        name: str,
        cfg: ScoringRaterCfg,
        *,
        seed: int,
        choice: BradleyTerryCfg | None = None,
        judged: str = "",
        facts: Mapping[str, object] | None = None,
    ) -> None:
        """Seed the rater's generator.

        Args:
            name: Name of the rater in its answers.
            cfg: Its settings, which its answers carry.
            seed: Seed of its own random number generator.
            choice: The choice model; by default that of `cfg`.
            judged: The score in words, for the error where it is not finite.
            facts: What its answers carry beside the settings, as JSON values.
        """
        super().__init__(seed)
        self._info = RaterInfo(name=name, settings={**in_words(cfg), **(facts or {})})
        self._choice = BradleyTerry(choice or BradleyTerryCfg(beta=cfg.beta, soft=cfg.soft))
        self._judged = judged or f"the score of rater {name!r}"

    @abstractmethod
    def score(self, segments: Segments) -> Tensor:
        """Score segments. Shape: that of their batch.

        Raises:
            ValueError: If they lack the data that the rater judges by.
        """

    def choose(self, scores: Tensor, options: Segments) -> Answers:
        """Answer by the scores of the options. Shape: (B, K)."""
        del options  # of interest to choice models with thresholds in units of the segments
        return self._choice.sample(scores, self.generator)

    def __call__(self, queries: Queries) -> Preferences:
        """Answer at once.

        Raises:
            ValueError: If the queries lack the data that the rater judges by, or these are not finite.
        """
        scores = self.score(queries.options).cpu()
        check_finite(self._judged, scores)
        return Preferences.of(queries, self.choose(scores, queries.options), self._info)
