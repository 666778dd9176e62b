"""Compliance check of raters."""

import json
from collections.abc import Callable

import torch
from torch import Tensor

from prefgym.common.errors import UserError
from prefgym.core import contact
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Statement, Status
from prefgym.core.preferences import Preferences
from prefgym.core.protocols import Rater
from prefgym.core.queries import Queries
from prefgym.raters.immediate import Answerer, as_rater
from prefgym.runs.answers import answers_of
from prefgym.testing.common import global_generators_untouched
from prefgym.testing.examples import example_segments
from prefgym.training.kinds import given_by, num_options_of


def check_rater(make: Callable[[], Rater | Answerer], queries: Queries | None = None, *, max_calls: int = 100) -> None:
    """Check that a rater works with the training loop.

    Args:
        make: Function that makes a fresh rater, or a callable that is one; each call makes the same one, seed included.
        queries: Queries to submit; None for random segments of unequal length with a task reward, as many in a query
            as the kind of feedback that the rater gives is about.
        max_calls: Calls of `collect` within which every query must be answered.

    Raises:
        AssertionError: If it does not; the message names the rule.
    """
    try:
        _check(make, queries, max_calls)
    except UserError as error:  # what the loop would say
        raise AssertionError(str(error)) from error


def _check(make: Callable[[], Rater | Answerer], queries: Queries | None, max_calls: int) -> None:
    with global_generators_untouched("a rater"):
        rater = _made(make)
        if queries is None:
            queries = Queries.of(example_segments(64, num_options_of(given_by(rater), None)), first_id=100)
        before = [value.clone() for value in _tensors(queries)]
        assert rater.collect() is None, "collect() must return None before anything was submitted"
        rater.submit(queries[:0])
        rater.submit(queries)
        answers = _collect_all(rater, len(queries), max_calls)
        _check_answers(rater, queries, answers)
        assert rater.collect() is None, "collect() must return None once everything came back"
        _check_repeats(_made(make), queries, answers, max_calls)
        unchanged = all(torch.equal(old, new) for old, new in zip(before, _tensors(queries)))
        assert unchanged, "a rater must not change the queries it is shown"


def _made(make: Callable[[], Rater | Answerer]) -> Rater:
    made = make()
    rater = as_rater(made) if callable(made) else made
    assert isinstance(rater, Rater), "a rater must have submit(queries) and collect(), or be callable"
    given_by(rater)
    return rater


def _collect_all(rater: Rater, num_queries: int, max_calls: int) -> Feedback:
    parts: list[Feedback] = []
    answered: set[int] = set()
    for _ in range(max_calls):
        if (collected := rater.collect()) is not None:
            contact.check_given(rater, "collect", feedback := contact.as_feedback(rater, "collect", collected))
            parts.append(feedback)
            answered.update(int(number) for number in collected.query_id)
        if len(answered) >= num_queries:
            break
    assert len(answered) == num_queries, f"{len(answered)} of {num_queries} queries came back in {max_calls} calls"
    return Feedback.cat(parts)


def _check_answers(rater: Rater, queries: Queries, feedback: Feedback) -> None:
    known = torch.isin(feedback.query_id, queries.query_id)
    assert bool(known.all()), "answers must be to queries that were submitted"
    ids = [row.event_id for row in answers_of(feedback)]
    assert len(ids) == len({*ids}), "each answer must come back once"
    for part in feedback.parts:
        _check_part(queries, part)


def _check_part(queries: Queries, answers: Preferences[Statement]) -> None:
    number, place = queries.query_id.sort()
    asked, shown = queries[place[torch.searchsorted(number, answers.query_id)]].options, answers.queries.options
    assert torch.equal(asked.obs, shown.obs), "an answer must carry the query it answers"
    assert torch.equal(asked.action, shown.action), "an answer must carry the query it answers"
    known = torch.tensor([int(status) for status in Status])
    assert bool(torch.isin(answers.answers.status, known).all()), f"the status must be one of {list(Status)}"
    positions = torch.arange(queries.num_options).expand(len(answers), -1)
    assert torch.equal(answers.shown_order.sort(-1).values, positions), "shown_order must be a permutation in each row"
    assert bool((answers.seconds >= 0).all()), "seconds must not be negative"
    for info in answers.raters:
        assert info.name, "a rater needs a name"
        json.dumps(info.settings, allow_nan=False)


def _check_repeats(rater: Rater, queries: Queries, answers: Feedback, max_calls: int) -> None:
    rater.submit(queries[:0])
    rater.submit(queries)
    again = _collect_all(rater, len(queries), max_calls)
    one, other = (sorted((row.event_id, row.statement) for row in answers_of(some)) for some in (answers, again))
    assert one == other, "the same rater must answer the same queries in the same way"


def _tensors(queries: Queries) -> list[Tensor]:
    options = queries.options
    arrays = (options.obs, options.action, options.length, options.reward, queries.query_id, queries.asked_at)
    return [array for array in arrays if array is not None]
