"""Comparison of feedback, to the last bit."""

import torch

from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Statement
from prefgym.core.preferences import Preferences
from prefgym.core.segments import Segments
from prefgym.runs.answers import answers_of


def assert_same_feedback(one: Feedback | Preferences[Statement], other: Feedback | Preferences[Statement]) -> None:
    """Compare all answers and all arrays of the segments, part by part."""
    assert answers_of(one) == answers_of(other)
    assert len(one.parts) == len(other.parts)
    for part, there in zip(one.parts, other.parts):
        assert type(part.answers) is type(there.answers) and part.answers.scale == there.answers.scale
        assert_same_segments(part.queries.options, there.queries.options)


def assert_same_segments(one: Segments, other: Segments) -> None:
    """Compare all arrays, and their types."""
    for name, value in vars(one).items():
        there = getattr(other, name)
        if isinstance(value, torch.Tensor):
            assert value.dtype == there.dtype and torch.equal(value, there), name
        else:
            assert (value is None) == (there is None), name
    assert one.factors.keys() == other.factors.keys()
    assert all(torch.equal(value, other.factors[name]) for name, value in one.factors.items())
