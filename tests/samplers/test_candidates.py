"""Drawing: every recorded step, no segment against itself, and where candidates are drawn from."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prefgym import samplers
from prefgym.buffers.recorder import Recorder
from prefgym.core.protocols import NoSegmentError
from prefgym.samplers.candidates import SamplerCfg, sample_queries
from prefgym.samplers.sources import AllSteps, RecentSteps

Record = Callable[..., Recorder]
Told = Callable[..., Any]

NAMES = ["uniform", "disagreement", "entropy", "k-center", "disagreement-k-center"]
MAX_DEVIATIONS = 4.5  # of a binomial count; exceeded by chance in 7 of a million draws


@given(
    num_starts=st.integers(1, 6),
    num_queries=st.integers(0, 50),
    num_options=st.integers(2, 4),
    seed=st.integers(0, 2**31),
)
def test_options_differ_wherever_they_can(num_starts: int, num_queries: int, num_options: int, seed: int) -> None:
    """No start is shown twice in a query if there are as many starts as options."""
    starts = torch.arange(num_starts) * 7 + 3
    drawn = sample_queries(starts, num_queries, num_options, torch.Generator().manual_seed(seed))
    assert drawn.shape == (num_queries, num_options)
    assert bool(torch.isin(drawn, starts).all())
    if num_starts >= num_options:
        assert all(len(set(row)) == num_options for row in drawn.tolist())


def test_pairs_are_uniform(generator: torch.Generator) -> None:
    """Of three starts, each of the six ordered pairs is drawn in a sixth of the queries."""
    num_draws = 12_000
    counts = Counter(map(tuple, sample_queries(torch.arange(3), num_draws, 2, generator).tolist()))
    # 12000 / 6 = 2000 +- sqrt(12000 * 1/6 * 5/6) = 41
    assert len(counts) == 6
    assert all(abs(count - 2000) < MAX_DEVIATIONS * 41 for count in counts.values())


def test_nothing_to_draw_from_is_an_error(generator: torch.Generator) -> None:
    """One clear sentence."""
    with pytest.raises(NoSegmentError, match="no segment can be sampled"):
        sample_queries(torch.zeros(0, dtype=torch.long), 3, 2, generator)


@pytest.mark.parametrize("name", NAMES)
def test_every_sampler_draws_every_window_uniformly(
    name: str, record: Record, told: Told, generator: torch.Generator
) -> None:
    """Before the first fit all windows are equally likely: the last ones, and one as long as its episode."""
    # Segments of 3 steps out of truncated episodes of 3, 5 and 2 steps: starts 0; 3, 4, 5; none.
    recorder = record(3, 5, 2)
    sampler = samplers.make(name, segment_length=3)
    for learner in (None, told(is_fitted=False)):
        options = sampler(recorder, learner, 6000, generator)
        assert options.batch_shape == (6000, 2)
        assert bool((options.length == 3).all())
        counts = Counter(options.obs[..., 0, 0].flatten().int().tolist())
        # 12000 / 4 = 3000 +- sqrt(12000 * 1/4 * 3/4) = 47
        assert sorted(counts) == [0, 3, 4, 5]
        assert all(abs(count - 3000) < MAX_DEVIATIONS * 47 for count in counts.values())


@pytest.mark.parametrize("name", NAMES)
def test_windows_cut_at_terminations_are_kept_if_wanted(name: str, record: Record, generator: torch.Generator) -> None:
    """With `keep_short`, every step of a terminated episode starts a segment; without it, only those that have room."""
    recorder = record(4, terminated=True)
    options = samplers.make(name, segment_length=3)(recorder, None, 300, generator)
    lengths = dict(zip(options.obs[..., 0, 0].flatten().int().tolist(), options.length.flatten().tolist()))
    assert lengths == {0: 3, 1: 3, 2: 2, 3: 1}
    options = samplers.make(name, segment_length=3, keep_short=False)(recorder, None, 300, generator)
    assert set(options.obs[..., 0, 0].flatten().int().tolist()) == {0, 1}


@pytest.mark.parametrize("name", NAMES)
def test_recent_steps_are_a_source_of_their_own(name: str, record: Record, generator: torch.Generator) -> None:
    """With `recent_steps` only the latest windows are drawn, by setting or by object."""
    recorder = record(20, 6)
    by_setting = samplers.make(name, segment_length=3, recent_steps=6)
    by_object = samplers.make(name, segment_length=3, source=RecentSteps(6))
    for sampler in (by_setting, by_object):
        options = sampler(recorder, None, 200, generator)
        assert set(options.obs[..., 0, 0].flatten().int().tolist()) == {20, 21, 22, 23}
    options = samplers.make(name, segment_length=3, source=AllSteps())(recorder, None, 300, generator)
    assert int(options.obs[..., 0, 0].min()) == 0


@pytest.mark.parametrize(
    ("name", "num_options"), [(name, num) for name in NAMES for num in (1, 2, 3) if (name, num) != ("entropy", 1)]
)
def test_fitted_samplers_ask_as_many_queries_as_wanted(
    name: str, num_options: int, record: Record, told: Told, generator: torch.Generator
) -> None:
    """With a fitted learner: B queries of K options, with the task reward that raters need, all different."""
    recorder = record(40)
    learner = told(lambda obs: obs / 40, lambda obs: -obs / 20)
    sampler = samplers.make(name, segment_length=5, num_options=num_options)
    options = sampler(recorder, learner, 7, generator)
    assert options.batch_shape == (7, num_options)
    assert options.reward is not None
    first = options.obs[..., 0, 0]
    assert all(len(set(row)) == num_options for row in first.tolist())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("no_global_rng")
def test_draws_come_from_the_generator_given(name: str, record: Record, told: Told) -> None:
    """Same generator, same queries; another one, other queries."""
    recorder, learner = record(40), told(lambda obs: obs / 40, lambda obs: -obs / 20)

    def ask(seed: int) -> list[float]:
        options = samplers.make(name, segment_length=5)(recorder, learner, 9, torch.Generator().manual_seed(seed))
        return options.obs[..., 0, 0].flatten().tolist()

    assert ask(1) == ask(1) != ask(2)


@pytest.mark.parametrize(
    "bad", [{"segment_length": 0}, {"num_options": 0}, {"recent_steps": 0}, {"oversample": 0}, {"keep": 0.0}]
)
def test_settings_have_ranges(bad: dict[str, Any]) -> None:
    """A setting out of range is an error."""
    with pytest.raises(ValueError, match=r"must|two segments"):
        samplers.cfg("disagreement-k-center", **bad)


def test_the_source_is_what_the_settings_say() -> None:
    """All steps unless recent ones are wanted."""
    assert SamplerCfg(recent_steps=None).source == AllSteps()
    assert SamplerCfg(recent_steps=9).source == RecentSteps(9)
