"""Feedback of several kinds at once."""

from dataclasses import replace

import pytest
import torch
from kinds import EXAMPLES

from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Comparison, Ranking, Rating
from prefgym.core.preferences import Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.testing import example_segments


def test_answers_of_one_kind_become_one_part() -> None:
    """Of five parts, three kinds; the raters and criteria are merged."""
    one, ranking, rating = EXAMPLES["comparison"], EXAMPLES["ranking"], EXAMPLES["rating"]
    whole = Feedback.cat([one[:1], ranking, Feedback.cat([one[1:], rating[:2]]), rating[2:]])
    assert whole.kinds == (Comparison, Ranking, Rating)
    assert [len(part) for part in whole.parts] == [4, 4, 4]
    assert (len(whole), whole.num_answered, whole.num_ties) == (12, 9, 1)
    assert torch.equal(whole.of_kind(Comparison)[0].query_id, one.query_id)
    assert whole.parts[0].criterion.tolist() == one.criterion.tolist()


def test_other_scales_and_sizes_are_other_parts() -> None:
    """Five levels are not four, and windows of 6 steps are not those of 5."""
    rating = EXAMPLES["rating"]
    other = replace(rating, answers=Rating(status=rating.answers.status, level=torch.zeros(4).long(), num_levels=4))
    assert len(Feedback.cat([rating, other]).of_kind(Rating)) == 2
    shorter = Preferences.of(Queries.of(example_segments(4, 1)), rating.answers, RaterInfo(name="script"))
    assert len(Feedback.cat([rating, shorter]).of_kind(Rating)) == 2


def test_feedback_of_one_part_has_the_fields_of_preferences() -> None:
    one = Feedback.of(EXAMPLES["comparison"])
    assert Feedback.of(one) is one
    assert one.answers is EXAMPLES["comparison"].answers
    assert len(one[:2]) == 2
    several = Feedback.cat([EXAMPLES["comparison"], EXAMPLES["ranking"]])
    with pytest.raises(ValueError, match="feedback of comparison, ranking in 2 parts"):
        _ = several.answers
    assert several.comparisons is not None and Feedback.of(EXAMPLES["thumbs"]).comparisons is None


def test_what_is_superseded_is_not_current() -> None:
    """Ann changes her answer to query 1 twice; Bob's to the same query, and hers about another criterion, stay."""
    queries = Queries.of(example_segments(1, 2), first_id=1)
    rows: list[Preferences] = []
    for name, criterion, revision in (
        ("ann", "better", 0),
        ("bob", "better", 0),
        ("ann", "better", 2),
        ("ann", "safe", 0),
        ("ann", "better", 1),
    ):
        row = Preferences.of(queries, Comparison.of(torch.tensor([0]), 2), RaterInfo(name=name), criterion)
        rows.append(replace(row, revision=torch.tensor([revision])))
    kept = Feedback.cat(rows).current().only
    found = [
        (kept.raters[int(r)].name, kept.criteria[int(c)], int(n))
        for r, c, n in zip(kept.rater, kept.criterion, kept.revision)
    ]
    assert found == [("bob", "better", 0), ("ann", "better", 2), ("ann", "safe", 0)]


def test_queries_of_other_runs_are_other_questions() -> None:
    """Two runs number their queries alike; ann revises her answer in the first one."""
    rows: list[Preferences] = []
    for seed, revisions in ((0, (0, 1)), (1, (0,))):
        queries = Queries.of(example_segments(2, 2, seed=seed))
        one = Preferences.of(queries, Comparison.of(torch.tensor([0, 1]), 2), RaterInfo(name="ann"))
        rows += [replace(one[: 2 - n], revision=torch.full((2 - n,), n)) for n in revisions]
    assert len(Feedback.cat(rows)) == 5 and len(Feedback.cat(rows).current()) == 4


def test_a_revision_may_be_on_another_scale() -> None:
    """Of five levels, and then of four."""
    queries = Queries.of(example_segments(1, 1))
    rows = [
        replace(
            Preferences.of(
                queries,
                Rating(status=torch.zeros(1).long(), level=torch.ones(1).long(), num_levels=5 - n),
                RaterInfo(name="ann"),
            ),
            revision=torch.tensor([n]),
        )
        for n in (0, 1)
    ]
    assert [part.answers.scale for part in Feedback.cat(rows).current().parts] == [(4,)]


def test_rows_without_an_answer_are_left_out() -> None:
    """Of each kind one of four; a part of which nothing is left is none."""
    whole = Feedback.cat([EXAMPLES["comparison"], EXAMPLES["thumbs"][3:]])
    assert [len(part) for part in whole.answered().parts] == [3]


def test_without_truth_reaches_all_parts() -> None:
    whole = Feedback.cat([EXAMPLES["comparison"], EXAMPLES["rating"]]).without_truth()
    assert all(part.queries.options.reward is None for part in whole.parts)
