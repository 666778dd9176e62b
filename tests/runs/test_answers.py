"""Answers in plain values, and their identity."""

import hashlib
import json
from dataclasses import replace

import pytest
import torch
from kinds import EXAMPLES

from prefgym.core.feedback import Feedback
from prefgym.core.kinds import KINDS, Comparison
from prefgym.core.preferences import Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.runs.answers import answers_of, feedback_of, shown_sum
from prefgym.testing import example_segments


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_goes_to_plain_values_and_back(kind: str) -> None:
    """With raters and their sittings, criteria, revisions and events."""
    whole = EXAMPLES[kind].without_truth()
    options = {shown_sum(one): one for one in (whole.queries.options[row] for row in range(len(whole)))}
    back = feedback_of(answers_of(whole), options)
    assert answers_of(back) == answers_of(whole)
    assert back.raters == whole.raters
    assert torch.equal(back.queries.options.obs, whole.queries.options.obs)


def ids(preferences: Preferences) -> list[str]:
    """Return the ids of answers."""
    return [answer.event_id for answer in answers_of(preferences)]


def test_an_answer_is_known_by_what_was_shown_and_asked() -> None:
    """Other segments, the same ones exchanged, another rater, criterion, step or revision make another id."""
    queries = Queries.of(example_segments(3, 2), asked_at=10)
    one = Preferences.of(queries, Comparison.of(torch.tensor([0, 1, 0]), 2), RaterInfo(name="me"))
    others = (
        replace(one, queries=Queries.of(example_segments(3, 2, seed=1), asked_at=10)),
        replace(one, queries=replace(queries, options=queries.options[:, [1, 0]])),
        replace(one, queries=Queries.of(example_segments(3, 2), asked_at=11)),
        replace(one, queries=Queries.of(example_segments(3, 2), first_id=3, asked_at=10)),
        replace(one, raters=(RaterInfo(name="you"),)),
        replace(one, criteria=("safe",)),
        replace(one, revision=torch.ones(3, dtype=torch.long)),
        replace(one, event=torch.tensor([1, 2, 3])),
        replace(one, shown_order=one.shown_order.flip(1)),
    )
    assert len({name for told in (one, *others) for name in ids(told)}) == 30
    shown = shown_sum(queries.options[0])
    values = [shown, "[0, 1]", "comparison", "better", "me", 0, 10, 0]
    assert ids(one)[0] == hashlib.sha256(json.dumps(values).encode()).hexdigest()  # as docs/feedback.md says


def test_the_id_is_that_of_the_question_and_not_of_the_answer() -> None:
    """A rater that answers otherwise, or takes longer, or has other settings, is asked the same."""
    queries = Queries.of(example_segments(3, 2), asked_at=10)
    one = Preferences.of(queries, Comparison.of(torch.tensor([0, 1, 0]), 2), RaterInfo(name="me"))
    other = Preferences.of(queries, Comparison.of(torch.tensor([1, 1, 1]), 2), RaterInfo(name="me", settings={"b": 1}))
    assert ids(one) == ids(replace(other, seconds=torch.ones(3)))


def test_the_id_of_an_event_is_that_of_the_store() -> None:
    """Whatever run uses it, at whatever step."""
    options = example_segments(1, 2)
    one, other = (
        replace(
            Preferences.of(
                Queries.of(options, first_id=first, asked_at=step), Comparison.of(torch.tensor([0]), 2),
                RaterInfo(name="me", kind="human"),
            ),
            event=torch.tensor([7]),
        )
        for first, step in ((0, 10), (4, 99))
    )  # fmt: skip
    assert ids(one) == ids(other)


def test_an_answer_names_the_one_that_it_supersedes() -> None:
    queries = Queries.of(example_segments(1, 2))
    first = Preferences.of(queries, Comparison.of(torch.tensor([0]), 2), RaterInfo(name="me"))
    second = replace(first, revision=torch.tensor([1]))
    assert [answers_of(some)[0].supersedes for some in (first, second)] == [None, ids(first)[0]]


def test_a_row_of_an_unknown_kind_is_refused() -> None:
    whole = EXAMPLES["thumbs"]
    rows = [replace(answer, kind="smile") for answer in answers_of(whole)]
    with pytest.raises(ValueError, match="'smile' is none of the kinds comparison, ranking"):
        feedback_of(rows, {})
    assert Feedback.of(whole).kinds
