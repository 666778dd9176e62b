"""A sampler that asks about pairs whose last observations lie far from each other."""

from dataclasses import dataclass

from torch import Generator

from prefgym.common.limits import Count
from prefgym.core.protocols import Learner, Recorder
from prefgym.core.segments import Segments
from prefgym.samplers.candidates import SamplerCfg, sample_queries


@dataclass(frozen=True, kw_only=True)
class ContrastSamplerCfg(SamplerCfg):
    """What queries look like, and how many are considered for one that is asked."""

    oversample: Count = 4
    """Candidates per query."""


class ContrastSampler:
    """Sample pairs uniformly, and keep those that ended farthest apart."""

    def __init__(self, cfg: ContrastSamplerCfg) -> None:
        self.cfg = cfg

    def __call__(self, recorder: Recorder, learner: Learner | None, num_queries: int, generator: Generator) -> Segments:
        """Choose options for `num_queries` questions; the learner is of no use here. Batch shape: (B, K)."""
        cfg = self.cfg
        starts = cfg.source(recorder, cfg.segment_length, keep_short=cfg.keep_short)
        candidates = sample_queries(starts, num_queries * cfg.oversample, cfg.num_options, generator)
        segments = recorder.segments(candidates, cfg.segment_length)
        _, last = segments.ends(segments.obs)  # (N, K, O)
        return segments[last.std(1, correction=0).sum(-1).topk(num_queries).indices]
