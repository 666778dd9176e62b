"""Answers of several people to one question: the arithmetic, by hand."""

import math

import pytest
import torch

from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Comparison, Ranking, Rating, Statement, Thumbs
from prefgym.core.preferences import Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.testing import example_segments
from prefgym.training.combine import combined, gold_weights

PEOPLE = ("ann", "bo", "cy")


def said(answers: Statement, num_options: int, records: dict[str, tuple[int, int]] | None = None) -> Feedback:
    """Let ann, bo and cy each answer one question, with their records on gold: right, and asked."""
    one = example_segments(1, num_options)
    queries = Queries(
        options=one[torch.zeros(3, dtype=torch.long)], query_id=torch.zeros(3).long(), asked_at=torch.zeros(3).long()
    )
    records = records or {}
    infos = [
        RaterInfo(
            name=name,
            kind="human",
            settings={"gold_right": records[name][0], "gold_asked": records[name][1]} if name in records else {},
        )
        for name in PEOPLE
    ]
    part = Preferences(
        queries=queries,
        answers=answers,
        rater=torch.arange(3),
        raters=tuple(infos),
        shown_order=torch.arange(num_options).repeat(3, 1),
        seconds=torch.zeros(3),
        event=torch.arange(1, 4),
    )
    return Feedback((part,))


def choices(*chosen: int) -> Comparison:
    """Return choices between two options; -1 is a tie."""
    index = torch.tensor(chosen)
    return Comparison.of(index.clamp(min=0), 2, tie=index < 0)


def test_each_stays_apart() -> None:
    feedback = said(choices(0, 0, 1), 2)
    assert combined(feedback, "each") is feedback


@pytest.mark.parametrize(
    ("chosen", "shares", "tie"),
    [((0, 0, 1), [1.0, 0.0], False), ((1, -1, 1), [0.0, 1.0], False), ((0, 1, -1), [0.5, 0.5], True)],
)
def test_majority_of_choices(chosen: tuple[int, ...], shares: list[float], tie: bool) -> None:
    part = combined(said(choices(*chosen), 2), "majority").only
    assert part.answers.choice.tolist() == [shares] and part.answers.tie.tolist() == [tie]
    assert part.raters[int(part.rater[0])].name == "several"


def test_majority_of_other_kinds() -> None:
    """The mean order of a ranking, the median level, and the most frequent reaction."""
    status = torch.zeros(3, dtype=torch.long)
    order = Ranking(status=status, rank=torch.tensor([[0, 1, 2], [0, 2, 1], [1, 0, 2]]))  # means 1/3, 1, 5/3
    assert combined(said(order, 3), "majority").parts[0].answers.tensors()["rank"].tolist() == [[0, 1, 2]]
    level = Rating(status=status, level=torch.tensor([0, 4, 3]), num_levels=5)
    assert combined(said(level, 1), "majority").parts[0].answers.tensors()["level"].tolist() == [3]
    reaction = Thumbs(status=status, reaction=torch.tensor([1, -1, 1]))
    assert combined(said(reaction, 1), "majority").parts[0].answers.tensors()["reaction"].tolist() == [1]
    split = Thumbs(status=status, reaction=torch.tensor([1, -1, 0]))
    assert combined(said(split, 1), "majority").parts == ()


def test_weights_by_gold() -> None:
    """ann: 7 of 8 right, p = 8/10, log 4. bo: 1 of 2, p = 2/4, 0. cy: 2 of 2, p = 3/4, log 3."""
    feedback = said(choices(0, 1, 1), 2, {"ann": (7, 8), "bo": (1, 2), "cy": (2, 2)})
    weights = gold_weights(feedback)
    assert weights == pytest.approx({"ann": math.log(4), "bo": 0.0, "cy": math.log(3)})
    part = combined(feedback, "gold").only
    share = math.log(4) / (math.log(4) + math.log(3))
    assert part.answers.choice.tolist() == [pytest.approx([share, 1 - share])]


def test_nobody_has_a_record() -> None:
    """Then all count the same."""
    part = combined(said(choices(0, 1, 1), 2), "gold").only
    assert part.answers.choice.tolist() == [pytest.approx([1 / 3, 2 / 3])]


def test_who_is_worse_than_chance_does_not_count() -> None:
    feedback = said(choices(0, 1, 1), 2, {"ann": (3, 3), "bo": (0, 5), "cy": (0, 5)})
    assert combined(feedback, "gold").only.answers.choice.tolist() == [[1.0, 0.0]]


def test_the_latest_record_counts() -> None:
    """The same person under a newer record: that of the later event."""
    first = said(choices(0, 1, 1), 2, {"ann": (0, 1)})
    later = said(choices(0, 1, 1), 2, {"ann": (7, 8)})
    later = Feedback((later.only[torch.tensor([0])],))
    newer = later.only
    renewed = Preferences(
        queries=newer.queries,
        answers=newer.answers,
        rater=newer.rater,
        raters=newer.raters,
        shown_order=newer.shown_order,
        seconds=newer.seconds,
        event=torch.tensor([9]),
    )
    assert gold_weights(Feedback.cat([first, renewed]))["ann"] == pytest.approx(math.log(4))
