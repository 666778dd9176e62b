"""Compliance check of samplers."""

from collections.abc import Callable, Mapping
from typing import cast

import torch
from torch import Tensor

from prefgym.core.fit_report import FitReport
from prefgym.core.preferences import Preferences
from prefgym.core.protocols import Learner, NoSegmentError, Recorder, Sampler
from prefgym.core.segments import Segments
from prefgym.testing.common import global_generators_untouched
from prefgym.testing.examples import example_recorder

NUM_QUERIES = 5


class _ExampleLearner:
    """A learner of two members that disagree; it refuses segments with the truth."""

    def __init__(self, is_fitted: bool) -> None:
        self.is_fitted = is_fitted

    def weights(self) -> dict[str, Tensor]:
        """Return no weights."""
        return {}

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Load nothing."""

    def fit(self, preferences: Preferences) -> FitReport:
        """Fit nothing."""
        return FitReport()

    def reward(self, segments: Segments) -> Tensor:
        """Return the first and the last number of each observation. Shape: (2, ..., T)."""
        truth = (segments.reward, segments.state, segments.frames, *segments.factors.values())
        rule = "a sampler must show the learner no truth: recorder.segments(starts, length, truth=False)"
        assert all(part is None for part in truth), rule
        return torch.stack([segments.obs[..., :-1, 0], segments.obs[..., :-1, -1]])


def check_sampler(
    make: Callable[[], Sampler],
    recorder: Recorder | None = None,
    *,
    empty: Recorder | None = None,
    learner: Learner | None = None,
) -> None:
    """Check that a sampler works with the training loop.

    Args:
        make: Function that makes a fresh sampler; each call makes the same one. The example recorder has segments of
            at most 4 steps.
        recorder: Recorder to sample from; None for 12 random episodes of 4 to 12 steps.
        empty: Recorder without any segment; None for one without any step.
        learner: Fitted learner for observations of the recorder's size; None for an example that fits any.

    Raises:
        AssertionError: If it does not; the message names the rule.
    """
    recorder, empty = recorder or example_recorder(), empty or example_recorder(0)
    learners: tuple[Learner | None, ...] = (None, _ExampleLearner(False), learner or _ExampleLearner(True))
    with global_generators_untouched("a sampler"):
        assert callable(make()), "a sampler is called with recorder, learner, num_queries and generator"
        for asked in learners:
            options = _drawn(make(), recorder, asked)
            _check_options(options, recorder)
            again = _drawn(make(), recorder, asked)
            same = torch.equal(options.obs, again.obs) and torch.equal(options.action, again.action)
            assert same, "the same generator must lead to the same segments: sample from no other generator"
            _check_nothing_to_draw(make(), empty, asked)


def _drawn(sampler: Sampler, recorder: Recorder, learner: Learner | None, num_queries: int = NUM_QUERIES) -> Segments:
    return sampler(recorder, learner, num_queries, torch.Generator().manual_seed(0))


def _check_options(options: Segments, recorder: Recorder) -> None:
    rule = f"a sampler must return Segments, not {type(options).__name__}"
    assert isinstance(cast(object, options), Segments), rule
    shape = tuple(options.batch_shape)
    rule = f"options must have batch shape ({NUM_QUERIES}, K), K of 1 or more, for {NUM_QUERIES} queries, not {shape}"
    assert len(shape) == 2 and shape[0] == NUM_QUERIES and shape[1] >= 1, rule
    windows = recorder.segments(recorder.starts(1), options.num_steps)
    rule = "options must carry the task reward, which raters judge by: recorder.segments(starts, length)"
    assert windows.reward is None or options.reward is not None, rule
    for option in (options.map(lambda x: x.flatten(0, 1))[row] for row in range(shape[0] * shape[1])):
        rule = "each segment must be a window of one recorded episode, its steps in their order"
        assert bool(_is_window(option, windows).any()), rule


def _is_window(option: Segments, windows: Segments) -> Tensor:
    """Return which windows begin with a segment. Batch shapes: (), (M,). Shape: (M,), bool."""
    length = int(option.length)
    same_obs = (windows.obs[:, : length + 1] == option.obs[: length + 1]).flatten(1).all(1)
    same_action = (windows.action[:, :length] == option.action[:length]).flatten(1).all(1)
    return same_obs & same_action & (windows.length >= length)


def _check_nothing_to_draw(sampler: Sampler, empty: Recorder, learner: Learner | None) -> None:
    rule = "a sampler must raise NoSegmentError while there is no segment to sample"
    try:
        _drawn(sampler, empty, learner)
    except NoSegmentError:
        return
    except (ArithmeticError, LookupError, RuntimeError, ValueError) as error:
        raise AssertionError(f"{rule}, and not {type(error).__name__}: {error}") from error
    raise AssertionError(f"{rule}, and it returned segments")
