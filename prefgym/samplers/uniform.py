"""Ask about segments drawn uniformly."""

from dataclasses import dataclass

from torch import Generator

from prefgym.core.protocols import Learner, Recorder
from prefgym.core.segments import Segments
from prefgym.samplers.candidates import SamplerCfg, sample_queries
from prefgym.samplers.sources import Source


@dataclass(frozen=True, kw_only=True)
class UniformSamplerCfg(SamplerCfg):
    """Draw every recorded step with equal probability as a segment's start."""


class UniformSampler:
    """Draw every recorded step with equal probability as a segment's start."""

    def __init__(self, cfg: UniformSamplerCfg | None = None, *, source: Source | None = None) -> None:
        """Keep the settings.

        Args:
            cfg: What queries look like.
            source: Which recorded steps segments are drawn from; None for what `cfg.recent_steps` says.
        """
        self.cfg = cfg or UniformSamplerCfg()
        self.source = source or self.cfg.source

    def __call__(self, recorder: Recorder, learner: Learner | None, num_queries: int, generator: Generator) -> Segments:
        """Choose options for `num_queries` questions; the learner is not asked. Batch shape: (B, K).

        Raises:
            NoSegmentError: If no segment of the asked length can be drawn yet.
        """
        starts = self.source(recorder, self.cfg.segment_length, keep_short=self.cfg.keep_short)
        chosen = sample_queries(starts, num_queries, self.cfg.num_options, generator)
        return recorder.segments(chosen, self.cfg.segment_length)
