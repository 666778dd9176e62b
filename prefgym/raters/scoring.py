"""Raters that score segments, and state something about the scores: a choice, a ranking, a rating, thumbs or a mark."""

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, ClassVar, Literal, cast

import torch
from torch import Tensor

from prefgym.common.finite import check_finite
from prefgym.common.limits import Count, Finite, NonNegative, Share, Within, check
from prefgym.common.states import State
from prefgym.core.choice import BradleyTerry, BradleyTerryCfg
from prefgym.core.kinds import KINDS, MOST_LEVELS, Comparison, Mark, Ranking, Rating, Statement, Thumbs
from prefgym.core.preferences import Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.raters import statements
from prefgym.raters.immediate import SeededRater, in_words

MOST_SEEN = 10_000
"""Scores that thresholds and references are made of: the latest ones."""


@dataclass(frozen=True, kw_only=True)
class ScoringRaterCfg:
    """The statement of a rater by its scores.

    Raises:
        ValueError: If a value lies outside its range, or a setting belongs to another kind of feedback.
    """

    settings_of_kinds: ClassVar[Mapping[str, str]] = {
        "soft": "comparison",
        "num_ranked": "ranking",
        "num_levels": "rating",
        "thresholds": "rating",
        "reference": "thumbs",
        "reacting": "thumbs",
        "hostile": "thumbs",
        "mark_length": "mark",
    }
    """Settings that one kind of feedback has."""

    gives: Literal["comparison", "ranking", "rating", "thumbs", "mark"] = "comparison"
    """Kind of feedback: a choice, an order, a level of one segment, good or bad of one segment, or a good or bad
    stretch of one segment."""
    beta: NonNegative = math.inf
    """Inverse temperature of the statement, per unit of the score; 0 is blind, inf without error."""
    soft: bool = False
    """Answer with the probabilities of all options, as shares of the choice, instead of a sample."""
    num_ranked: Count | None = None
    """Options that a ranking names, the best ones; the others are left unranked. By default, all."""
    num_levels: Annotated[int, Within(2, MOST_LEVELS)] = 5
    """Levels of a rating."""
    thresholds: tuple[Finite, ...] = ()
    """Scores between the levels of a rating, increasing, one fewer than there are levels; default: quantiles of the
    scores of all segments shown so far, so that each level is as frequent."""
    reference: Finite | None = None
    """Score between good and bad thumbs; default: the median score of all segments shown so far."""
    reacting: Share = 1.0
    """Probability of thumbs up or down; the rater is silent otherwise, which is an answer."""
    hostile: Share = 0.0
    """Share of the reactions that say the opposite."""
    mark_length: Count = 10
    """Steps of a marked stretch."""

    def __post_init__(self) -> None:
        check(self)
        neutral = {field.name: field.default for field in fields(self)}
        for name, kind in self.settings_of_kinds.items():
            if self.gives != kind and (value := getattr(self, name)) != neutral[name]:
                found = f"{name} {value} is of {kind}, and this rater gives {self.gives}"
                raise ValueError(f"{found}: pass --rater.gives {kind}, or a rater without it")
        if self.thresholds and len(self.thresholds) != self.num_levels - 1:
            raise ValueError(
                f"{len(self.thresholds)} thresholds make {len(self.thresholds) + 1} levels, not {self.num_levels}: "
                f"pass --rater.num-levels {len(self.thresholds) + 1}"
            )
        if not all(lower < upper for lower, upper in zip(self.thresholds, self.thresholds[1:])):
            raise ValueError(f"the thresholds of a rating must increase, not {' '.join(map(str, self.thresholds))}")


class ScoringRater(SeededRater):
    """A rater that answers at once, by a score of each segment."""

    gives: tuple[type[Statement], ...] = (Comparison, Ranking, Rating, Thumbs)
    """Kinds of feedback that it can give; of a rater, the one that it gives."""

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

        Raises:
            ValueError: If its score does not allow the kind of feedback.
        """
        super().__init__(seed)
        kind = KINDS[cfg.gives]
        if kind not in self.gives:
            calls = " or ".join(f"--rater.gives {one.kind}" for one in self.gives)
            raise ValueError(f"it gives no {kind.kind}, since its score is none of single steps: pass {calls}")
        self.gives = (kind,)
        self._info = RaterInfo(name=name, settings={**in_words(cfg), **(facts or {})})
        self._choice = BradleyTerry(choice or BradleyTerryCfg(beta=cfg.beta, soft=cfg.soft))
        self._judged = judged or f"the score of rater {name!r}"
        self._stating = cfg
        self._seen = torch.zeros(0, dtype=torch.float64)  # the latest scores of single segments

    @abstractmethod
    def score(self, segments: Segments) -> Tensor:
        """Score segments. Shape: that of their batch.

        Raises:
            ValueError: If they lack the data that the rater judges by.
        """

    def score_steps(self, segments: Segments) -> Tensor:
        """Score single steps, for marks; values beyond a segment's length are ignored. Shape: (..., T).

        A rater with this method names `Mark` among the kinds that it `gives`.

        Raises:
            ValueError: If the segments lack the data that the rater judges by, or the rater scores no single steps.
        """
        del segments
        raise ValueError(f"{type(self).__name__} scores no single steps, so it can give no marks: write score_steps()")

    def choose(self, scores: Tensor, options: Segments) -> Statement:
        """State something about the options by their scores. Shape: (B, K)."""
        cfg, kind = self._stating, self.gives[0]
        if kind is Comparison:
            return self._choice.sample(scores, self.generator)
        if kind is Ranking:
            return statements.ranking(scores, cfg.beta, self.generator, num_ranked=cfg.num_ranked)
        if kind is Mark:
            steps = self.score_steps(options).cpu()
            check_finite(self._judged, steps.masked_fill(~options.mask.cpu(), 0.0))
            return statements.mark(steps.double(), options, cfg.mark_length, cfg.beta, self.generator)
        self._seen = torch.cat([self._seen, scores.flatten().double()])[-MOST_SEEN:]
        if kind is Rating:
            thresholds = cfg.thresholds or self._quantiles(cfg.num_levels)
            return statements.rating(scores, thresholds, cfg.beta, self.generator)
        (reference,) = self._quantiles(2) if cfg.reference is None else (cfg.reference,)
        chances = {"reacting": cfg.reacting, "hostile": cfg.hostile}
        return statements.thumbs(scores, reference, cfg.beta, self.generator, **chances)

    def __call__(self, queries: Queries) -> Preferences:
        """Answer at once, with the kind of feedback that it gives.

        Raises:
            ValueError: If the queries lack the data that the rater judges by, or these are not finite.
        """
        scores = self.score(queries.options).cpu()
        check_finite(self._judged, scores)
        # comparisons for those who did not ask for another kind
        return cast(Preferences, Preferences.of(queries, self.choose(scores, queries.options), self._info))

    def state_dict(self) -> State:
        """Return the state to resume from; first collect the submitted queries."""
        return {**super().state_dict(), "seen": self._seen.clone()}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned; states of 0.2 have no `seen`."""
        super().load_state_dict(state)
        self._seen = state.get("seen", self._seen).clone()

    def _quantiles(self, num_parts: int) -> tuple[float, ...]:
        """Return the scores between equal parts of the segments shown so far; 0 before the first."""
        shares = torch.arange(1, num_parts, dtype=torch.float64) / num_parts
        seen = self._seen if len(self._seen) else torch.zeros(1, dtype=torch.float64)
        return tuple(float(score) for score in seen.quantile(shares))
