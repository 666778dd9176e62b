"""Kinds of feedback: what is a statement, and what is none."""

import json
from collections.abc import Callable

import pytest
import torch
from kinds import EXAMPLES

from prefgym.core.kinds import (
    KINDS,
    Comparison,
    Correction,
    Intervention,
    Mark,
    Ranking,
    Rating,
    Statement,
    Status,
    Thumbs,
)


def test_a_ranking_names_the_rank_of_each_option() -> None:
    """Options 2, 0, 1 in this order: option 0 has rank 1, option 1 has rank 2, option 2 has rank 0."""
    ranking = Ranking.of(torch.tensor([[2, 0, 1], [0, 1, 2]]), skipped=torch.tensor([False, True]))
    assert ranking.rank.tolist() == [[1, 2, 0], [-1, -1, -1]]
    assert ranking.best().choice.tolist() == [[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    assert ranking.best().status.tolist() == [int(Status.ANSWERED), int(Status.SKIPPED)]


def test_the_best_of_a_ranking_may_be_several() -> None:
    """Two of three share the choice; if all do, it is a tie."""
    best = Ranking(status=torch.zeros(2, dtype=torch.long), rank=torch.tensor([[0, 0, -1], [0, 0, 0]])).best()
    assert best.choice[0].tolist() == [0.5, 0.5, 0.0]
    assert best.tie.tolist() == [False, True]


def test_a_mark_means_the_steps_of_its_stretch() -> None:
    """Steps 1 and 2 of 4."""
    mark = Mark.of(torch.tensor([1]), torch.tensor([3]), torch.tensor([True]), num_steps=4)
    assert mark.share.tolist() == [[0.0, 1.0, 1.0, 0.0]]


def test_a_press_means_the_steps_before_it() -> None:
    """Pressed at step 2, after 0, 1 or 2 steps with probability .2, .5 and .3; at step 0, what lies before is lost."""
    mark = Mark.of_press(torch.tensor([2, 0]), torch.tensor([True, False]), torch.tensor([0.2, 0.5, 0.3]), num_steps=4)
    assert torch.allclose(mark.share, torch.tensor([[0.3, 0.5, 0.2, 0.0], [0.2, 0.0, 0.0, 0.0]]))
    with pytest.raises(ValueError, match="must sum to 1"):
        Mark.of_press(torch.tensor([2]), torch.tensor([True]), torch.tensor([0.2, 0.5]), num_steps=4)


def test_words_of_corrections_are_padded_to_the_longest() -> None:
    """The ü has two bytes: 3 and 4 bytes."""
    one, other = (
        Correction(
            status=torch.zeros(2, dtype=torch.long),
            action=torch.zeros(2, 3, 1),
            words=Correction.encoded(texts),
        )
        for texts in (["", "abc"], ["", "ab\u00fc"])
    )
    together = Correction.cat([one, other])
    assert together.words.shape == (4, 4)
    assert together.texts == ["", "abc", "", "ab\u00fc"]
    assert together[1:2].rows() == [{"action": [[0.0]] * 3, "words": "abc"}]
    assert Correction.of_rows(together.status, together.rows()).texts == together.texts
    without = Correction(status=torch.zeros(2, dtype=torch.long), action=torch.zeros(2, 3, 1))
    assert Correction.cat([without, one]).texts == ["", "", "", "abc"]


ZERO = torch.zeros(1, dtype=torch.long)
SKIP = torch.ones(1, dtype=torch.long)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Thumbs(status=torch.tensor([4]), reaction=ZERO), "a status must be one of 0"),
        (lambda: Correction(status=ZERO, action=torch.zeros(1, 2, 1), words=torch.zeros(1, 3)), "expected .B, W. of u"),
        (
            lambda: Correction(
                status=ZERO, action=torch.zeros(1, 2, 1), words=torch.full((1, 1), 255, dtype=torch.uint8)
            ),
            "utf-8",
        ),
        (lambda: Thumbs(status=ZERO, reaction=torch.zeros(2)), "do not fit together"),
        (lambda: Thumbs(status=ZERO, reaction=ZERO[:, None]), r"reaction has shape \(1, 1\), expected \(B\)"),
        (lambda: Thumbs(status=ZERO, reaction=ZERO + 0.5), "reaction has the type torch.float32, and not whole"),
        (lambda: Ranking(status=ZERO, rank=ZERO), r"rank has shape \(1,\), expected \(B, \.\.\.\)"),
        (lambda: Thumbs(status=ZERO, reaction=ZERO + 2), "a reaction must be -1"),
        (lambda: Thumbs(status=SKIP, reaction=ZERO + 1), "0 where there is no answer"),
        (lambda: Ranking(status=ZERO, rank=torch.tensor([[1, 2]])), r"must lie in -1\.\.1"),
        (lambda: Ranking(status=ZERO, rank=torch.tensor([[1, -1]])), "must name a best option"),
        (lambda: Ranking(status=SKIP, rank=torch.tensor([[0, 1]])), "-1 where there is no answer"),
        (lambda: Rating(status=ZERO, level=ZERO + 5, num_levels=5), r"a level must lie in 0\.\.4"),
        (lambda: Rating(status=ZERO, level=ZERO, num_levels=1), "a scale has 2 to 1000 levels, not 1"),
        (lambda: Mark(status=ZERO, share=torch.tensor([[0.0, 1.5]]), good=ZERO.bool()), r"must lie in 0\.\.1"),
        (lambda: Mark(status=ZERO, share=torch.zeros(1, 2), good=ZERO.bool()), "must mean a step"),
        (lambda: Mark(status=SKIP, share=torch.ones(1, 2), good=ZERO.bool()), "another one none"),
        (lambda: Intervention(status=ZERO, start=ZERO + 3, end=ZERO + 3), "must have a step"),
        (
            lambda: Comparison(
                status=ZERO, choice=torch.tensor([[1.0, 0.0]]), tie=ZERO.bool(), strength=torch.ones(1) * 2
            ),
            r"a strength must lie in 0\.\.1",
        ),
    ],
)
def test_what_is_no_statement_is_refused(make: Callable[[], Statement], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_goes_to_json_and_back(kind: str) -> None:
    """Row by row, and joined again."""
    whole = EXAMPLES[kind].answers
    rows = json.loads(json.dumps(whole.rows()))
    back = KINDS[kind].of_rows(whole.status, rows)
    assert back.scale == whole.scale
    for name, value in whole.tensors().items():
        assert torch.equal(back.tensors()[name], value), name
    assert len(type(whole).cat([whole[:1], whole[1:]])) == len(whole)
    with pytest.raises(ValueError, match="and nothing else"):
        KINDS[kind].of_rows(whole.status, [{**row, "other": 1} for row in rows])
