"""Peak and end: against a slow reference, and what no reward of single steps can do."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prefgym import raters
from prefgym.core.queries import Queries
from prefgym.core.scores import PeakEnd
from prefgym.raters.peak_end import PeakEndRater, PeakEndRaterCfg
from prefgym.testing import check_rater, example_segments


@given(seed=st.integers(0, 1000), peak=st.floats(0, 1))
def test_it_is_what_the_slow_one_says(seed: int, peak: float) -> None:
    """Segments of all lengths, padded."""
    segments = example_segments(5, 3, seed=seed)
    assert segments.reward is not None
    scores = PeakEnd(peak)(segments)
    for row in range(5):
        for option in range(3):
            steps = segments.reward[row, option, : int(segments.length[row, option])].double().tolist()
            assert float(scores[row, option]) == pytest.approx(peak * max(steps) + (1 - peak) * steps[-1])


def test_what_lies_beyond_the_end_does_not_count() -> None:
    """Rewards 1, 5, 2 and 9 of which three steps are valid: 5 / 2 + 2 / 2 = 3.5."""
    segments = example_segments(1, num_steps=4)
    segments = replace(segments, reward=torch.tensor([[1.0, 5.0, 2.0, 9.0]]), length=torch.tensor([3]))
    assert PeakEnd(0.5)(segments).tolist() == [3.5]


def test_no_sum_of_steps_agrees() -> None:
    """a, b over b, b and b, a over a, a, so r(a) > r(b) for any sum; but a, a over b, b must not follow, and does not.

    With rewards a = 1 and b = 0 and only the peak counting: {1, 0} and {1, 1} are alike, {0, 1} and {1, 0}, too.
    """
    rewards = torch.tensor([[[1.0, 0.0], [0.0, 0.0]], [[1.0, 0.0], [1.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]])
    segments = replace(example_segments(3, 2, num_steps=2, equal_lengths=True), reward=rewards)
    answers = PeakEndRater(PeakEndRaterCfg(peak=1.0))(Queries.of(segments)).answers
    assert answers.choice.tolist() == [[1.0, 0.0], [0.5, 0.5], [0.5, 0.5]]
    # a sum with r(1) > r(0), as the first answer asks for, cannot call the second alike


def test_it_complies() -> None:
    """As any rater; with noise it draws from a generator of its own, and goes on with it."""
    check_rater(lambda: PeakEndRater(PeakEndRaterCfg(beta=1.0), seed=3))
    queries = Queries.of(example_segments(64, 2))
    one, other = (PeakEndRater(PeakEndRaterCfg(beta=1.0), seed=seed) for seed in (3, 4))
    one(queries)
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(queries).answers.choice, other(queries).answers.choice)


@pytest.mark.parametrize("bad", [{"peak": 1.5}, {"beta": -1.0}])
def test_settings_have_ranges(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        raters.cfg("peak-end", **bad)


def test_segments_without_reward_are_refused() -> None:
    with pytest.raises(ValueError, match="carry no task reward"):
        PeakEndRater()(Queries.of(example_segments(2, 2)).without_truth())
