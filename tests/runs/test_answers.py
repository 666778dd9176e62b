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
from prefgym.core.segments import Segments
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


IDS = {
    "comparison": "90c99975576df29f67e4c1b90c0cac8d8aa0ef1a2878235e71768749e696d2e1",
    "ranking": "957c2ace16b6b9c0e0c8f97400c3b47b14bcda30e130d46c0a8ce57036fb2d61",
    "rating": "0ebb135aafa7f057d052ebce491c256d97b863a41169390dfd7101f4a7221ad6",
    "thumbs": "86ee1a4b996c5c51095ce890a03d36551d16dd36c5c4cc83b24730ff3f9eba15",
    "mark": "69b84b31cf04adb0a9be480d913e77233e5dcfe82d27800591dc2c9ddfa52a21",
    "intervention": "00a81671e2ad26be9b1ffe985bc085ed77212714632a994a4e6010a85acb795b",
    "correction": "a678f90923de27124077655859d49b4d78907b58e8507e24d7697bd5d0359e29",
    "demonstration": "ed9a4302c1796b0f172233a5d91310bf57dad8c1a352d17a045abd6f4e724b49",
}
"""Ids of answers that somebody may have: none may ever change."""


@pytest.mark.parametrize("kind", KINDS)
def test_ids_stay_what_they_are(kind: str) -> None:
    """Whatever kinds and fields come later: of one segment, or two, of two steps with numbers that are 0.

    A segment is its length as an integer of 64 bits, 3 observations and 2 actions of one number of 32 bits each.
    """
    whole = EXAMPLES[kind][:1]
    num_options = min(whole.queries.num_options, 2)
    options = Segments(
        obs=torch.zeros(1, num_options, 3, 1),
        action=torch.zeros(1, num_options, 2, 1),
        length=torch.full((1, num_options), 2),
        terminated=torch.zeros(1, num_options, dtype=torch.bool),
        truncated=torch.zeros(1, num_options, dtype=torch.bool),
    )
    shown = hashlib.sha256((b"\2" + bytes(7) + bytes(3 * 4) + bytes(2 * 4)) * num_options).hexdigest()
    assert shown_sum(options[0]) == shown
    answer = replace(
        answers_of(whole)[0],
        shown_sha256=shown,
        shown_order="[0]" if num_options == 1 else "[1, 0]",
        query_id=4,
        asked_at=70,
        event=0,
    )
    order = answer.shown_order
    text = f'["{shown}", "{order}", "{kind}", "better", "ann", 4, 70, 0]'
    assert answer.event_id == hashlib.sha256(text.encode()).hexdigest() == IDS[kind]


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
