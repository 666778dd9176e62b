"""Samplers that query where the learner is uncertain: by disagreement of its members, or by their entropy.

Both are in B-Pref (Lee et al., arXiv:2111.03026).
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from prefgym.common.finite import check_finite
from prefgym.core import contact
from prefgym.core.capabilities import Capability, capabilities_of
from prefgym.core.choice import BradleyTerry
from prefgym.core.protocols import Learner, Recorder, ScoringLearner
from prefgym.core.scores import masked_return
from prefgym.core.segments import Segments
from prefgym.samplers.candidates import CandidateSampler, CandidateSamplerCfg
from prefgym.samplers.sources import Source

# Steps per pass through the learner: enough to keep its matrix products busy, few enough to stay in cache.
CHUNK_STEPS = 2**14


@dataclass(frozen=True, kw_only=True)
class DisagreementSamplerCfg(CandidateSamplerCfg):
    """Query where the members of the ensemble disagree most."""


@dataclass(frozen=True, kw_only=True)
class EntropySamplerCfg(CandidateSamplerCfg):
    """Query where the members' predicted choices have the highest entropy.

    Raises:
        ValueError: If a value lies outside its range, or a query has one segment and thus no choice.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_options == 1:
            raise ValueError("the entropy is that of a choice, and one segment is none: pass --sampler disagreement")


class DisagreementSampler(CandidateSampler):
    """Choose the candidates on whose answers the members of the ensemble disagree most."""

    def __init__(self, cfg: DisagreementSamplerCfg | None = None, *, source: Source | None = None) -> None:
        super().__init__(cfg or DisagreementSamplerCfg(), source=source)

    def choose(self, recorder: Recorder, learner: Learner, candidates: Tensor, num_queries: int) -> Tensor:
        """Choose the candidates of highest disagreement. Shape: (num_queries,), int64."""
        disputed = candidate_disagreement(recorder, learner, candidates, self.cfg.segment_length)
        return disputed.topk(num_queries).indices


class EntropySampler(CandidateSampler):
    """Choose the candidates whose predicted choices have the highest entropy, averaged over members."""

    def __init__(self, cfg: EntropySamplerCfg | None = None, *, source: Source | None = None) -> None:
        super().__init__(cfg or EntropySamplerCfg(), source=source)

    def choose(self, recorder: Recorder, learner: Learner, candidates: Tensor, num_queries: int) -> Tensor:
        """Choose the candidates of highest entropy. Shape: (num_queries,), int64."""
        p = choice_probabilities(recorder, learner, candidates, self.cfg.segment_length)
        return entropy(p).topk(num_queries).indices


def disagreement(p: Tensor) -> Tensor:
    """Return the standard deviation over members of the choice probabilities, averaged over options.

    Args:
        p: Choice probabilities of each member. Shape: (E, N, K).

    Returns:
        Disagreement; for K = 2, the standard deviation of P(first option). Shape: (N,).
    """
    return p.std(0, correction=0).mean(-1)


def score_disagreement(scores: Tensor) -> Tensor:
    """Return the standard deviation over members of their standardised scores, for queries of one segment.

    RUNE takes the deviation of the members' rewards (Liang et al., arXiv:2205.12401). Here each member's scores
    have mean 0 and deviation 1 over the candidates, since ratings and thumbs leave their scale and origin free.

    Args:
        scores: Scores of the candidates by each member. Shape: (E, N).

    Returns:
        Disagreement. Shape: (N,).
    """
    centred = scores - scores.mean(-1, keepdim=True)
    return (centred / scores.std(-1, correction=0, keepdim=True).clamp_min(1e-12)).std(0, correction=0)


def entropy(p: Tensor) -> Tensor:
    """Return the entropy of the choice, -sum_k p_k log p_k, averaged over members.

    Args:
        p: Choice probabilities of each member. Shape: (E, N, K).

    Returns:
        Entropy, in nats. Shape: (N,).
    """
    return -torch.xlogy(p, p).sum(-1).mean(0)


def candidate_disagreement(recorder: Recorder, learner: Learner, candidates: Tensor, length: int) -> Tensor:
    """Return the disagreement about each candidate: about the choice, or about the score of the only option.

    Args:
        recorder: Source of the segments.
        learner: A fitted learner.
        candidates: Starts of the options of each candidate. Shape: (N, K), int64.
        length: Longest segment, in steps.

    Returns:
        Disagreement. Shape: (N,).

    Raises:
        NotFiniteError: If the learned reward is not finite.
    """
    scores = candidate_scores(recorder, learner, candidates, length)
    if candidates.shape[-1] == 1:
        return score_disagreement(scores.squeeze(-1))
    return disagreement(BradleyTerry().probabilities(scores))


def choice_probabilities(recorder: Recorder, learner: Learner, candidates: Tensor, length: int) -> Tensor:
    """Predict the choices of each member of the learner; arguments as for `candidate_scores`. Shape: (E, N, K).

    Raises:
        NotFiniteError: If the learned reward is not finite.
    """
    return BradleyTerry().probabilities(candidate_scores(recorder, learner, candidates, length))


@torch.no_grad()
def candidate_scores(recorder: Recorder, learner: Learner, candidates: Tensor, length: int) -> Tensor:
    """Score candidates by each member of the learner, in one pass over them.

    Args:
        recorder: Source of the segments, which are copied in parts.
        learner: A fitted learner.
        candidates: Starts of the options of each candidate. Shape: (N, K), int64.
        length: Longest segment, in steps.

    Returns:
        Scores. Shape: (E, N, K).

    Raises:
        NotFiniteError: If the learned reward is not finite.
    """
    scores: list[Tensor] = []
    chunk = max(1, CHUNK_STEPS // (candidates.shape[-1] * length))
    for first in range(0, len(candidates), chunk):
        segments = recorder.segments(candidates[first : first + chunk], length, truth=False)
        scores.append(learned_scores(learner, segments).cpu())
    all_scores = torch.cat(scores, dim=1)
    check_finite("the learner's score of the sampler's candidates", all_scores)
    return all_scores


def learned_scores(learner: Learner, segments: Segments) -> Tensor:
    """Score segments by the numbers from which the learner's members predict choices. Shape: (E, ...)."""
    if Capability.SCORES in capabilities_of(learner):
        return contact.score(cast(ScoringLearner, learner), segments)
    return masked_return(contact.reward(learner, segments), segments)
