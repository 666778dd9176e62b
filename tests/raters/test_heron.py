"""HERON: ranked factors against a slow reference, and against cases worked out by hand."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import prefgym
from prefgym import raters
from prefgym.core.queries import Queries
from prefgym.raters.heron import HeronRater, HeronRaterCfg
from prefgym.raters.scripted import ScriptedRater, oracle
from prefgym.testing import check_rater

NAMES = ("reward_forward", "reward_ctrl", "reward_survive")


Asking = Callable[[Sequence[Any]], Queries]


def rater(ranking: str = "forward,ctrl,survive", *tolerances: float) -> HeronRater:
    """Rank the factors."""
    return HeronRater(HeronRaterCfg(ranking=ranking, tolerances=tolerances or (0.0,)), factor_names=NAMES)


def slow(sums: list[list[float]], tolerances: list[float]) -> list[float]:
    """Compare options one by one as Algorithm 1 compares two, each factor among those that are left."""
    left = list(range(len(sums)))
    for factor, tolerance in enumerate(tolerances):
        best = max(sums[option][factor] for option in left)
        left = [option for option in left if best - sums[option][factor] <= tolerance]
    return [1 / len(left) if option in left else 0.0 for option in range(len(sums))]


def test_the_first_factor_that_differs_decides(asking: Asking) -> None:
    """Forward is 0, 1 in each query: deviation 1/2, so that a difference of 1 counts up to a tolerance below 2."""
    queries = asking([[[0, 5, 0], [1, 0, 0]], [[0, 0, 0], [1, 5, 0]], [[0, 0, 0], [1, 0, 0]], [[0, 1, 1], [1, 1, 0]]])
    assert rater("forward,ctrl", 1.0)(queries).answers.choice[:, 1].tolist() == [1.0] * 4
    # with a tolerance of 2 deviations, ctrl decides: 5, 0 / 0, 5, and alike is a tie: 0, 0 / 1, 1
    answers = rater("forward,ctrl", 2.0, 0.0)(queries).answers
    assert answers.choice.tolist() == [[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [0.5, 0.5]]
    assert answers.tie.tolist() == [False, False, True, True]


@given(
    values=st.lists(
        st.lists(st.lists(st.integers(-3, 3), min_size=3, max_size=3), min_size=3, max_size=3), min_size=1, max_size=6
    ),
    tolerances=st.lists(st.sampled_from([0.0, 0.3, 1.0, 2.5]), min_size=3, max_size=3),
)
def test_it_is_what_the_slow_one_says(asking: Asking, values: list[list[list[float]]], tolerances: list[float]) -> None:
    """Three options, three factors, ties and all; deviations by hand."""
    told = torch.tensor(values, dtype=torch.float64)
    deviations = told.flatten(0, 1).std(0, correction=0)
    expected = [slow(query, (torch.tensor(tolerances) * deviations).tolist()) for query in told.tolist()]
    answers = rater("forward,ctrl,survive", *tolerances)(asking(values)).answers
    assert torch.allclose(answers.choice, torch.tensor(expected), atol=1e-6)
    assert answers.tie.tolist() == [all(share > 0 for share in row) for row in expected]


@given(sums=st.lists(st.lists(st.integers(-9, 9), min_size=3, max_size=3), min_size=2, max_size=4, unique_by=tuple))
def test_without_tolerance_the_order_is_lexicographic(asking: Asking, sums: list[list[int]]) -> None:
    """Python orders lists in that way."""
    chosen = rater()(asking([[[float(x) for x in row] for row in sums]])).answers.choice[0]
    assert chosen.tolist() == [float(row == max(sums)) for row in sums]


def test_one_factor_without_tolerance_is_the_oracle_on_that_factor(asking: Asking) -> None:
    """On 500 random queries, exact ties among them."""
    generator = torch.Generator().manual_seed(0)
    queries = asking(torch.randint(-4, 5, (500, 2, 1), generator=generator).float().tolist())
    rewarded = replace(queries.options, reward=queries.options.factors["reward_forward"])
    judged, answers = (
        ScriptedRater(oracle())(replace(queries, options=rewarded)).answers,
        rater("forward")(queries).answers,
    )
    assert torch.equal(judged.choice, answers.choice)
    assert torch.equal(judged.tie, answers.tie)
    assert 20 < int(answers.tie.sum()) < 150


def test_deviations_are_of_all_that_was_shown(asking: Asking) -> None:
    """Sums 0 and 2, then 10 and 11: mean 5.75, deviation sqrt((33.06 + 14.06 + 18.06 + 27.56) / 4) = 4.82."""
    judge = rater("forward", 0.3)
    assert judge(asking([[[0.0], [2.0]]])).answers.choice.tolist() == [[0.0, 1.0]]  # 2 > 0.3 * 1
    assert judge(asking([[[10.0], [11.0]]])).answers.tie.tolist() == [True]  # 1 < 0.3 * 4.82
    assert judge.state_dict()["count"] == 4
    assert float(judge.state_dict()["var"].sqrt()) == pytest.approx(4.8153, abs=1e-3)


def test_padding_does_not_count(asking: Asking) -> None:
    """What is beyond a segment's length is not summed."""
    queries = asking([[[1.0], [2.0]]])
    options = queries.options
    options.factors["reward_forward"][0, 0, 2] = 99.0
    shorter = replace(options, length=torch.tensor([[2, 3]]))
    assert rater("forward")(replace(queries, options=shorter)).answers.choice.tolist() == [[0.0, 1.0]]


