"""Recorded episodes to draw from, and a learner that thinks what it is told."""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from prefgym.buffers.recorder import Recorder
from prefgym.core.capabilities import Capability
from prefgym.core.preferences import Preferences
from prefgym.core.segments import Segments

Record = Callable[..., Recorder]


@pytest.fixture
def record() -> Record:
    """Return what records episodes: the observation before step t of the whole recording is t, one world."""

    def make(*lengths: int, terminated: Sequence[bool] | bool = False) -> Recorder:
        recorder = Recorder(1, obs_dim=1, action_dim=1)
        ends = [terminated] * len(lengths) if isinstance(terminated, bool) else terminated
        step = 0
        yes, no = np.array([True]), np.array([False])
        for length, ends_in_termination in zip(lengths, ends):
            recorder.begin(np.full((1, 1), step, np.float32))
            for t in range(length):
                last = t == length - 1
                recorder.add(
                    np.zeros((1, 1), np.float32),
                    np.ones(1),
                    np.full((1, 1), step + 1, np.float32),
                    yes if last and ends_in_termination else no,
                    yes if last and not ends_in_termination else no,
                )
                step += 1
        return recorder

    return make


class ToldLearner:
    """A learner whose members give what a function of the observation before each step says."""

    def __init__(self, *members: Callable[[Tensor], Tensor], is_fitted: bool = True) -> None:
        self.members, self.is_fitted = members, is_fitted
        self.num_segments = 0

    def weights(self) -> dict[str, Tensor]:
        """Return nothing."""
        return {}

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Take nothing over."""

    def fit(self, preferences: Preferences) -> None:
        """Learn nothing."""

    def reward(self, segments: Segments) -> Tensor:
        """Give what the members say, in padding too."""
        assert segments.reward is None, "a learner must not see the task reward"
        self.num_segments += segments.length.numel()
        return torch.stack([member(segments.obs[..., :-1, 0]) for member in self.members])


class ScoringToldLearner(ToldLearner):
    """A learner that chooses by ten times what it gives."""

    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.SCORES})

    def score(self, segments: Segments) -> Tensor:
        """Score by ten times the reward."""
        return 10 * (self.reward(segments) * segments.mask).sum(-1)


@pytest.fixture
def told() -> type[ToldLearner]:
    """Return the learner's class."""
    return ToldLearner


@pytest.fixture
def scoring_told() -> type[ScoringToldLearner]:
    """Return the class of the learner that scores by itself."""
    return ScoringToldLearner


@pytest.fixture
def generator() -> torch.Generator:
    """Return a generator."""
    return torch.Generator().manual_seed(0)
