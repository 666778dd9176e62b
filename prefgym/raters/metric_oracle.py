"""Judges by the hidden metric of a task without a reward: SEES WHAT NO RATER MAY SEE, for tests of such tasks only."""

import sys
from dataclasses import dataclass

import torch
from torch import Tensor

from prefgym.core.kinds import Mark
from prefgym.core.protocols import MetricCounter
from prefgym.core.segments import Segments
from prefgym.raters.scoring import ScoringRater, ScoringRaterCfg


@dataclass(frozen=True, kw_only=True)
class MetricOracleRaterCfg(ScoringRaterCfg):
    """A rater that cheats: it knows the metric by which policies are evaluated."""


class MetricOracleRater(ScoringRater):
    """A rater that answers by the metric of a task, counted along the physics states of segments."""

    gives = (*ScoringRater.gives, Mark)

    def __init__(
        self, cfg: MetricOracleRaterCfg | None = None, *, seed: int = 0, metric: MetricCounter | None = None
    ) -> None:
        """Take the metric, and say so on stderr.

        Args:
            cfg: Temperature of the choice.
            seed: Seed of its own random number generator.
            metric: The counter of the task's hidden metric.

        Raises:
            ValueError: If there is none.
        """
        if metric is None:
            raise ValueError(
                "it judges by the hidden metric of a task without a reward, and there is none, or no physics states to "
                "count it along: use --rater oracle where there is a reward"
            )
        self.cfg, self.metric = cfg or MetricOracleRaterCfg(), metric
        super().__init__("metric-oracle", self.cfg, seed=seed, facts={"sees_hidden_metric": metric.name})
        print(
            f"warning: rater metric-oracle sees the hidden metric {metric.name!r}, by which policies are evaluated: it "
            "is for tests, and its results are no results of learning from what a person sees",
            file=sys.stderr,
        )

    def score(self, segments: Segments) -> Tensor:
        """Sum the metric over the valid steps; its memory begins with the segment. Shape: that of the batch.

        Raises:
            ValueError: If the segments carry no physics states.
        """
        return self.score_steps(segments).sum(-1)

    def score_steps(self, segments: Segments) -> Tensor:
        """Count the metric of each step. Shape: (..., T).

        Raises:
            ValueError: If the segments carry no physics states.
        """
        if segments.state is None:
            raise ValueError(
                "the metric is counted along physics states, and these segments carry none; they may have lost them in "
                "without_truth()"
            )
        state = segments.state.cpu().flatten(0, -3).numpy()
        counted = self.metric.count(state, segments.length.cpu().flatten().numpy())
        return torch.as_tensor(counted).view(*segments.batch_shape, segments.num_steps)
