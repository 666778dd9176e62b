"""Segments: shapes, masks, and what survives indexing and joining."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prefgym.core.segments import Segments
from prefgym.testing import example_segments


def full(*batch: int) -> Segments:
    """Make segments that carry everything a segment can carry."""
    segments = example_segments(*batch, num_steps=4)
    return replace(
        segments,
        factors={"forward": torch.ones(*batch, 4), "control": torch.zeros(*batch, 4)},
        state=torch.zeros(*batch, 5, 7, dtype=torch.float64),
        frames=torch.zeros(*batch, 4, 2, 2, 3, dtype=torch.uint8),
        origin=torch.zeros(*batch, 2, dtype=torch.long),
    )


def test_mask_marks_valid_steps() -> None:
    """A segment of length L has its first L steps valid."""
    segments = replace(example_segments(2, num_steps=3), length=torch.tensor([1, 3]))
    assert segments.mask.tolist() == [[True, False, False], [True, True, True]]


@given(batch=st.lists(st.integers(1, 3), min_size=1, max_size=3), num_steps=st.integers(1, 6))
def test_any_batch_axes_are_taken(batch: list[int], num_steps: int) -> None:
    """Batch shape and number of steps are read off the arrays."""
    segments = example_segments(*batch, num_steps=num_steps)
    assert segments.batch_shape == tuple(batch)
    assert segments.num_steps == num_steps
    assert len(segments) == batch[0]
    assert torch.equal(segments.mask.sum(-1), segments.length)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("obs", (2, 4, 3)),
        ("length", (3,)),
        ("terminated", (2, 4)),
        ("truncated", (1,)),
        ("reward", (2, 5)),
        ("origin", (2, 3)),
        ("state", (2, 4, 7)),
        ("frames", (2, 5, 2, 2, 3)),
    ],
)
def test_arrays_that_do_not_fit_are_named(name: str, shape: tuple[int, ...]) -> None:
    """A wrong shape is an error that names the array."""
    with pytest.raises(ValueError, match=f"^{name}"):
        replace(full(2), **{name: torch.zeros(shape)})


def test_factors_that_do_not_fit_are_named() -> None:
    """A factor of a wrong shape is an error that names it."""
    with pytest.raises(ValueError, match="factors\\['forward'\\]"):
        replace(full(2), factors={"forward": torch.zeros(2, 5)})


@pytest.mark.parametrize("length", [0, 5])
def test_lengths_lie_within_the_window(length: int) -> None:
    """A segment has at least one step and at most T."""
    with pytest.raises(ValueError, match="segment lengths"):
        replace(full(2), length=torch.tensor([1, length]))


def test_indexing_reaches_every_array() -> None:
    """An index picks the same segments from every array."""
    segments = full(5, 2)
    picked = segments[torch.tensor([3, 0])]
    assert picked.batch_shape == (2, 2)
    assert torch.equal(picked.obs, segments.obs[[3, 0]])
    assert picked.reward is not None and segments.reward is not None
    assert torch.equal(picked.reward, segments.reward[[3, 0]])
    assert picked.factors.keys() == segments.factors.keys()
    assert picked.state is not None and picked.state.shape == (2, 2, 5, 7)
    assert segments[:0].batch_shape == (0, 2)


def test_cat_undoes_splitting() -> None:
    """Parts put together again are the whole, to the bit."""
    segments = full(5)
    joined = Segments.cat([segments[:2], segments[2:]])
    assert torch.equal(joined.obs, segments.obs)
    assert torch.equal(joined.length, segments.length)
    assert joined.state is not None and joined.state.dtype == torch.float64


def test_cat_drops_what_a_part_lacks() -> None:
    """A reward, a state or a factor that one part lacks is dropped from all."""
    segments = full(2)
    other = replace(segments, state=None, factors={"control": segments.factors["control"]})
    joined = Segments.cat([segments, other])
    assert joined.state is None
    assert list(joined.factors) == ["control"]
    assert joined.reward is not None


def test_stack_makes_an_axis() -> None:
    """Stacking K groups of B segments along axis 1 makes B queries of K options."""
    assert Segments.stack([full(3), full(3)], dim=1).batch_shape == (3, 2)


def test_without_truth_leaves_what_a_learner_may_see() -> None:
    """Task reward, factors, physics state and pictures go; the rest stays."""
    bare = full(2).without_truth()
    assert (bare.reward, bare.factors, bare.state, bare.frames) == (None, {}, None, None)
    assert bare.origin is not None


def test_repr_shows_shapes() -> None:
    """The representation shows shapes, not numbers, and leaves out what is not there."""
    text = repr(example_segments(2, num_steps=4))
    assert "obs=(2, 5, 3)" in text and "state" not in text


def test_segments_get_other_padding() -> None:
    """Two more steps of zeros, and back; a segment is never cut."""
    segments = example_segments(3, num_steps=4, equal_lengths=True)
    segments = replace(segments, state=torch.ones(3, 5, 2), frames=torch.ones(3, 4, 2, 2, 3, dtype=torch.uint8))
    longer = segments.with_steps(6)
    assert longer.obs.shape == (3, 7, 3) and longer.action.shape == (3, 6, 2)
    assert longer.state is not None and longer.state[:, :, 0].tolist() == [[1, 1, 1, 1, 1, 0, 0]] * 3
    assert longer.frames is not None and longer.frames[:, :, 0, 0, 0].tolist() == [[1, 1, 1, 1, 0, 0]] * 3
    back = longer.with_steps(4)
    assert torch.equal(back.obs, segments.obs) and torch.equal(back.length, segments.length)
    with pytest.raises(ValueError, match=r"segment lengths must lie in 1\.\.3"):
        segments.with_steps(3)
