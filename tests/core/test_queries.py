"""Queries: numbering, shapes, selection."""

from dataclasses import replace

import pytest
import torch

from prefgym.core.queries import Queries
from prefgym.testing import example_segments


def test_queries_are_numbered_on() -> None:
    """Numbers go on from the first one given, all asked at the same step."""
    queries = Queries.of(example_segments(3, 2), first_id=10, asked_at=500)
    assert queries.query_id.tolist() == [10, 11, 12]
    assert queries.asked_at.tolist() == [500, 500, 500]
    assert (len(queries), queries.num_options) == (3, 2)


@pytest.mark.parametrize("batch", [(3,), (3, 2, 2)])
def test_a_query_shows_a_segment_or_more(batch: tuple[int, ...]) -> None:
    """Options have a query axis and an option axis."""
    with pytest.raises(ValueError, match="at least one segment"):
        Queries.of(example_segments(*batch))


@pytest.mark.parametrize("name", ["query_id", "asked_at"])
def test_numbers_must_fit(name: str) -> None:
    """An array of another length than the queries is an error that names it."""
    with pytest.raises(ValueError, match=name):
        replace(Queries.of(example_segments(3, 2)), **{name: torch.zeros(2)})


def test_cat_undoes_selection() -> None:
    """Queries keep their numbers through selecting and joining."""
    queries = Queries.of(example_segments(4, 3), first_id=7)
    joined = Queries.cat([queries[[2, 3]], queries[:2]])
    assert joined.query_id.tolist() == [9, 10, 7, 8]
    assert torch.equal(joined.options.obs[0], queries.options.obs[2])


def test_without_truth_reaches_the_options() -> None:
    """What a learner must not see is gone from the options."""
    assert Queries.of(example_segments(2, 2)).without_truth().options.reward is None


def test_no_queries_are_queries() -> None:
    """An empty selection is valid."""
    assert len(Queries.of(example_segments(2, 2))[:0]) == 0
