"""Principles: thresholds of factors against means worked out by hand."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from commands import TINY, run

from prefgym.core.queries import Queries
from prefgym.raters.principles import PrinciplesRater, PrinciplesRaterCfg
from prefgym.testing import check_rater

Asking = Callable[[Sequence[Any]], Queries]
NAMES = ("reward_forward", "reward_ctrl")
PRINCIPLES = {"fast": "forward:above:1", "calm": "ctrl:above:-0.5", "slow": "reward_forward:below:3"}
# Sums of (forward, ctrl) over three steps, and their means:
#   first option (6, -3): 2, -1        second option (9, 0): 3, 0
#   first option (3, -3): 1, -1        second option (-3, -3): -1, -1
SUMS = [[[6.0, -3.0], [9.0, 0.0]], [[3.0, -3.0], [-3.0, -3.0]]]
#   fast: 2 > 1, 3 > 1; 1 > 1 is false, -1 > 1 is false
#   calm: -1 > -0.5 is false, 0 > -0.5; false, false
#   slow: 2 < 3, 3 < 3 is false; 1 < 3, -1 < 3
SATISFIED = [[[True, False, True], [True, True, False]], [[False, False, True], [False, False, True]]]


def principled(**settings: Any) -> PrinciplesRater:  # noqa: ANN401
    """Make a rater of three principles."""
    return PrinciplesRater(PrinciplesRaterCfg(**{"principles": PRINCIPLES, **settings}), factor_names=NAMES)


def test_a_principle_is_yes_or_no(asking: Asking) -> None:
    assert principled().satisfied(asking(SUMS).options).tolist() == SATISFIED


def test_more_satisfied_principles_win_and_as_many_tie(asking: Asking) -> None:
    """Two each, and one each: ties. With weights 1, 3, 1: 2 against 4. With weights 1, 0, 1: 2 against 1."""
    queries = asking(SUMS)
    assert principled()(queries).answers.tie.tolist() == [True, True]
    calm = principled(weights={"calm": 3.0})
    assert calm.score(queries.options).tolist() == [[2.0, 4.0], [1.0, 1.0]]
    assert calm(queries).answers.choice.tolist() == [[0.0, 1.0], [0.5, 0.5]]
    assert principled(weights={"calm": 0.0})(queries).answers.choice[0].tolist() == [1.0, 0.0]


def test_the_choice_is_a_softmax(asking: Asking) -> None:
    """Scores 2 and 4 at beta 0.5: P(second) = 1 / (1 + exp(-1))."""
    choice = principled(weights={"calm": 3.0}, beta=0.5, soft=True)(asking(SUMS)).answers.choice
    assert float(choice[0, 1]) == pytest.approx(1 / (1 + math.exp(-1)))


def test_only_valid_steps_count(asking: Asking) -> None:
    """The fixture spreads a sum s as s - 1, 1, 0: two steps of the first option have a mean of (5 + 1) / 2 = 3 > 2."""
    queries = asking(SUMS)
    short = replace(queries.options, length=torch.full_like(queries.options.length, 2))
    rater = principled(principles={"fast": "forward:above:2"})
    assert rater.satisfied(queries.options)[0, 0].tolist() == [False]
    assert rater.satisfied(short)[0, 0].tolist() == [True]


def test_it_complies_and_goes_on_where_it_was_stopped(asking: Asking) -> None:
    queries = asking(SUMS)
    check_rater(lambda: principled(beta=0.1), queries=queries)
    one, other = principled(beta=0.1), principled(beta=0.1)
    one(queries)
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(queries).answers.choice, other(queries).answers.choice)


def test_answers_say_the_principles(asking: Asking) -> None:
    """With full names of factors."""
    (info,) = principled(principles={"fast": "forward:above:1"})(asking(SUMS)).raters
    assert (info.name, info.settings["principles"]) == ("principles", {"fast": "reward_forward:above:1.0"})


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"principles": {}}, "it has no principles: pass some, as in --rater.principles fast=forward:above:1"),
        ({"principles": {"fast": "speed:above:1"}}, "there is no factor 'speed': the task has forward, ctrl"),
        ({"weights": {"calmm": 1.0}}, "unknown principle 'calmm': did you mean 'calm'?"),
        ({"weights": {"calm": math.inf}}, "weights must be between -1e\\+30 and 1e\\+30, not inf"),
        *(
            ({"principles": {"fast": text}}, f"FACTOR:above:NUMBER or FACTOR:below:NUMBER, not '{text}'")
            for text in ("forward", "forward:above", "forward:over:1", "forward:above:x", "forward:above:1:2")
        ),
    ],
)
def test_what_makes_no_sense_is_one_sentence(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        principled(**settings)


def test_principles_are_flags(capsys: pytest.CaptureFixture[str]) -> None:
    """A run with two of them; a principle of another form ends in one sentence."""
    flags = ("train", *TINY, "--env", "prefgym/HalfCheetah-v0", "--rater", "principles", "--rater.principles")
    words = ("fast=forward:above:0", "calm=ctrl:above:-0.3")
    code, _, error = run(capsys, *flags, *words, "--rater.weights", "fast=2")
    assert code == 0, error
    code, _, error = run(capsys, *flags, "fast=forward>0")
    assert code == 2
    assert "write a principle as FACTOR:above:NUMBER or FACTOR:below:NUMBER, not 'forward>0'" in error


def test_each_principle_is_an_answer_of_its_own(asking: Asking) -> None:
    """Three answers to each query, by name: the first option of both queries is slow, and neither fast nor calm."""
    queries = asking(SUMS)
    shown = replace(queries, options=queries.options[:, :1])
    apart = principled(apart=True, gives="thumbs")(shown)
    assert (apart.criteria, apart.query_id.tolist()) == (("fast", "calm", "slow"), [0, 1] * 3)
    thumbs = replace(apart).answers.rows()
    assert [row["reaction"] for row in thumbs] == [1, -1, -1, -1, 1, 1]
    pairs = principled(apart=True)(queries).answers
    assert pairs.tie.tolist() == [True, True, False, True, False, True]
    assert pairs.choice[[2, 4]].tolist() == [[0.0, 1.0], [1.0, 0.0]]


@pytest.mark.parametrize("gives", ["comparison", "ranking", "thumbs"])
def test_principles_apart_comply(gives: str, asking: Asking) -> None:
    """Each query comes back with three answers."""
    num_options = {"comparison": 2, "ranking": 3, "thumbs": 1}[gives]
    queries = asking([[[0.0, -3.0], [9.0, 0.0], [6.0, -1.0]][:num_options]] * 4)
    check_rater(lambda: principled(apart=True, gives=gives), queries)


def test_a_principle_apart_has_no_levels() -> None:
    with pytest.raises(ValueError, match=r"has no levels: pass --rater\.gives thumbs"):
        principled(apart=True, gives="rating")
