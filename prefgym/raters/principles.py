"""A rater with named principles, each a yes or no about a segment (RLBFF; Wang et al., arXiv:2509.21319).

A principle is a threshold of a factor of the task reward, in the place of RLBFF's sentences about texts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Self, cast, get_args

import numpy as np
import torch
from torch import Tensor

from prefgym.common.names import check_name
from prefgym.core.preferences import Preferences
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.raters.factors import factor_sums, resolve
from prefgym.raters.named import Numbers, Texts
from prefgym.raters.scoring import ScoringRater, ScoringRaterCfg

Direction = Literal["above", "below"]


@dataclass(frozen=True, kw_only=True)
class PrinciplesRaterCfg(ScoringRaterCfg):
    """A rater that prefers the segment that satisfies more principles.

    Raises:
        ValueError: If a principle or a number is none, or a weight belongs to no principle.
    """

    principles: Texts = field(default_factory=dict[str, str])
    """Principles by name, each FACTOR:above:NUMBER or FACTOR:below:NUMBER, such as `fast=forward:above:1`: whether the
    mean of a factor of the task reward over the steps of a segment lies there."""
    weights: Numbers = field(default_factory=dict[str, float])
    """Weights of principles by name, such as `fast=2`; all others have a weight of 1."""

    apart: bool = False
    """Answer about each principle on its own, with its name as the criterion, in the place of their weighted number:
    a query has as many answers as there are principles, with `--rater.gives thumbs` a yes or no each."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.apart and self.gives == "rating":
            raise ValueError("a principle apart is a yes or no, and has no levels: pass --rater.gives thumbs")
        for text in self.principles.values():
            Principle.parse(text)
        for name in self.weights:
            check_name("principle", name, self.principles)


@dataclass(frozen=True, kw_only=True)
class Principle:
    """A threshold of a factor."""

    factor: str
    direction: Direction
    threshold: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read FACTOR:above:THRESHOLD or FACTOR:below:THRESHOLD.

        >>> Principle.parse("forward:above:1")
        Principle(factor='forward', direction='above', threshold=1.0)

        Raises:
            ValueError: If the text has another form.
        """
        factor, direction, number = (part.strip() for part in (*text.split(":"), "", "")[:3])
        try:
            threshold = float(number if text.count(":") == 2 else "nan")
        except ValueError:
            threshold = np.nan
        if not np.isfinite(threshold) or direction not in get_args(Direction):
            raise ValueError(f"write a principle as FACTOR:above:NUMBER or FACTOR:below:NUMBER, not {text!r}")
        return cls(factor=factor, direction=cast(Direction, direction), threshold=threshold)

    def __str__(self) -> str:
        return f"{self.factor}:{self.direction}:{self.threshold}"


class PrinciplesRater(ScoringRater):
    """A rater that answers by the weighted number of satisfied principles; equal numbers are a tie."""

    def __init__(
        self, cfg: PrinciplesRaterCfg | None = None, *, seed: int = 0, factor_names: Sequence[str] = ()
    ) -> None:
        """Resolve the factors.

        Args:
            cfg: Principles, their weights, and temperature of the choice.
            seed: Seed of its own random number generator.
            factor_names: Factors of the task's segments.

        Raises:
            ValueError: If there is no principle, or the task lacks the factor of one.
        """
        cfg = cfg or PrinciplesRaterCfg()
        if not cfg.principles:
            raise ValueError("it has no principles: pass some, as in --rater.principles fast=forward:above:1")
        parsed = {name: Principle.parse(text) for name, text in cfg.principles.items()}
        self.principles = {name: replace(one, factor=resolve(one.factor, factor_names)) for name, one in parsed.items()}
        """The principles, by name, with full names of factors."""
        # a principle apart scores 0 or 1
        reference = 0.5 if cfg.apart and cfg.gives == "thumbs" and cfg.reference is None else cfg.reference
        told = {name: str(one) for name, one in self.principles.items()}
        self.cfg = replace(cfg, principles=told, reference=reference)
        super().__init__("principles", self.cfg, seed=seed)

    def satisfied(self, segments: Segments) -> Tensor:
        """Return which principles segments satisfy. Shape: (..., P), bool.

        Raises:
            ValueError: If they lack a factor, or one is not finite.
        """
        principles = [*self.principles.values()]
        means = factor_sums(segments, [one.factor for one in principles]) / segments.length.cpu().unsqueeze(-1)
        threshold = torch.tensor([one.threshold for one in principles], dtype=torch.float64)
        above = torch.tensor([one.direction == "above" for one in principles])
        return torch.where(above, means > threshold, means < threshold)

    def score(self, segments: Segments) -> Tensor:
        """Return the sum of the weights of satisfied principles. Shape: that of the batch.

        Raises:
            ValueError: If the segments lack a factor, or one is not finite.
        """
        weights = torch.tensor([self.cfg.weights.get(name, 1.0) for name in self.principles], dtype=torch.float64)
        return self.satisfied(segments).double() @ weights

    def __call__(self, queries: Queries) -> Preferences:
        """Answer at once, about all principles or about each.

        Raises:
            ValueError: If the queries lack a factor, or one is not finite.
        """
        if not self.cfg.apart:
            return super().__call__(queries)
        options = queries.options
        scores = self.satisfied(options).double().unbind(-1)
        stated = [(name, self.choose(score, options)) for name, score in zip(self.principles, scores)]
        answers = [Preferences.of(queries, statement, self._info, criterion=name) for name, statement in stated]
        return cast(Preferences, Preferences.cat(answers))
