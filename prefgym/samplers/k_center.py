"""Samplers that cover the space of observations: a k-center of the candidates and earlier queries.

They are in B-Pref (Lee et al., arXiv:2111.03026).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from prefgym.common.limits import Within
from prefgym.core.protocols import Learner, Recorder
from prefgym.core.segments import Segments
from prefgym.samplers.candidates import CandidateSampler, CandidateSamplerCfg
from prefgym.samplers.informative import candidate_disagreement
from prefgym.samplers.sources import Source

# Earlier queries whose distances are computed at once; bounds the memory they take.
CHUNK_ASKED = 1024


@dataclass(frozen=True, kw_only=True)
class KCenterSamplerCfg(CandidateSamplerCfg):
    """Query candidates that cover all others closely."""


@dataclass(frozen=True, kw_only=True)
class DisagreementKCenterSamplerCfg(CandidateSamplerCfg):
    """Query candidates that cover closely those on which the members of the ensemble disagree.

    Raises:
        ValueError: If a value lies outside its range.
    """

    keep: Annotated[float, Within(0, 1, above=True)] = 0.5
    """Share of the candidates, those of highest disagreement, among which the k-center is chosen."""


class KCenterSampler(CandidateSampler):
    """Choose candidates that cover all others closely, by their observations."""

    def __init__(
        self,
        cfg: KCenterSamplerCfg | DisagreementKCenterSamplerCfg | None = None,
        *,
        source: Source | None = None,
        asked: Callable[[], Segments | None] = lambda: None,
    ) -> None:
        """Keep the settings.

        Args:
            cfg: Size of queries and number of candidates.
            source: Recorded steps to sample from; None for those of `cfg.recent_steps`.
            asked: Returns the options of all earlier queries, of batch shape (M, K); they count as covered.
        """
        super().__init__(cfg or KCenterSamplerCfg(), source=source)
        self.asked = asked

    def choose(self, recorder: Recorder, learner: Learner, candidates: Tensor, num_queries: int) -> Tensor:
        """Choose the candidates that cover the others. Shape: (num_queries,), int64."""
        features = _features(recorder.segments(candidates, self.cfg.segment_length, truth=False))
        asked = self.asked()
        return k_center(features, num_queries, covered=features[:0] if asked is None else _features(asked).to(features))


class DisagreementKCenterSampler(KCenterSampler):
    """Choose candidates that cover those on which the members of the ensemble disagree."""

    def __init__(
        self,
        cfg: DisagreementKCenterSamplerCfg | None = None,
        *,
        source: Source | None = None,
        asked: Callable[[], Segments | None] = lambda: None,
    ) -> None:
        """Keep the settings.

        Args:
            cfg: Size of queries, number of candidates, and the share of them to keep.
            source: Recorded steps to sample from; None for those of `cfg.recent_steps`.
            asked: Returns the options of all earlier queries, of batch shape (M, K); they count as covered.
        """
        cfg = cfg or DisagreementKCenterSamplerCfg()
        super().__init__(cfg, source=source, asked=asked)
        self.keep = cfg.keep

    def choose(self, recorder: Recorder, learner: Learner, candidates: Tensor, num_queries: int) -> Tensor:
        """Choose the candidates that cover those of high disagreement. Shape: (num_queries,), int64."""
        disagreement = candidate_disagreement(recorder, learner, candidates, self.cfg.segment_length)
        disputed = disagreement.topk(max(num_queries, int(self.keep * len(candidates)))).indices
        return disputed[super().choose(recorder, learner, candidates[disputed], num_queries)]


def k_center(features: Tensor, num_centers: int, covered: Tensor) -> Tensor:
    """Choose centers greedily: each next one is the point farthest from all chosen so far.

    On a line, where 0 counts as chosen, the farthest point is 10; 4 is then 4 away from 0, and 9 only 1 from 10:

    >>> k_center(torch.tensor([[1.0], [4.0], [9.0], [10.0]]), 2, covered=torch.tensor([[0.0]]))
    tensor([3, 1])

    Args:
        features: Points. Shape: (N, D).
        num_centers: Number to choose, at most N.
        covered: Points that count as chosen already. Shape: (M, D).

    Returns:
        Row numbers of the centers, all different. Shape: (num_centers,), int64.
    """
    points = features - features.mean(0)  # distances stay; |x|^2 - 2 x c + |c|^2 loses fewer digits
    squares = points.square().sum(-1)
    nearest = torch.full_like(squares, torch.inf)
    for first in range(0, len(covered), CHUNK_ASKED):
        distance = torch.cdist(features, covered[first : first + CHUNK_ASKED])
        nearest = torch.minimum(nearest, distance.square().amin(-1))
    centers = torch.empty(num_centers, dtype=torch.long)
    for i in range(num_centers):  # greedy: each center depends on those before
        center = nearest.argmax()
        nearest = torch.minimum(nearest, squares - 2.0 * points @ points[center] + squares[center])
        nearest[center] = -torch.inf  # never twice, not even among equal points
        centers[i] = center
    return centers


def _features(options: Segments) -> Tensor:
    """Concatenate the observations of all options, with zeros beyond a segment's length. Shape: (N, D)."""
    return options.obs.flatten(1)
