"""Candidates: draw more queries than are asked, and choose among them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated

import torch
import tyro
from torch import Generator, Tensor

from prefgym.common.limits import Count, Within, check
from prefgym.core.protocols import Learner, NoSegmentError, Recorder
from prefgym.core.segments import Segments
from prefgym.samplers.sources import AllSteps, RecentSteps, Source


@dataclass(frozen=True, kw_only=True)
class SamplerCfg:
    """What a query looks like and where it comes from.

    Raises:
        ValueError: If a value lies outside its range.
    """

    segment_length: Annotated[Count, tyro.conf.arg(aliases=("--segment-length",))] = 50
    """Longest segment, in steps."""
    num_options: Annotated[int, Within(2)] = 2
    """Segments shown together in a query."""
    keep_short: bool = True
    """Whether windows that meet a termination are kept, cut there."""
    recent_steps: Count | None = 100_000
    """Draw only from the most recent steps, counted over all envs, as B-Pref's latest hundred episodes of a thousand
    steps, but from twice the length of a segment in each env at least; None draws from all that are recorded."""

    __post_init__ = check

    @property
    def source(self) -> Source:
        """Return which recorded steps segments are drawn from."""
        return AllSteps() if self.recent_steps is None else RecentSteps(self.recent_steps)


@dataclass(frozen=True, kw_only=True)
class CandidateSamplerCfg(SamplerCfg):
    """What a query looks like, and how many are looked at for one that is asked.

    Raises:
        ValueError: If a value lies outside its range.
    """

    oversample: Count = 10
    """Candidates drawn per query; 10 is B-Pref's `large_batch`."""


class CandidateSampler(ABC):
    """Draw candidates uniformly and ask about the best of them; without a fitted learner, ask uniformly."""

    def __init__(self, cfg: CandidateSamplerCfg, *, source: Source | None = None) -> None:
        """Keep the settings.

        Args:
            cfg: What queries look like and how many candidates are drawn.
            source: Which recorded steps segments are drawn from; None for what `cfg.recent_steps` says.
        """
        self.cfg = cfg
        self.source = source or cfg.source

    @abstractmethod
    def choose(self, recorder: Recorder, learner: Learner, candidates: Tensor, num_queries: int) -> Tensor:
        """Choose among candidates.

        Args:
            recorder: Where the segments can be copied out of.
            learner: A fitted learner.
            candidates: Starts of the options of each candidate. Shape: (N, K), int64.
            num_queries: How many to choose.

        Returns:
            Row numbers of the chosen candidates. Shape: (num_queries,), int64.
        """

    def __call__(self, recorder: Recorder, learner: Learner | None, num_queries: int, generator: Generator) -> Segments:
        """Choose options for `num_queries` questions. Batch shape: (B, K).

        Raises:
            NoSegmentError: If no segment of the asked length can be drawn yet.
        """
        cfg = self.cfg
        starts = self.source(recorder, cfg.segment_length, keep_short=cfg.keep_short)
        if learner is None or not learner.is_fitted:
            chosen = sample_queries(starts, num_queries, cfg.num_options, generator)
        else:
            candidates = sample_queries(starts, num_queries * cfg.oversample, cfg.num_options, generator)
            chosen = candidates[self.choose(recorder, learner, candidates, num_queries)]
        return recorder.segments(chosen, cfg.segment_length)


def sample_queries(starts: Tensor, num_queries: int, num_options: int, generator: Generator) -> Tensor:
    """Draw the starts of each query's options uniformly, no start twice in a query if there are enough.

    Returns:
        Starts of the options. Shape: (num_queries, num_options), int64.

    Raises:
        NoSegmentError: If there is nothing to draw from.
    """
    num_starts = len(starts)
    if num_starts == 0:
        raise NoSegmentError("no segment can be drawn: no episode that was recorded is long enough or has terminated")
    picks = torch.randint(num_starts, (num_queries, num_options), generator=generator)
    while num_starts >= num_options and bool((repeated := _repeats(picks)).any()):
        picks[repeated] = torch.randint(num_starts, (int(repeated.sum()), num_options), generator=generator)
    return starts[picks]


def _repeats(picks: Tensor) -> Tensor:
    ordered = picks.sort(-1).values
    return (ordered[:, 1:] == ordered[:, :-1]).any(-1)
