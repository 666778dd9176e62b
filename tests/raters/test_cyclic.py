"""Preferences in a circle: against a slow reference, and how often the circle is met."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from prefgym import raters
from prefgym.core.queries import Queries
from prefgym.raters.cyclic import CyclicRater, CyclicRaterCfg
from prefgym.raters.factors import factor_means
from prefgym.testing import check_rater

NAMES = ("reward_forward", "reward_ctrl", "reward_survive")
Asking = Callable[[Sequence[Any]], Queries]


def rater() -> CyclicRater:
    """Arrange all three factors."""
    return CyclicRater(factor_names=NAMES, ranking=NAMES)


def slow(values: list[list[float]], mean: list[float], std: list[float]) -> list[float]:
    """Count wins one by one."""
    standing = [[(x - m) / max(s, 1e-12) for x, m, s in zip(row, mean, std)] for row in values]
    kinds = [row.index(max(row)) for row in standing]

    def wins(one: int, other: int) -> bool:
        if kinds[one] == kinds[other]:
            return max(standing[one]) > max(standing[other])
        return (kinds[one] + 1) % len(mean) == kinds[other]

    counts = [sum(wins(one, other) for other in range(len(values)) if other != one) for one in range(len(values))]
    best = [count == max(counts) for count in counts]
    return [is_best / sum(best) for is_best in best]


@given(
    values=st.lists(
        st.lists(st.lists(st.integers(-8, 8), min_size=3, max_size=3), min_size=3, max_size=3), min_size=1, max_size=6
    )
)
def test_it_is_what_the_slow_one_says(asking: Asking, values: list[list[list[float]]]) -> None:
    """Three options, three factors, ties and all."""
    told = torch.tensor(values, dtype=torch.float64).flatten(0, 1)
    mean, std = told.mean(0), told.std(0, correction=0)
    # equal standings in two factors are told apart by rounding: leave them out
    ordered = ((told - mean) / std.clamp_min(1e-12)).sort(-1).values
    if bool((ordered.diff(dim=-1).abs() < 1e-9).any()):
        return
    answers = rater()(asking(values)).answers
    expected = torch.tensor([slow(query, mean.tolist(), std.tolist()) for query in values])
    assert torch.allclose(answers.choice, expected.float())
    assert torch.equal(answers.tie, (expected > 0).all(-1))


def test_rock_paper_scissors(asking: Asking) -> None:
    """Each of three stands out in another factor: the first beats the second, that the third, and that the first."""
    rock, paper, scissors = [9.0, 0.0, 0.0], [0.0, 9.0, 0.0], [0.0, 0.0, 9.0]
    answers = rater()(asking([[rock, paper], [paper, scissors], [scissors, rock]])).answers
    assert answers.choice.tolist() == [[1.0, 0.0]] * 3
    assert rater()(asking([[rock, paper, scissors]])).answers.tie.tolist() == [True]


def circle(wins: Tensor) -> Tensor:
    """Tell whether the first beats the second, the second the third, and that the first, or all the other way round."""
    one = wins[:, 0, 1] & wins[:, 1, 2] & wins[:, 2, 0]
    return one | (wins[:, 1, 0] & wins[:, 2, 1] & wins[:, 0, 2])


def test_how_often_the_circle_is_met() -> None:
    """Always with a segment of each class; in 2 / 9 of random triples, whose classes are drawn alike: 6 of 27."""
    generator = torch.Generator().manual_seed(0)
    standing = torch.randn(20_000, 3, 3, generator=generator)
    kinds = standing.argmax(-1)
    of_each = (kinds.sort(-1).values == torch.arange(3)).all(-1)
    met = circle(rater().beats(standing))
    assert bool(met[of_each].all())
    assert not bool(met[~of_each].any())
    assert float(met.float().mean()) == pytest.approx(2 / 9, abs=0.015)  # five deviations of a binomial share


def test_no_two_beat_each_other() -> None:
    standing = torch.randn(500, 4, 5, generator=torch.Generator().manual_seed(1))
    wins = rater().beats(standing)
    assert not bool((wins & wins.mT).any())


def test_it_complies(asking: Asking) -> None:
    """As any rater, and goes on where it was stopped."""
    generator = torch.Generator().manual_seed(0)
    queries = asking(torch.randn(64, 2, 3, generator=generator).tolist())
    check_rater(rater, queries)
    one, other = rater(), rater()
    one(queries[:32])
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(queries[32:]).answers.choice, other(queries[32:]).answers.choice)


@pytest.mark.parametrize(
    ("factors", "told"),
    [("forward,ctrl", "a cycle needs three factors or more, not 2"), ("forward,up,ctrl", "there is no factor 'up'")],
)
def test_too_few_factors_are_refused(factors: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        raters.make("cyclic", factors=factors, factor_names=NAMES)


def test_classes_may_be_any_number() -> None:
    """With four factors, classes two apart are alike."""
    standing = torch.eye(4).unsqueeze(0)
    wins = {(one, other) for one, other in product(range(4), range(4)) if bool(rater().beats(standing)[0, one, other])}
    assert wins == {(0, 1), (1, 2), (2, 3), (3, 0)}


def test_a_factor_can_be_turned_round(asking: Asking) -> None:
    """Fast beats calm, calm beats backwards, backwards beats fast."""
    cfg = CyclicRaterCfg(factors="forward,ctrl,-forward")
    turned = CyclicRater(cfg, factor_names=NAMES, ranking=NAMES)
    assert turned.factors == ("reward_forward", "reward_ctrl", "-reward_forward")
    fast, calm, back = [5.0, -3.0, 0.0], [0.0, 0.0, 0.0], [-5.0, -3.0, 0.0]
    answers = turned(asking([[fast, calm], [calm, back], [back, fast]])).answers
    assert answers.choice[:, 0].tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(ValueError, match="there is no factor 'jump'"):
        CyclicRater(CyclicRaterCfg(factors="forward,ctrl,-jump"), factor_names=NAMES)


def test_what_is_usual_can_be_told(asking: Asking) -> None:
    """By hand: a mean over steps of 5 stands out where 2 is usual, and does not where 6 is."""
    fast, calm = [15.0, 0.0, -27.0], [0.0, 9.0, -27.0]  # in three steps

    def first_wins(usual: float) -> list[float]:
        cfg = CyclicRaterCfg(means=(usual, 0.0, 0.0), deviations=(1.0, 1.0, 1.0))
        told = CyclicRater(cfg, factor_names=NAMES, ranking=NAMES)
        told(asking([[calm, calm]]))  # what was shown before does not count
        return told(asking([[fast, calm]])).answers.choice[0].tolist()

    assert first_wins(2.0) == [1.0, 0.0]  # standings (3, 0, -9) and (-2, 3, -9): the first class beats the second
    assert first_wins(6.0) == [0.0, 1.0]  # (-1, 0, -9) and (-6, 3, -9): both are of the second
    with pytest.raises(ValueError, match=r"means must be .* not nan"):
        CyclicRater(CyclicRaterCfg(means=(1.0, 1.0, float("nan"))), factor_names=NAMES, ranking=NAMES)
    with pytest.raises(ValueError, match="2 means and 0 deviations do not fit 3 factors"):
        CyclicRater(CyclicRaterCfg(means=(1.0, 1.0)), factor_names=NAMES, ranking=NAMES)


def test_length_is_not_an_advantage(asking: Asking) -> None:
    """What a segment has lost by terminating counts as 0; one that was merely cut is averaged over what it has."""
    options = asking([[[4.0, 8.0, 0.0]] * 2]).options
    short = replace(options, length=torch.tensor([[2, 2]]), terminated=torch.tensor([[True, False]]))
    whole, half = factor_means(options, NAMES)[0, 0], factor_means(short, NAMES)[0]
    steps = options.num_steps
    assert torch.allclose(whole, torch.tensor([4.0, 8.0, 0.0], dtype=torch.float64) / steps)
    assert torch.allclose(half[0] * steps, half[1] * 2)
