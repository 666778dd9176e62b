"""Agreement of several answers to the same query, by hand."""

from dataclasses import replace

import numpy as np
import torch

from prefgym.core.preferences import Comparison, Preferences, RaterInfo, Sitting
from prefgym.core.queries import Queries
from prefgym.report.feedback.agreement import Agreement, Numbers, agreement, questions_of
from prefgym.testing import example_segments

RATERS = tuple(RaterInfo(name=name) for name in ("ann", "bob", "cy"))


def answered(choice: list[list[float]], rater: list[int], tie: list[bool] | None = None) -> Preferences:
    """Make answers of raters; a choice of zeros is a skip."""
    share = torch.tensor(choice)
    ties = torch.tensor(tie or [False] * len(choice))
    answers = Comparison(status=(share.sum(-1) == 0).long(), choice=share, tie=ties)
    told = Preferences.of(Queries.of(example_segments(len(choice), 2)), answers, RATERS[0])
    return replace(told, rater=torch.tensor(rater), raters=RATERS)


def between_raters(told: Preferences, question: Numbers) -> Agreement | None:
    return agreement([told], [question])[0]


def within_raters(told: Preferences, question: Numbers) -> Agreement | None:
    return agreement([told], [question])[1]


def test_three_raters_of_a_query_make_three_pairs() -> None:
    """Two chose the first option, one called a tie: one pair of three agrees. The second query has one answer."""
    told = answered([[1, 0], [1, 0], [0.5, 0.5], [0, 1]], [0, 1, 2, 0], [False, False, True, False])
    question = np.array([0, 0, 0, 1])
    assert between_raters(told, question) == Agreement(share=1 / 3, num=3)
    assert within_raters(told, question) is None


def test_a_shared_choice_agrees_by_its_share() -> None:
    """[0.75, 0.25] and [1, 0]: 0.75; a tie is no shared choice, so that of two ties one agrees wholly."""
    told = answered([[0.75, 0.25], [1, 0], [0.5, 0.5], [0.5, 0.5]], [0, 1, 0, 1], [False, False, True, True])
    found = between_raters(told, np.array([0, 0, 1, 1]))
    assert found == Agreement(share=(0.75 + 1) / 2, num=2)


def test_answers_of_one_rater_are_its_own_pairs() -> None:
    """Ann says A, A, B to one query: one of her three pairs agrees. Bob says A: two of his three pairs with her do."""
    told = answered([[1, 0], [1, 0], [0, 1], [1, 0]], [0, 0, 0, 1])
    question = np.zeros(4, np.int64)
    assert within_raters(told, question) == Agreement(share=1 / 3, num=3)
    assert between_raters(told, question) == Agreement(share=2 / 3, num=3)


def test_what_was_not_answered_agrees_with_nothing() -> None:
    told = answered([[1, 0], [0, 0], [0, 0], [0, 0]], [0, 1, 0, 1])
    assert between_raters(told, np.array([0, 0, 1, 1])) is None
    assert between_raters(told[told.rater > 9], np.array([], np.int64)) is None


def test_queries_are_the_same_that_show_the_same() -> None:
    """By their segments, whatever their numbers; a step less is another query."""
    told = answered([[1, 0]] * 3, [0, 0, 1])
    both = Preferences.cat([told, replace(told, queries=replace(told.queries, query_id=told.query_id + 7))])
    assert questions_of([both])[0].tolist() == [0, 1, 2, 0, 1, 2]
    options = example_segments(1, 2, equal_lengths=True)
    shorter = replace(options, length=options.length - torch.tensor([[0, 1]]))
    one, other = (Preferences.of(Queries.of(shown), told[:1].answers, RATERS[0]) for shown in (options, shorter))
    assert questions_of([Preferences.cat([one, other])])[0].tolist() == [0, 1]


def test_parts_share_the_numbers_of_their_queries_and_add_their_pairs() -> None:
    """One pair that agrees in the first part, and one in the second that does not."""
    alike, unlike = answered([[1, 0], [1, 0]], [0, 1]), answered([[1, 0], [0, 1]], [0, 1])
    assert [part.tolist() for part in questions_of([alike, unlike])] == [[0, 1], [0, 1]]
    question = np.zeros(2, np.int64)
    assert agreement([alike, unlike], [question, question]) == (Agreement(share=0.5, num=2), None)


def test_answers_by_another_criterion_are_not_compared() -> None:
    told = replace(answered([[1, 0], [0, 1]], [0, 1]), criteria=("better", "safer"), criterion=torch.tensor([0, 1]))
    assert between_raters(told, np.zeros(2, np.int64)) is None


def test_a_person_of_two_sittings_is_one_rater() -> None:
    ann = replace(RATERS[0], sitting=Sitting(name="monday"))
    told = replace(answered([[1, 0], [1, 0]], [0, 1]), raters=(ann, replace(ann, sitting=Sitting(name="tuesday"))))
    question = np.zeros(2, np.int64)
    assert between_raters(told, question) is None
    assert within_raters(told, question) == Agreement(share=1.0, num=1)
