"""Preferences: four statuses, ties, provenance."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prefgym.core.preferences import Comparison, Preferences, RaterInfo, Status
from prefgym.core.queries import Queries
from prefgym.testing import example_segments


def answered(num_queries: int, name: str = "oracle", first_id: int = 0) -> Preferences:
    """Make preferences in which the first option was always chosen."""
    answers = Comparison.of(torch.zeros(num_queries, dtype=torch.long), 2)
    return Preferences.of(Queries.of(example_segments(num_queries, 2), first_id), answers, RaterInfo(name=name))


def test_statuses_are_four_different_things() -> None:
    """Answered, skipped, failed and invalid are told apart, and a tie is an answer."""
    status = torch.tensor([Status.ANSWERED, Status.ANSWERED, Status.SKIPPED, Status.FAILED, Status.INVALID])
    choice = torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    answers = Comparison(status=status, choice=choice, tie=torch.tensor([False, True, False, False, False]))
    assert answers.answered.tolist() == [True, True, False, False, False]
    assert len({int(one) for one in Status}) == 4


@pytest.mark.parametrize("status", [Status.SKIPPED, Status.FAILED, Status.INVALID])
def test_what_is_not_answered_has_no_choice_and_is_no_tie(status: Status) -> None:
    """A choice or a tie beside any other status than ANSWERED is an error."""
    one = torch.tensor([status])
    with pytest.raises(ValueError, match="sum to 1 where answered"):
        Comparison(status=one, choice=torch.tensor([[0.5, 0.5]]), tie=torch.tensor([False]))
    with pytest.raises(ValueError, match="a tie is an answer"):
        Comparison(status=one, choice=torch.zeros(1, 2), tie=torch.tensor([True]))


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.booleans()), min_size=1, max_size=8))
def test_ties_share_and_skips_have_none(rows: list[tuple[int, bool, bool]]) -> None:
    """Ties are 1/K on each option, skips 0 on each, and a skip wins over a tie."""
    chosen, tie, skipped = (torch.tensor(column) for column in zip(*rows))
    answers = Comparison.of(chosen, 3, tie, skipped)
    for row, (option, is_tie, is_skip) in enumerate(rows):
        if is_skip:
            assert answers.status[row] == Status.SKIPPED and not answers.tie[row]
            assert answers.choice[row].tolist() == [0.0, 0.0, 0.0]
        elif is_tie:
            assert answers.tie[row]
            torch.testing.assert_close(answers.choice[row], torch.full((3,), 1 / 3))
        else:
            assert answers.choice[row].argmax() == option and answers.choice[row].max() == 1.0


def test_arrays_that_do_not_fit_are_named() -> None:
    """A wrong shape is an error that names the array."""
    preferences = answered(3)
    for name in ("rater", "shown_order", "seconds"):
        with pytest.raises(ValueError, match=name):
            replace(preferences, **{name: torch.zeros(5)})
    with pytest.raises(ValueError, match="do not fit together"):
        Comparison(status=torch.zeros(2), choice=torch.zeros(3, 2), tie=torch.zeros(2, dtype=torch.bool))


def test_every_answer_has_a_known_rater() -> None:
    """An index beyond the table of raters is an error."""
    with pytest.raises(ValueError, match="rater 1 is not among the 1 raters"):
        replace(answered(2), rater=torch.tensor([0, 1]))


def test_cat_merges_raters() -> None:
    """Each answer keeps its rater, and equal raters are listed once."""
    joined = Preferences.cat([answered(1, "a"), answered(2, "b", 1), answered(1, "a", 3)])
    assert [info.name for info in joined.raters] == ["a", "b"]
    assert joined.rater.tolist() == [0, 1, 1, 0]
    assert joined.query_id.tolist() == [0, 1, 2, 3]


def test_selection_reaches_every_array() -> None:
    """A mask selects queries, answers and provenance together."""
    preferences = answered(3)
    kept = preferences[torch.tensor([False, True, True])]
    assert kept.query_id.tolist() == [1, 2]
    assert len(kept.answers.status) == len(kept.seconds) == len(kept.shown_order) == 2


def test_no_preferences_are_preferences() -> None:
    """A session that answered nothing has preferences of length 0."""
    nothing = answered(2)[:0]
    assert len(nothing) == 0
    assert len(Preferences.cat([nothing, answered(1)])) == 1


def test_repr_counts() -> None:
    """The representation counts statuses and ties."""
    assert "'answered': 3, 'skipped': 0, 'failed': 0, 'invalid': 0}, 0 ties" in repr(answered(3))


def test_without_truth_reaches_the_options() -> None:
    """What a learner must not see is gone from the options."""
    assert answered(2).without_truth().queries.options.reward is None
