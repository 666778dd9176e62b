"""Small environments against values worked out by hand, and against slow references."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgym.theory.mdp import TabularMDP, TabularSegments, partial_return, regret


def corridor(**changes: Any) -> TabularMDP:  # noqa: ANN401
    """Make cells 0, 1, 2 in a row, the last one terminal; a step costs 1, the end gives 10; gamma = 1/2."""
    settings: dict[str, Any] = {
        "next_state": np.array([[[0], [1]], [[0], [2]], [[2], [2]]]),
        "probability": np.ones((3, 2, 1)),
        # features: a step, the end
        "features": np.array([[[[1, 0]], [[1, 0]]], [[[1, 0]], [[0, 1]]], [[[0, 0]], [[0, 0]]]], float),
        "weights": np.array([-1.0, 10.0]),
        "is_terminal": np.array([False, False, True]),
        "is_start": np.array([True, True, False]),
        "gamma": 0.5,
    }
    return TabularMDP(**{**settings, **changes})


def random_mdp(seed: int) -> TabularMDP:
    """Make six states, three actions, two outcomes each, four features; the last state is terminal."""
    generator = np.random.default_rng(seed)
    next_state = generator.integers(6, size=(6, 3, 2))
    features = generator.normal(size=(6, 3, 2, 4))
    next_state[5], features[5] = 5, 0
    terminal = np.arange(6) == 5
    return TabularMDP(
        next_state=next_state,
        probability=generator.dirichlet([1, 1], size=(6, 3)),
        features=features,
        weights=generator.normal(size=4),
        is_terminal=terminal,
        is_start=~terminal,
        gamma=0.9,
    )


def test_values_of_the_corridor() -> None:
    """V(1) = 10, V(0) = -1 + 10 / 2 = 4; to the left from 1: -1 + 4 / 2 = 1."""
    solution = corridor().solve()
    assert solution.value.tolist() == [4.0, 10.0, 0.0]
    assert solution.action_value.tolist() == [[1.0, 4.0], [1.0, 10.0], [0.0, 0.0]]
    assert solution.policy[:2].tolist() == [[0, 1], [0, 1]]
    assert corridor().mean_return(solution.policy) == 7.0


def test_a_policy_that_walks_away() -> None:
    """Always left: -1 - 1/2 - 1/4 ... = -2 from both; half and half: v0 = -1 + (v0 + v1) / 4, v1 = 4.5 + v0 / 4."""
    left = np.array([[1.0, 0.0]] * 3)
    assert corridor().value(left) == pytest.approx([-2.0, -2.0, 0.0])
    # v0 = -1 + v0/4 + (4.5 + v0/4)/4  ->  v0 (1 - 1/4 - 1/16) = 1/8
    v0 = (1 / 8) / (11 / 16)
    assert corridor().value(corridor().uniform) == pytest.approx([v0, 4.5 + v0 / 4, 0.0])
    low, best = (v0 + 4.5 + v0 / 4) / 2, 7.0
    assert corridor().scaled_return(left) == pytest.approx((-2.0 - low) / (best - low))
    assert corridor().scaled_return(corridor().solve().policy) == pytest.approx(1.0)


@given(seed=st.integers(0, 10_000))
def test_policy_iteration_is_value_iteration(seed: int) -> None:
    """The slow reference sweeps until nothing moves."""
    mdp = random_mdp(seed)
    value = np.zeros(6)
    for _ in range(400):
        value = np.array(
            [
                max(
                    sum(
                        mdp.probability[s, a, m]
                        * (mdp.features[s, a, m] @ mdp.weights + mdp.gamma * value[mdp.next_state[s, a, m]])
                        for m in range(2)
                    )
                    for a in range(3)
                )
                for s in range(6)
            ]
        )
    assert mdp.solve().value == pytest.approx(value, abs=1e-6)


@given(seed=st.integers(0, 10_000))
def test_segments_are_what_the_env_allows(seed: int) -> None:
    """Each step is one of the outcomes, with its features; regret and return are sums over steps."""
    mdp = random_mdp(seed)
    segments = mdp.segments(20, 4, np.random.default_rng(seed))
    solution = mdp.solve()
    for row in range(20):
        total = lost = 0.0
        assert mdp.is_start[segments.states[row, 0]]
        for step in range(4):
            state, after = segments.states[row, step : step + 2]
            action = segments.actions[row, step]
            fits = [
                mdp.next_state[state, action, m] == after
                and (mdp.features[state, action, m] == segments.features[row, step]).all()
                for m in range(2)
            ]
            assert any(fits)
            total += mdp.gamma**step * (segments.features[row, step] @ mdp.weights)
            lost += mdp.gamma**step * (solution.value[state] - solution.action_value[state, action])
        assert partial_return(segments, mdp.weights, mdp.gamma)[row] == pytest.approx(total)
        assert regret(segments, solution, mdp.gamma)[row] == pytest.approx(lost)
        assert lost >= -1e-9


def test_regret_where_nothing_is_random() -> None:
    """0 -> 0 -> 1: V(0) - (r + r / 2 + V(1) / 4) = 4 - (-1 - 1/2 + 10 / 4) = 3; 0 -> 1 -> 2 is best: 0."""
    states, actions = np.array([[0, 0, 1], [0, 1, 2]]), np.array([[0, 1], [1, 1]])
    segments = TabularSegments(states=states, actions=actions, features=np.zeros((2, 2, 2)))
    assert regret(segments, corridor().solve(), 0.5) == pytest.approx([3.0, 0.0])


def test_outcomes_come_as_often_as_they_should() -> None:
    """Of 20 000 steps with 30 % and 70 %, within 4.5 deviations."""
    mdp = corridor(
        next_state=np.array([[[0, 1], [0, 1]], [[0, 0], [2, 2]], [[2, 2], [2, 2]]]),
        probability=np.broadcast_to([0.3, 0.7], (3, 2, 2)).copy(),
        features=np.zeros((3, 2, 2, 2)),
        is_start=np.array([True, False, False]),
    )
    segments = mdp.segments(20_000, 1, np.random.default_rng(0))
    assert abs((segments.states[:, 1] == 1).mean() - 0.7) < 4.5 * (0.21 / 20_000) ** 0.5


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"weights": np.zeros(3)}, "do not fit together"),
        ({"probability": np.full((3, 2, 1), 0.5)}, "must sum to 1"),
        ({"is_terminal": np.array([False, True, True])}, "must lead to itself and have features of 0"),
        ({"is_start": np.array([False, False, True])}, "states to start from, none of them terminal"),
        ({"is_start": np.array([False, False, False])}, "states to start from"),
    ],
)
def test_what_is_no_env_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        corridor(**changes)
