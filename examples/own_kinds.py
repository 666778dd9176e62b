"""Train from raters of one's own that give rankings, and thumbs; a query has as many segments as they are about."""

import torch
from torch import Tensor

import prefgym
from prefgym import Preferences, Queries, Ranking, RaterInfo, Segments, Thumbs


def height_m(segments: Segments) -> Tensor:
    """Return the mean height of the torso; in HalfCheetah, observation 0."""
    return (segments.obs[..., :-1, 0] * segments.mask).sum(-1) / segments.length


class LowestFirst:
    """Ranks the segments of a query."""

    gives = (Ranking,)

    def __call__(self, queries: Queries) -> Preferences[Ranking]:
        """Rank a lower torso before a higher one."""
        ranking = Ranking.of(height_m(queries.options).argsort(-1))  # (B, K)
        return Preferences.of(queries, ranking, RaterInfo(name="lowest-first"))


class LikesLow:
    """Reacts to one segment, or is silent."""

    gives = (Thumbs,)

    def __call__(self, queries: Queries) -> Preferences[Thumbs]:
        """React with a thumb up to a low torso, and with a thumb down to a high one."""
        height = height_m(queries.options).squeeze(-1)  # (B,)
        thumbs = Thumbs(status=torch.zeros(len(height)).long(), reaction=(height < -0.1).long() - (height > 0.1).long())
        return Preferences.of(queries, thumbs, RaterInfo(name="likes-low"))


def main(steps: int = 200_000, budget: int = 300) -> list[prefgym.Run]:
    """Train from each; `prefgym train --rater own_kinds:LowestFirst` does the same from the command line."""
    return [prefgym.train(rater=rater(), budget=budget, steps=steps) for rater in (LowestFirst, LikesLow)]
