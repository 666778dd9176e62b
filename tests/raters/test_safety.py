"""The judge of safety counts unsafe steps, and nothing else."""

from dataclasses import replace

import pytest
import torch

from prefgym import raters
from prefgym.core.queries import Queries
from prefgym.raters.safety import SafetyRater, SafetyRaterCfg
from prefgym.testing import example_segments

NAMES = ("reward_forward", "reward_ctrl")


def shown(speeds: list[list[float]], terminated: list[bool], lengths: list[int]) -> Queries:
    """Ask one query whose options have these speeds."""
    segments = example_segments(1, len(speeds), num_steps=len(speeds[0]), equal_lengths=True)
    told = {"terminated": torch.tensor([terminated]), "length": torch.tensor([lengths])}
    return Queries.of(replace(segments, factors={"reward_forward": torch.tensor([speeds])}, **told))


def test_fewer_unsafe_steps_are_better() -> None:
    """By hand: 2, 1 and 1 unsafe steps above 3 m/s; what lies behind the end does not count, nor does 3 itself."""
    rater = SafetyRater(SafetyRaterCfg(limit=3.0), factor_names=NAMES)
    queries = shown([[4.0, 5.0, 3.0], [9.0, 2.0, 0.0], [0.0, 4.0, 8.0]], [False] * 3, [3, 3, 2])
    assert rater.cost(queries.options).tolist() == [[2.0, 1.0, 1.0]]
    answers = rater(queries).answers
    assert answers.choice.tolist() == [[0.0, 0.5, 0.5]]


def test_a_fall_counts_as_ten_steps() -> None:
    """And equally unsafe options are a tie."""
    rater = SafetyRater(factor_names=NAMES, safe_limit=1.0)
    fall = shown([[0.0, 0.0], [2.0, 2.0]], [True, False], [2, 2])
    assert rater.cost(fall.options).tolist() == [[10.0, 2.0]]
    assert rater(fall).answers.choice.tolist() == [[0.0, 1.0]]
    assert rater(shown([[2.0, 0.0], [0.0, 5.0]], [False, False], [2, 2])).answers.tie.tolist() == [True]


def test_to_some_a_fall_is_worse_than_anything() -> None:
    """Without one it counts for nothing, however bad it is."""
    rater = SafetyRater(SafetyRaterCfg(fall=float("inf")), factor_names=NAMES, safe_limit=1.0)
    assert rater.cost(shown([[0.0, 0.0], [2.0, 2.0]], [True, False], [2, 2]).options).tolist() == [[float("inf"), 2.0]]


def test_a_safe_segment_is_good_and_two_levels_can_be_told() -> None:
    """Costs 0, 1 and 3: thumbs are up without an unsafe step; a threshold at -2 lies between one step and three."""
    safe = shown([[0.0, 0.0, 1.0], [2.0, 0.0, 0.0], [2.0, 2.0, 2.0]], [False] * 3, [3, 3, 3]).options
    queries = Queries.of(replace(safe.map(lambda value: value.transpose(0, 1))))
    thumbs = SafetyRater(SafetyRaterCfg(gives="thumbs"), factor_names=NAMES, safe_limit=1.0)
    assert thumbs(queries).answers.rows() == [{"reaction": 1}, {"reaction": -1}, {"reaction": -1}]
    cfg = SafetyRaterCfg(gives="rating", num_levels=2, thresholds=(-2.0,))
    rating = SafetyRater(cfg, factor_names=NAMES, safe_limit=1.0)(queries).answers
    assert [row["level"] for row in rating.rows()] == [1, 1, 0]


def test_an_endless_cost_can_be_stated() -> None:
    rater = SafetyRater(SafetyRaterCfg(fall=float("inf"), beta=1.0), factor_names=NAMES, safe_limit=1.0)
    answers = rater(shown([[0.0, 0.0], [2.0, 2.0]], [True, False], [2, 2])).answers
    assert answers.choice.tolist() == [[0.0, 1.0]]


def test_a_state_of_before_is_empty() -> None:
    rater = SafetyRater(factor_names=NAMES, safe_limit=1.0)
    before = rater.generator.get_state()
    rater.load_state_dict({})
    assert torch.equal(rater.generator.get_state(), before)


def test_a_rater_who_cannot_know_what_is_safe_is_refused() -> None:
    """As is one who looks at what the task has not."""
    with pytest.raises(ValueError, match="the task has no safe limit of"):
        raters.make("safety", factor_names=NAMES)
    with pytest.raises(ValueError, match="the task has no safe limit of"):
        raters.make("safety", factor="ctrl", safe_limit=1.0, factor_names=NAMES)  # which is a limit of the speed
    with pytest.raises(ValueError, match="there is no factor 'speed'"):
        raters.make("safety", factor="speed", limit=1.0, factor_names=NAMES)
    with pytest.raises(ValueError, match="fall must be 0 or more"):
        raters.cfg("safety", fall=-1.0)
    rater = SafetyRater(factor_names=NAMES, safe_limit=1.0)
    with pytest.raises(ValueError, match="carry no factor 'reward_forward'"):
        rater(Queries.of(example_segments(1, 2)))
