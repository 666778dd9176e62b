"""An example of each kind of feedback: three answers and a skip."""

import torch

from prefgym.core.kinds import (
    Comparison,
    Correction,
    Demonstration,
    Intervention,
    Mark,
    Ranking,
    Rating,
    Statement,
    Status,
    Thumbs,
)
from prefgym.core.preferences import Preferences, RaterInfo, Sitting
from prefgym.core.queries import Queries
from prefgym.testing import example_segments

NUM_STEPS = 6
_STATUS = torch.tensor([0, 0, 0, int(Status.SKIPPED)])
_NONE = _STATUS != 0


def _stated() -> tuple[tuple[Statement, int], ...]:
    """Return statements, and the number of options that they are about."""
    share = torch.tensor([[0.0, 1, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0], [0, 0, 0.25, 0.75, 0, 0], [0, 0, 0, 0, 0, 0]])
    choice = torch.tensor([[1.0, 0], [0.5, 0.5], [0.25, 0.75], [0, 0]])
    action = torch.arange(4.0 * NUM_STEPS * 2).reshape(4, NUM_STEPS, 2) * (~_NONE)[:, None, None]
    comparison = Comparison(
        status=_STATUS,
        choice=choice,
        tie=torch.tensor([False, True, False, False]),
        strength=torch.tensor([0.5, 0.0, 1.0, 0.0]),
    )
    return (
        (comparison, 2),
        (Ranking(status=_STATUS, rank=torch.tensor([[2, 0, 1], [0, -1, -1], [0, 0, 1], [-1, -1, -1]])), 3),
        (Rating(status=_STATUS, level=torch.tensor([4, 0, 2, 0]), num_levels=5), 1),
        (Thumbs(status=_STATUS, reaction=torch.tensor([1, 0, -1, 0])), 1),
        (Mark(status=_STATUS, share=share, good=torch.tensor([True, False, True, False])), 1),
        (Intervention(status=_STATUS, start=torch.tensor([0, 2, 1, 0]), end=torch.tensor([3, 6, 2, 0])), 1),
        (Correction(status=_STATUS, action=action, words=Correction.encoded(["", "langsamer, bitte ü", "", ""])), 1),
        (Demonstration(status=_STATUS), 1),
    )


def _example(statement: Statement, num_options: int, first_id: int) -> Preferences[Statement]:
    options = example_segments(4, num_options, num_steps=NUM_STEPS, seed=first_id)
    sitting = Sitting(name="monday", device="phone", duration_s=60.0, consent="research", instructions="2")
    return Preferences(
        queries=Queries.of(options, first_id=first_id, asked_at=70),
        answers=statement,
        rater=torch.tensor([0, 1, 0, 1]),
        raters=(RaterInfo(name="ann", kind="human", sitting=sitting), RaterInfo(name="script", settings={"beta": 1.0})),
        shown_order=torch.arange(num_options).flip(0).expand(4, -1).clone(),
        seconds=torch.tensor([1.5, 0.0, 2.0, 0.0]),
        criterion=torch.tensor([0, 1, 1, 0]),
        criteria=("better", "safe"),
        revision=torch.tensor([0, 0, 1, 0]),
        event=torch.tensor([17, 0, 0, 0]),
    )


EXAMPLES = {one.kind: _example(one, num_options, 10 * n) for n, (one, num_options) in enumerate(_stated())}
