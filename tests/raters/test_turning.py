"""Preferences that turn: by hand, in small steps, and against angles."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

from prefgym import raters
from prefgym.core.queries import Queries
from prefgym.raters.turning import RotationalRater, RotationalRaterCfg
from prefgym.testing import check_rater

NAMES = ("reward_forward", "reward_ctrl", "reward_survive")
PLAIN = RotationalRaterCfg(factors="forward,ctrl", means=(0.0, 0.0), deviations=(1.0, 2.0))
Asking = Callable[[Sequence[Any]], Queries]


def rater(cfg: RotationalRaterCfg = PLAIN) -> RotationalRater:
    """Look at what moves forward and at what it costs."""
    return RotationalRater(cfg, factor_names=NAMES, ranking=NAMES)


def test_answers_by_hand(asking: Asking) -> None:
    """Standings (3, 2) and (1, 1), since the second deviation is 2: 3 * 1 - 2 * 1 = 1, so that the first wins."""
    assert rater()(asking([[[3.0, 4.0, 9.0], [1.0, 2.0, 9.0]]])).answers.choice.tolist() == [[1.0, 0.0]]


def test_a_quarter_turn_wins_all_the_way_round(asking: Asking) -> None:
    """Fast beats calm, costly beats fast, backwards beats costly, calm beats backwards."""
    fast, calm, costly, back = [5.0, 0.0, 0.0], [0.0, 5.0, 0.0], [0.0, -5.0, 0.0], [-5.0, 0.0, 0.0]
    answers = rater()(asking([[fast, calm], [costly, fast], [back, costly], [calm, back]])).answers
    assert answers.choice.tolist() == [[1.0, 0.0]] * 4


def test_it_is_who_is_ahead_by_less_than_half_a_turn() -> None:
    angle = torch.rand(500, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 * torch.pi
    wins = rater().beats(torch.stack([angle.cos(), angle.sin()], -1))
    ahead = (angle.unsqueeze(-2) - angle.unsqueeze(-1)) % (2 * torch.pi)  # clockwise
    off = ~torch.eye(4, dtype=torch.bool).expand_as(wins)
    assert torch.equal(wins[off], (ahead < torch.pi)[off])
    assert not (wins & wins.mT).any()


def test_small_steps_win_all_the_way_round() -> None:
    """Each of 360 is preferred to the one before, and the first to the last."""
    angle = -torch.arange(360, dtype=torch.float64).deg2rad()
    standing = torch.stack([angle.cos(), angle.sin()], -1)
    pairs = torch.stack([standing, standing.roll(1, 0)], 1)
    assert rater().beats(pairs)[:, 0, 1].all()


def test_nothing_beats_what_is_usual(asking: Asking) -> None:
    """All ties: the minimax winner is no corner."""
    answers = rater()(asking([[[0.0, 0.0, 1.0], [x, y, 1.0]] for x, y in ((3.0, 1.0), (-2.0, 0.5), (0.0, -1.0))]))
    assert answers.answers.tie.all()


def test_it_complies(asking: Asking) -> None:
    """As any rater, and goes on where it was stopped."""
    queries = asking(torch.randn(64, 2, 3, generator=torch.Generator().manual_seed(0)).tolist())
    check_rater(rater, queries)
    shown = RotationalRaterCfg(factors="forward,ctrl")
    one, other = rater(shown), rater(shown)
    one(queries[:32])
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(queries[32:]).answers.choice, other(queries[32:]).answers.choice)


def test_the_first_two_of_the_ranking_are_taken() -> None:
    assert rater(RotationalRaterCfg()).factors == ("reward_forward", "reward_ctrl")
    for factors, told in (
        ("forward", "reward_forward"),
        ("forward,-forward", "reward_forward, -reward_forward"),
        ("forward,ctrl,survive", "reward_forward, reward_ctrl, reward_survive"),
    ):
        with pytest.raises(ValueError, match=f"a plane has two factors, and these are {told}$"):
            raters.make("turning", factors=factors, factor_names=NAMES)
