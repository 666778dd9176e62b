"""Statements of scripted raters by scores: each kind of feedback is sampled from its likelihood."""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Generator, Tensor

from prefgym.core.kinds import Mark, Ranking, Rating, Statement, Status, Thumbs
from prefgym.core.likelihoods import Marks, Ordinal, PlackettLuce, Reactions, free
from prefgym.core.segments import Segments


def ranking(scores: Tensor, beta: float, generator: Generator, *, num_ranked: int | None = None) -> Ranking:
    """Rank options by their scores, all of them or the best ones. Shape: (B, K).

    Without error, options of equal score have equal ranks: that of an option is the number of those that score more.
    """
    if math.isinf(beta):
        rank = (scores.unsqueeze(-2) > scores.unsqueeze(-1)).sum(-1)
        rank = rank if num_ranked is None else rank.masked_fill(rank >= num_ranked, -1)
        return Ranking(status=torch.full(rank.shape[:1], int(Status.ANSWERED)), rank=rank)
    return PlackettLuce(beta, num_ranked).sample(scores, {}, generator)


def rating(scores: Tensor, thresholds: Sequence[float], beta: float, generator: Generator) -> Rating:
    """Rate segments on the scale between thresholds of their scores. Shape: (B, 1)."""
    parameters = {"thresholds": free(torch.tensor(thresholds, dtype=torch.float64))}
    return Ordinal(beta).sample(scores, parameters, generator)


def thumbs(
    scores: Tensor, reference: float, beta: float, generator: Generator, *, reacting: float, hostile: float
) -> Thumbs:
    """React to segments by the distance of their scores from a reference. Shape: (B, 1)."""
    chance = torch.tensor([reacting], dtype=torch.float64)
    parameters = {"reference": torch.tensor([reference], dtype=torch.float64), "reacting": chance.logit()}
    return Reactions(beta, hostile).sample(scores, parameters, generator)


def mark(step_scores: Tensor, segments: Segments, length: int, beta: float, generator: Generator) -> Mark:
    """Mark the stretch that differs most from the rest of its segment, as good or bad.

    Args:
        step_scores: Score of each step. Shape: (B, 1, T).
        segments: The segments. Batch shape: (B, 1).
        length: Steps of a stretch; a segment that is not longer is marked as a whole.
        beta: Inverse temperature, per unit of score.
        generator: Source of the random numbers.
    """
    valid, num_steps = segments.length.cpu().squeeze(-1), segments.num_steps
    scores = step_scores.squeeze(-2).masked_fill(~segments.mask.cpu().squeeze(-2), 0.0)
    # s = sum over the stretch - its length * mean of the rest, for a stretch that begins at each step
    until = torch.nn.functional.pad(scores.cumsum(-1), (1, 0))
    start = torch.arange(num_steps).expand_as(scores)
    long = valid.clamp(max=length).unsqueeze(-1)
    meant = until.gather(-1, (start + long).clamp(max=num_steps)) - until[..., :-1]
    rest = (until[..., -1:] - meant) / (valid.unsqueeze(-1) - long).clamp(min=1)
    standing = (meant - long * rest).masked_fill(start + long > valid.unsqueeze(-1), torch.nan)
    chosen = standing.abs().nan_to_num(-1.0).argmax(-1)
    stretch = Mark.of(chosen, chosen + long.squeeze(-1), torch.ones_like(chosen, dtype=torch.bool), num_steps)
    return Marks(beta).sample(standing.gather(-1, chosen.unsqueeze(-1)), stretch.share, generator)


def skipped(statement: Statement, skips: Tensor) -> Statement:
    """Return statements of which some are skips. Shape of the mask: (B,), bool."""
    if not bool(skips.any()):
        return statement
    blank = {name: -torch.ones_like(value) if name == "rank" else torch.zeros_like(value)
             for name, value in statement.tensors().items()}  # fmt: skip
    blank["status"] = torch.full_like(statement.status, int(Status.SKIPPED))
    kept = {
        name: torch.where(skips.view(-1, *[1] * (value.dim() - 1)), blank[name], value)
        for name, value in statement.tensors().items()
    }
    return replace(statement, **kept)