def test_it_goes_on_where_it_was_stopped(asking: Asking) -> None:
    """With the deviations of all that was shown before."""
    one, other = rater("forward", 0.5), rater("forward", 0.5)
    one(asking([[[0.0], [9.0]]]))
    other.load_state_dict(one.state_dict())
    queries = asking([[[1.0], [3.0]], [[0.0], [8.0]]])
    assert torch.equal(one(queries).answers.choice, other(queries).answers.choice)
    info = one(queries).raters[0]
    assert json.loads(json.dumps(info.settings)) == {"ranking": ["reward_forward"], "tolerances": [0.5]}


def test_it_complies(asking: Asking) -> None:
    """As any rater, also when it is asked nothing."""
    generator = torch.Generator().manual_seed(0)
    queries = asking(torch.randint(-4, 5, (64, 2, 3), generator=generator).float().tolist())
    check_rater(lambda: rater("ctrl,forward", 0.5), queries)


@pytest.mark.parametrize(
    ("ranking", "tolerances", "told"),
    [
        ("", (0.0,), "looks at factors of the task reward, and this environment has none"),
        ("forward,speed", (0.0,), "there is no factor 'speed': the task has forward, ctrl, survive"),
        ("forward,control,reward_ctrl", (0.0,), "names a factor twice"),
        ("forward,ctrl", (0.1, 0.1, 0.1), "3 tolerances do not fit 2 factors"),
    ],
)
def test_rankings_that_make_no_sense_are_refused(ranking: str, tolerances: tuple[float, ...], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        rater(ranking, *tolerances)


def test_segments_without_factors_are_refused(asking: Asking) -> None:
    with pytest.raises(ValueError, match="the segments carry no factor 'reward_forward'"):
        rater("forward")(asking([[[0.0], [1.0]]]).without_truth())


@pytest.mark.parametrize(
    ("env", "settings", "told"),
    [
        (
            "prefgym/Hopper-v0",
            {"ranking": "forward,speed"},
            "rater 'heron' cannot judge prefgym/Hopper-v0: there is no factor 'speed'",
        ),
        ("prefgym/Hopper-v0", {"tolerances": (-1.0,)}, "tolerances must be 0 or more, not -1"),
        ("Pendulum-v1", {}, "this environment has none"),
    ],
)
def test_a_run_is_refused_in_the_same_words(env: str, settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        prefgym.train(env, rater=raters.cfg("heron", **settings), out="run")


def test_it_is_registered_under_its_name() -> None:
    made = raters.make("heron", ranking="survive,control", factor_names=NAMES)
    assert isinstance(made, HeronRater)
    assert made.ranking == ("reward_survive", "reward_ctrl")
