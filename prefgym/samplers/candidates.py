"""Candidates: sample more queries than needed, and choose among them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated

import torch
import tyro
from torch import Generator, Tensor

from prefgym.common.limits import Count, Within, check
from prefgym.common.memory import check_fits
from prefgym.core.kinds import Comparison
from prefgym.core.protocols import Learner, NoSegmentError, Recorder
from prefgym.core.segments import Segments
from prefgym.samplers.sources import AllSteps, RecentSteps, Source


@dataclass(frozen=True, kw_only=True)
class SamplerCfg:
    """Size of queries, and the recorded steps they are sampled from.

    Raises:
        ValueError: If a value lies outside its range.
    """

    segment_length: Annotated[int, Within(1, 1_000_000), tyro.conf.arg(aliases=("--segment-length",))] = 50
    """Longest segment, in steps."""
    num_options: Annotated[int, Within(1, 1000)] | None = None
    """Segments per query; None shows as many as the rater's kind of feedback is about: 2 for a comparison, 4 for a
    ranking, 1 for the others."""
    keep_short: bool = True
    """Whether windows that reach a termination are kept, shortened to it."""
    recent_steps: Count | None = 100_000
    """Sample only from the most recent steps, counted over all environments, but at least from twice the length of a
    segment in each; None samples from all recorded steps. The default is B-Pref's: a hundred episodes of 1000 steps."""

    __post_init__ = check

    @property
    def source(self) -> Source:
        """Return the source: the recorded steps from which segments are sampled."""
        return AllSteps() if self.recent_steps is None else RecentSteps(self.recent_steps)


@dataclass(frozen=True, kw_only=True)
class CandidateSamplerCfg(SamplerCfg):
    """Size of queries, and the number of candidates per query.

    Raises:
        ValueError: If a value lies outside its range.
    """

    oversample: Count = 10
    """Candidates sampled per query; 10 is B-Pref's `large_batch`."""


class CandidateSampler(ABC):
    """Sample candidates uniformly and choose the best of them; without a fitted learner, sample queries uniformly."""

    def __init__(self, cfg: CandidateSamplerCfg, *, source: Source | None = None) -> None:
        """Keep the settings.

        Args:
            cfg: Size of queries and number of candidates.
            source: Recorded steps to sample from; None for those of `cfg.recent_steps`.
        """
        self.cfg = cfg
        self.source = source or cfg.source

    @abstractmethod
    def choose(self, recorder: Recorder, learner: Learner, candidates: Tensor, num_queries: int) -> Tensor:
        """Choose among candidates.

        Args:
            recorder: Source of the segments.
            learner: A fitted learner.
            candidates: Starts of the options of each candidate. Shape: (N, K), int64.
            num_queries: Number to choose.

        Returns:
            Row numbers of the chosen candidates. Shape: (num_queries,), int64.
        """

    def __call__(self, recorder: Recorder, learner: Learner | None, num_queries: int, generator: Generator) -> Segments:
        """Choose the options of `num_queries` queries. Batch shape: (B, K).

        Raises:
            NoSegmentError: If no segment of the configured length can be sampled yet.
        """
        cfg = self.cfg
        starts = self.source(recorder, cfg.segment_length, keep_short=cfg.keep_short)
        if learner is None or not learner.is_fitted:
            chosen = sample_queries(starts, num_queries, cfg.num_options, generator)
        else:
            candidates = sample_queries(starts, num_queries * cfg.oversample, cfg.num_options, generator)
            chosen = candidates[self.choose(recorder, learner, candidates, num_queries)]
        return recorder.segments(chosen, cfg.segment_length)


def sample_queries(starts: Tensor, num_queries: int, num_options: int | None, generator: Generator) -> Tensor:
    """Sample the starts of each query's options uniformly, without repetition in a query if there are enough.

    Args:
        starts: The steps at which a segment may start. Shape: (M,), int64.
        num_queries: Number of queries.
        num_options: Segments per query; None for those of a comparison.
        generator: Source of the random numbers.

    Returns:
        Starts of the options. Shape: (num_queries, num_options), int64.

    Raises:
        NoSegmentError: If there are no starts.
    """
    num_starts, num_options = len(starts), num_options or Comparison.usual_options
    if num_starts == 0:
        raise NoSegmentError("no segment can be sampled: no recorded episode is long enough or has terminated")
    # numbers of starts, their sorted copy, and the order
    check_fits(f"{num_queries} queries", 24.0 * num_queries * num_options, "ask fewer at a time")
    picks = torch.randint(num_starts, (num_queries, num_options), generator=generator)
    while num_starts >= num_options and bool((repeated := _repeats(picks)).any()):
        picks[repeated] = torch.randint(num_starts, (int(repeated.sum()), num_options), generator=generator)
    return starts[picks]


def _repeats(picks: Tensor) -> Tensor:
    ordered = picks.sort(-1).values
    return (ordered[:, 1:] == ordered[:, :-1]).any(-1)
