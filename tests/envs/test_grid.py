"""The delivery grid, cell by cell, and random ones."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given
from hypothesis import strategies as st

import prefgym
from prefgym.common.errors import UserError
from prefgym.envs.grid import CELLS, DELIVERY, FEATURES, GridEnv, grid_mdp, make_delivery, make_random, random_board

UP, DOWN, LEFT, RIGHT = range(4)
WEIGHTS = np.array([-1.0, 50.0, -50.0, 1.0, -1.0, -2.0])
#  road  coin  house
#  brick sheep goal on brick
BOARD = np.array([[0, 4, 2], [6, 3, 7]])


@pytest.mark.parametrize(
    ("state", "action", "after", "reward"),
    [
        (0, RIGHT, 1, 0.0),  # gas -1, coin +1
        (0, UP, 0, -1.0),  # the wall: gas
        (0, DOWN, 3, -2.0),  # brick instead of gas
        (3, LEFT, 3, -2.0),  # the wall, on brick
        (1, RIGHT, 1, -1.0),  # the house: the coin is not taken again
        (1, DOWN, 4, -50.0),  # the sheep, and nothing else
        (3, RIGHT, 4, -50.0),
        (4, RIGHT, 4, 0.0),  # nothing happens after the end
        (5, UP, 5, 0.0),
    ],
)
def test_moves(state: int, action: int, after: int, reward: float) -> None:
    """Rewards as published: gas -1, brick -2, coin +1, sheep -50, goal +50."""
    mdp = grid_mdp(BOARD, WEIGHTS)
    assert mdp.next_state[state, action, 0] == after
    assert mdp.features[state, action, 0] @ WEIGHTS == reward


def test_the_goal_on_brick() -> None:
    """From the cell above it, were that no house: +50 alone."""
    board = BOARD.copy()
    board[0, 2] = CELLS.index("road")
    mdp = grid_mdp(board, WEIGHTS)
    assert mdp.next_state[2, DOWN, 0] == 5
    assert mdp.features[2, DOWN, 0].tolist() == [0, 1, 0, 0, 0, 0]


def test_the_published_board() -> None:
    """92 cells to start from; the best policy drives from the corner to the goal."""
    mdp = make_delivery().mdp
    assert DELIVERY.shape == (10, 10)
    assert int(mdp.is_start.sum()) == 92
    best = mdp.solve()
    state, visited = 0, [0]
    while not mdp.is_terminal[state]:
        state = int(mdp.next_state[state, best.policy[state].argmax(), 0])
        visited.append(state)
        assert len(visited) < 40
    assert DELIVERY.flat[state] % len(CELLS) == CELLS.index("goal")
    assert mdp.mean_return(best.policy) > 40 > 0 > mdp.mean_return(mdp.uniform)


@given(seed=st.integers(0, 10_000))
def test_random_boards(seed: int) -> None:
    """One goal, sizes and rewards of the sets, somewhere to start."""
    board, weights = random_board(np.random.default_rng(seed))
    assert board.shape[0] in (3, 6, 10, 15) and board.shape[1] in (5, 6, 10)
    assert (board == CELLS.index("goal")).sum() == 1
    assert weights.shape == (len(FEATURES),)
    assert weights[0] == -1
    mdp = grid_mdp(board, weights)
    assert mdp.is_start.any()
    assert mdp.solve().value[mdp.is_terminal] == pytest.approx(0.0)


def test_the_number_says_which_env() -> None:
    one, same, other = make_random(3), make_random(3), make_random(4)
    assert (one.board == same.board).all()
    assert one.board.shape != other.board.shape or (one.board != other.board).any()


@pytest.mark.parametrize("env_id", ["prefgym/Delivery-v0", "prefgym/RandomMDP-v0"])
def test_they_are_registered_and_pass_gymnasiums_check(env_id: str) -> None:
    env = gym.make(env_id, render_mode="rgb_array").unwrapped
    check_env(env)
    assert isinstance(env, GridEnv)


def test_pictures_show_where_the_van_is() -> None:
    """Two cells change when it drives; what a cell holds is painted in its colour."""
    env = GridEnv(BOARD, WEIGHTS, render_mode="rgb_array")
    env.reset(seed=0)
    env.state = 0
    before = env.render()
    assert before is not None
    assert before.shape == (64, 96, 3)
    env.step(RIGHT)
    after = env.render()
    assert after is not None
    changed = (before != after).any(-1).reshape(2, 32, 3, 32).any((1, 3))
    assert changed.tolist() == [[True, True, False], [False, False, False]]
    assert (after[32 + 16, 32 + 16] == (200, 60, 60)).all()  # the sheep


def test_an_episode() -> None:
    """Right, down into the sheep: rewards 0 and -50, terminated; information names the features."""
    env = GridEnv(BOARD, WEIGHTS)
    env.reset(seed=0)
    env.state = 0
    assert env.step(RIGHT)[1:3] == (0.0, False)
    _, reward, terminated, truncated, info = env.step(DOWN)
    assert (reward, terminated, truncated) == (-50.0, True, False)
    assert info == {"gas": 0.0, "goal": 0.0, "sheep": 1.0, "coin": 0.0, "roadblock": 0.0, "brick": 0.0}


def test_the_online_loop_says_that_it_takes_boxes() -> None:
    with pytest.raises(UserError, match="prefgym/Delivery-v0 cannot be used"):
        prefgym.train("prefgym/Delivery-v0", out="run")
