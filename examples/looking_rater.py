"""Train from a rater that looks: `context.render` gives it the pictures of what it judges, in one call."""

import torch
from torch import Tensor

import prefgym
from prefgym import BradleyTerry, Preferences, Queries, RaterInfo
from prefgym.core.context import RaterContext


class LookingRater:
    """Prefer the segment that looks steadier; a model that sees goes where `steadiness` stands."""

    def __init__(self, *, context: RaterContext) -> None:
        self.context = context
        self.generator = torch.Generator().manual_seed(context.seed)

    def __call__(self, queries: Queries) -> Preferences:
        """Answer queries (B,) about two segments each."""
        pictures = self.context.render(queries.options)  # shape (B, 2, T, H, W, 3), uint8
        scores = steadiness(pictures, queries.options.mask)
        return Preferences.of(queries, BradleyTerry().sample(scores, self.generator), RaterInfo(name="looking"))


def steadiness(pictures: Tensor, mask: Tensor) -> Tensor:
    """Return minus the mean change from picture to picture. Shapes: (..., T, H, W, 3) and (..., T) to (...,)."""
    changes = pictures.float().diff(dim=-4).abs().mean((-3, -2, -1)) * mask[..., 1:]
    return -changes.sum(-1) / mask[..., 1:].sum(-1).clamp(min=1)


def main(steps: int = 100_000, budget: int = 100) -> prefgym.Run:
    """Train; `prefgym train --rater looking_rater:LookingRater` does the same from the command line."""
    task, rater = "prefgym/InvertedPendulum-v0", "looking_rater:LookingRater"
    return prefgym.train(task, rater=rater, budget=budget, steps=steps)


if __name__ == "__main__":
    main()
