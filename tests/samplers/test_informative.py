"""Disagreement and entropy: worked out by hand, in one pass, and of the right candidates."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from prefgym import samplers
from prefgym.buffers.recorder import Recorder
from prefgym.samplers import informative
from prefgym.samplers.candidates import sample_queries
from prefgym.samplers.informative import choice_probabilities, disagreement, entropy, score_disagreement

Record = Callable[..., Recorder]
Told = Callable[..., Any]
Measure = Callable[[Tensor], Tensor]


def test_disagreement_is_the_deviation_over_members() -> None:
    """Members who say 0.9 and 0.5 deviate by 0.2 from their mean, those who agree by 0."""
    p = torch.tensor([[0.9, 0.3], [0.5, 0.3]])
    torch.testing.assert_close(disagreement(torch.stack([p, 1 - p], -1)), torch.tensor([0.2, 0.0]))


def test_entropy_is_averaged_over_members() -> None:
    """A certain member and one who tosses a coin: (0 + log 2) / 2; members who are sure of opposites: 0."""
    p = torch.tensor([[1.0, 1.0], [0.5, 0.0]])
    torch.testing.assert_close(entropy(torch.stack([p, 1 - p], -1)), torch.tensor([math.log(2) / 2, 0.0]))


def test_disagreement_about_one_segment_is_that_of_standardised_scores() -> None:
    """Members who score 0, 2, 4 and 5, 0, 10: standardised -1, 0, 1 and 0, -1, 1, each times sqrt(3/2).

    Their deviations over two members are half their distances: 1/2, 1/2 and 0, times sqrt(3/2).
    """
    found = score_disagreement(torch.tensor([[0.0, 2.0, 4.0], [5.0, 0.0, 10.0]]))
    torch.testing.assert_close(found, torch.tensor([0.5, 0.5, 0.0]) * 1.5**0.5)


def test_entropy_needs_a_choice() -> None:
    with pytest.raises(ValueError, match="one segment is none: pass --sampler disagreement"):
        samplers.cfg("entropy", num_options=1)


@given(seed=st.integers(0, 2**31), num_options=st.integers(2, 4))
def test_the_order_of_options_does_not_matter(seed: int, num_options: int) -> None:
    """Both measures are the same for options in any order."""
    generator = torch.Generator().manual_seed(seed)
    p = torch.randn(3, 5, num_options, generator=generator).softmax(-1)
    for measure in (disagreement, entropy):
        torch.testing.assert_close(measure(p), measure(p.flip(-1)))


def test_probabilities_are_those_of_the_members(record: Record, told: Told, scoring_told: Told) -> None:
    """P(first) = 1 / (1 + exp(R2 - R1)), R being summed over valid steps, or the learner's own score."""
    recorder = record(3, terminated=True)  # observations 0, 1, 2
    members = (lambda obs: obs + 1.0, lambda obs: -obs)  # give in padding too: must not count
    candidates = torch.tensor([[0, 1], [2, 0]])
    # R of the segment from 0 (2 steps): 1 + 2 = 3 and -0 - 1 = -1; from 1: 2 + 3 = 5 and -3; from 2 (cut): 3 and -2
    differences = torch.tensor([[3.0 - 5.0, 3.0 - 3.0], [-1.0 + 3.0, -2.0 + 1.0]])
    p = choice_probabilities(recorder, told(*members), candidates, 2)
    torch.testing.assert_close(p[..., 0], differences.sigmoid())
    torch.testing.assert_close(p.sum(-1), torch.ones(2, 2))
    p = choice_probabilities(recorder, scoring_told(*members), candidates, 2)
    torch.testing.assert_close(p[..., 0], (10 * differences).sigmoid())


@pytest.mark.parametrize("chunk_steps", [1, 7, 10_000])
def test_chunks_change_nothing(
    chunk_steps: int, record: Record, told: Told, generator: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many steps the learner sees at once, each candidate is seen once and thought the same of."""
    recorder, learner = record(30), told(torch.sin, torch.cos)
    candidates = torch.randint(27, (23, 2), generator=generator)
    whole = choice_probabilities(recorder, learner, candidates, 3)
    learner.num_segments = 0
    monkeypatch.setattr(informative, "CHUNK_STEPS", chunk_steps)
    assert torch.equal(choice_probabilities(recorder, learner, candidates, 3), whole)
    assert learner.num_segments == 23 * 2


@pytest.mark.parametrize(("name", "measure"), [("disagreement", disagreement), ("entropy", entropy)])
def test_the_best_candidates_are_asked(name: str, measure: Measure, record: Record, told: Told) -> None:
    """What is asked measures highest among all candidates, and candidates are ten to a query."""
    recorder, learner = record(60), told(torch.sin, torch.cos, lambda obs: obs / 30)
    options = samplers.make(name, segment_length=3)(recorder, learner, 5, torch.Generator().manual_seed(1))
    assert learner.num_segments == 10 * 5 * 2
    starts = recorder.starts(3)
    candidates = sample_queries(starts, 50, 2, torch.Generator().manual_seed(1))
    values = measure(choice_probabilities(recorder, learner, candidates, 3))
    best = candidates[values.argsort(descending=True)[:5]]
    assert torch.equal(options.obs[..., 0, 0], recorder.segments(best, 3).obs[..., 0, 0])


def test_one_member_disagrees_with_nobody(record: Record, told: Told, generator: torch.Generator) -> None:
    """An ensemble of one gives disagreement 0, not NaN, and queries all the same."""
    options = samplers.make("disagreement", segment_length=3)(record(30), told(torch.sin), 4, generator)
    assert options.batch_shape == (4, 2)


def test_a_learned_reward_that_is_not_finite_is_an_error(
    record: Record, told: Told, generator: torch.Generator
) -> None:
    """A NaN stops the run and names where it was met."""
    learner = told(lambda obs: obs / 0.0)
    with pytest.raises(ValueError, match="learner's score of the sampler's candidates is not finite"):
        samplers.make("entropy", segment_length=3)(record(30), learner, 4, generator)
