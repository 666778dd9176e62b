"""Coverage: greedy centers by hand, and of the disputed half."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from prefgym import samplers
from prefgym.buffers.recorder import Recorder
from prefgym.core.segments import Segments
from prefgym.samplers.candidates import sample_queries
from prefgym.samplers.informative import choice_probabilities, disagreement
from prefgym.samplers.k_center import k_center

Record = Callable[..., Recorder]
Told = Callable[..., Any]


def line(*points: float) -> Tensor:
    """Make points on a line. Shape: (N, 1)."""
    return torch.tensor(points, dtype=torch.float32).unsqueeze(-1)


NOTHING = line()


def test_centers_are_the_farthest_points() -> None:
    """Nothing covered: the first point; then always the one farthest from all chosen."""
    # 0; 10 (10 away); 5 (5 away from 0 and 10); 1 and 6 (1 away), the earlier one
    assert k_center(line(0, 1, 5, 6, 10), 4, NOTHING).tolist() == [0, 4, 2, 1]


def test_what_was_asked_counts_as_covered() -> None:
    """Points near the covered ones come last."""
    # distances to 0 and 10: 1, 4, 1, 0; then from 4 too: 1, -, 1, 0
    assert k_center(line(1, 4, 9, 10), 3, line(0, 10)).tolist() == [1, 0, 2]


def test_equal_points_are_not_chosen_twice() -> None:
    """All centers are different rows, even if nothing is left to cover."""
    assert sorted(k_center(torch.zeros(4, 2), 4, NOTHING.expand(0, 2)).tolist()) == [0, 1, 2, 3]


@given(seed=st.integers(0, 2**31), num_points=st.integers(2, 12), dim=st.integers(1, 3), num_covered=st.integers(0, 3))
def test_greedy_choice_agrees_with_its_definition(seed: int, num_points: int, dim: int, num_covered: int) -> None:
    """Each center is as far from all earlier ones as any point can be."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(num_points, dim, generator=generator) + 100.0
    covered = torch.randn(num_covered, dim, generator=generator) + 100.0
    chosen = k_center(points, num_points, covered)
    assert sorted(chosen.tolist()) == list(range(num_points))
    for i in range(0 if num_covered else 1, num_points):
        before = torch.cat([covered, points[chosen[:i]]])
        nearest = torch.cdist(points, before, compute_mode="donot_use_mm_for_euclid_dist").amin(-1)
        assert nearest[chosen[i]] >= nearest.max() - 1e-3


def test_queries_spread_over_what_was_seen(record: Record, told: Told) -> None:
    """Segments of one step: a query is a point in the plane, and the chosen ones are the greedy centers."""
    recorder, learner = record(50), told(torch.sin)
    sampler = samplers.make("k-center", segment_length=1)
    options = sampler(recorder, learner, 5, torch.Generator().manual_seed(2))
    assert learner.num_segments == 0  # the learner is not asked
    candidates = recorder.segments(sample_queries(recorder.starts(1), 50, 2, torch.Generator().manual_seed(2)), 1)
    chosen = k_center(candidates.obs.flatten(1), 5, torch.zeros(0, 4))
    assert torch.equal(options.obs, candidates.obs[chosen])


@pytest.mark.parametrize("name", ["k-center", "disagreement-k-center"])
def test_options_asked_before_are_kept_away_from(name: str, record: Record, told: Told) -> None:
    """If the first queries are covered, others are asked."""
    recorder, learner = record(50), told(torch.sin, torch.cos)

    def ask(asked: Segments | None) -> list[float]:
        sampler = samplers.make(name, segment_length=1, asked=lambda: asked)
        return sampler(recorder, learner, 3, torch.Generator().manual_seed(2)).obs[:, :, 0, 0].tolist()

    first = ask(None)
    covered = samplers.make(name, segment_length=1)(recorder, learner, 3, torch.Generator().manual_seed(2))
    assert all(query not in first for query in ask(covered))


def test_coverage_chooses_from_the_disputed_half(record: Record, told: Told) -> None:
    """Of ten candidates a query, the five of highest disagreement are covered."""
    recorder, learner = record(60), told(torch.sin, torch.cos)
    sampler = samplers.make("disagreement-k-center", segment_length=2)
    options = sampler(recorder, learner, 4, torch.Generator().manual_seed(3))
    candidates = sample_queries(recorder.starts(2), 40, 2, torch.Generator().manual_seed(3))
    half = disagreement(choice_probabilities(recorder, learner, candidates, 2)).topk(20).indices
    disputed = recorder.segments(candidates[half], 2)
    chosen = k_center(disputed.obs.flatten(1), 4, torch.zeros(0, 6))
    assert torch.equal(options.obs, disputed.obs[chosen])
