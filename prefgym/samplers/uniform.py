"""The uniform sampler: the starts of segments are sampled uniformly from the recorded steps."""

from dataclasses import dataclass

from torch import Generator

from prefgym.core.protocols import Learner, Recorder
from prefgym.core.segments import Segments
from prefgym.samplers.candidates import SamplerCfg, sample_queries
from prefgym.samplers.sources import Source


@dataclass(frozen=True, kw_only=True)
class UniformSamplerCfg(SamplerCfg):
    """Sample the starts of segments uniformly from the recorded steps."""


class UniformSampler:
    """Sample the starts of segments uniformly from the recorded steps."""

    def __init__(self, cfg: UniformSamplerCfg | None = None, *, source: Source | None = None) -> None:
        """Keep the settings.

        Args:
            cfg: Size of queries.
            source: Recorded steps to sample from; None for those of `cfg.recent_steps`.
        """
        self.cfg = cfg or UniformSamplerCfg()
        self.source = source or self.cfg.source

    def __call__(self, recorder: Recorder, learner: Learner | None, num_queries: int, generator: Generator) -> Segments:
        """Choose the options of `num_queries` queries, independently of the learner. Batch shape: (B, K).

        Raises:
            NoSegmentError: If no segment of the configured length can be sampled yet.
        """
        starts = self.source(recorder, self.cfg.segment_length, keep_short=self.cfg.keep_short)
        chosen = sample_queries(starts, num_queries, self.cfg.num_options, generator)
        return recorder.segments(chosen, self.cfg.segment_length)
