"""Solvers of preference games: linear programming as the truth, and the rates that theory gives."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pages import examples, run_examples

from prefgym.theory.games import (
    exploitability,
    extragradient,
    gain,
    minimax_winner,
    mirror_descent,
    mirror_prox,
    project,
    self_play,
)

CIRCLE = np.array([[0.5, 0.9, 0.4], [0.1, 0.5, 0.8], [0.6, 0.2, 0.5]])
"""The first beats the second, the second the third, the third the first: by 0.4, 0.3 and 0.1."""


def game(num_options: int, seed: int) -> npt.NDArray[np.float64]:
    """Draw a preference."""
    upper = np.triu(np.random.default_rng(seed).uniform(-0.5, 0.5, (num_options, num_options)), 1)
    return 0.5 + upper - upper.T


def test_the_winner_of_a_circle_by_hand() -> None:
    """P is such that no option gains: 0.4 p2 = 0.1 p3, 0.3 p3 = 0.4 p1, 0.1 p1 = 0.3 p2; (3, 1, 4) / 8."""
    assert minimax_winner(CIRCLE) == pytest.approx([3 / 8, 1 / 8, 4 / 8])


def test_an_option_that_beats_all_others_wins() -> None:
    transitive = [[0.5, 0.6, 0.9], [0.4, 0.5, 0.7], [0.1, 0.3, 0.5]]
    assert minimax_winner(transitive) == pytest.approx([1, 0, 0], abs=1e-9)


@given(st.integers(2, 8), st.integers(0, 1000))
def test_nothing_beats_the_winner(num_options: int, seed: int) -> None:
    preference = game(num_options, seed)
    winner = minimax_winner(preference)
    assert winner.sum() == pytest.approx(1.0)
    assert exploitability(preference, winner) == pytest.approx(0.0, abs=1e-9)
    others = np.random.default_rng(seed).dirichlet(np.ones(num_options), 50)
    assert (exploitability(preference, others) >= -1e-9).all()


def test_exploitability_is_that_of_the_slow_reference() -> None:
    preference, mixture = game(5, 0), np.random.default_rng(1).dirichlet(np.ones(5))
    replies = [sum(preference[j, i] * mixture[i] for i in range(5)) for j in range(5)]
    assert exploitability(preference, mixture) == pytest.approx(max(replies) - 0.5)


@pytest.mark.parametrize("num_steps", [10, 100, 1000])
@pytest.mark.parametrize("seed", range(5))
def test_averages_are_exploited_no_more_than_theory_allows(num_steps: int, seed: int) -> None:
    preference = game(6, seed)
    log_k = np.log(6)
    worst = {
        mirror_descent: np.sqrt(log_k / (2 * num_steps)),
        mirror_prox: log_k / num_steps,
        extragradient: 1 / (0.5 * num_steps),
    }
    for solver, bound in worst.items():
        rate = {"rate": 0.5} if solver is extragradient else {}
        average = solver(preference, num_steps, **rate).average[-1]
        assert 0 <= exploitability(preference, average) <= bound
    assert np.linalg.norm(gain(preference), 2) <= 2  # what the rate of extragradient asks for


def test_the_last_mixture_of_extragradient_converges_and_that_of_mirror_descent_does_not() -> None:
    winner = minimax_winner(CIRCLE)
    last = {solver: solver(CIRCLE, 3000).last[-1] for solver in (extragradient, mirror_prox, mirror_descent)}
    assert last[extragradient] == pytest.approx(winner, abs=1e-6)
    assert last[mirror_prox] == pytest.approx(winner, abs=1e-3)
    assert np.abs(last[mirror_descent] - winner).max() > 0.05


def test_averages_are_those_of_what_was_played() -> None:
    iterates = mirror_descent(CIRCLE, 7)
    assert iterates.average[-1] == pytest.approx(iterates.last.mean(0))


@pytest.mark.parametrize("seed", range(3))
def test_self_play_finds_the_winner_from_single_answers(seed: int) -> None:
    average = self_play(CIRCLE, 6000, np.random.default_rng(seed)).average[-1]
    assert np.abs(average - minimax_winner(CIRCLE)).max() < 0.05


@settings(deadline=None)
@given(st.lists(st.floats(-3, 3), min_size=1, max_size=6))
def test_projection_finds_the_nearest_mixture(point: list[float]) -> None:
    """None of many others is nearer."""
    nearest = project(np.array(point))
    assert nearest.sum() == pytest.approx(1.0)
    assert nearest.min() >= 0
    others = np.random.default_rng(0).dirichlet(np.ones(len(point)), 200)
    assert np.linalg.norm(nearest - point) <= np.linalg.norm(others - point, axis=-1).min() + 1e-9


@pytest.mark.parametrize("wrong", [[[0.5, 0.9], [0.2, 0.5]], [[0.5, 1.2], [-0.2, 0.5]], [[0.5, 0.5]]])
def test_what_is_no_preference_is_refused(wrong: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="a square matrix of chances"):
        minimax_winner(wrong)


def test_what_the_page_shows_works(tmp_path: Path) -> None:
    assert len(examples("self_play.md")) == 1
    run_examples("self_play.md", tmp_path)
