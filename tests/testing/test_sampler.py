"""Our samplers pass their check, and what is broken is found."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from prefgym import samplers
from prefgym.core.protocols import Learner, NoSegmentError, Recorder
from prefgym.core.segments import Segments
from prefgym.samplers.uniform import UniformSampler, UniformSamplerCfg
from prefgym.testing import check_sampler, example_recorder


@pytest.mark.parametrize(
    ("name", "num_options"),
    [(name, num) for name in samplers.names() for num in (None, 1, 2, 3) if (name, num) != ("entropy", 1)],
)
def test_our_samplers_pass(name: str, num_options: int | None) -> None:
    settings = {} if name == "uniform" else {"oversample": 3}
    check_sampler(lambda: samplers.make(name, segment_length=4, num_options=num_options, **settings))


class Sound(UniformSampler):
    """A sampler for others to break."""

    def __init__(self) -> None:
        super().__init__(UniformSamplerCfg(segment_length=4))


class NoOption(Sound):
    """Nothing to look at."""

    def __call__(self, recorder: Recorder, learner: Learner | None, num_queries: int, generator: Generator) -> Segments:
        return super().__call__(recorder, learner, num_queries, generator)[:, :0]


class OneTooMany(Sound):
    """More questions than were wanted."""

    def __call__(self, recorder: Recorder, learner: Learner | None, num_queries: int, generator: Generator) -> Segments:
        return super().__call__(recorder, learner, num_queries + 1, generator)


class Patched(Sound):
    """The end of each segment is that of another one."""

    def __call__(self, recorder: Recorder, learner: Learner | None, num_queries: int, generator: Generator) -> Segments:
        options = super().__call__(recorder, learner, num_queries, generator)
        return replace(options, obs=torch.cat([options.obs[..., :2, :], options.obs.flip(1)[..., 2:, :]], -2))


class Blind(Sound):
    """Raters see no reward."""

    def __call__(self, recorder: Recorder, learner: Learner | None, num_queries: int, generator: Generator) -> Segments:
        return super().__call__(recorder, learner, num_queries, generator).without_truth()


class Moody(Sound):
    """Draws go on from one call to the next."""

    own = Generator().manual_seed(0)

    def __call__(self, recorder: Recorder, learner: Learner | None, num_queries: int, generator: Generator) -> Segments:
        return super().__call__(recorder, learner, num_queries, self.own)


class ShowsTruth(Sound):
    """The learner is shown the task reward."""

    def __call__(self, recorder: Recorder, learner: Learner | None, num_queries: int, generator: Generator) -> Segments:
        options = super().__call__(recorder, learner, num_queries, generator)
        if learner is not None and learner.is_fitted:
            learner.reward(options)
        return options


class Careless:
    """Nothing recorded is no case it knows."""

    def __call__(self, recorder: Recorder, learner: Learner | None, num_queries: int, generator: Generator) -> Segments:
        starts = recorder.starts(4)
        return recorder.segments(starts[torch.randint(len(starts), (num_queries, 2), generator=generator)], 4)


class Inventive(Sound):
    """Where nothing can be drawn, it makes something up."""

    def __call__(self, recorder: Recorder, learner: Learner | None, num_queries: int, generator: Generator) -> Segments:
        try:
            return super().__call__(recorder, learner, num_queries, generator)
        except NoSegmentError:
            return super().__call__(example_recorder(), learner, num_queries, generator)


class GlobalNoise(Sound):
    """A number is drawn that belongs to nobody."""

    def __call__(self, recorder: Recorder, learner: Learner | None, num_queries: int, generator: Generator) -> Segments:
        torch.rand(1)
        return super().__call__(recorder, learner, num_queries, generator)


class Counts(Sound):
    """Starts are no segments."""

    def __call__(self, recorder: Recorder, *_: Any) -> Tensor:  # noqa: ANN401  # pyright: ignore[reportIncompatibleMethodOverride]
        return recorder.starts(4)


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (NoOption, r"batch shape \(5, K\), K of 1 or more, for 5 queries, not \(5, 0\)"),
        (OneTooMany, r"not \(6, 2\)"),
        (Patched, "a window of one recorded episode"),
        (Blind, "must carry the task reward"),
        (Moody, "the same generator must lead to the same segments"),
        (ShowsTruth, "must show the learner no truth"),
        (Careless, "must raise NoSegmentError while there is no segment to sample, and not RuntimeError"),
        (Inventive, "must raise NoSegmentError .* returned segments"),
        (Counts, "must return Segments, not Tensor"),
    ],
)
def test_what_is_broken_is_found(broken: Any, sentence: str) -> None:  # noqa: ANN401
    with pytest.raises(AssertionError, match=sentence):
        check_sampler(broken)


def test_draws_from_the_generator_of_nobody_are_found() -> None:
    with (
        torch.random.fork_rng(),
        pytest.raises(AssertionError, match="its own, and not from that of torch"),
    ):
        check_sampler(GlobalNoise)


def test_other_recordings_can_be_brought() -> None:
    check_sampler(Sound, example_recorder(3, num_worlds=1, obs_dim=7, action_dim=1))
