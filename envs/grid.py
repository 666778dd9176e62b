"""Grids in which a van delivers: the one of Knox et al. (arXiv:2206.02231), and random ones of its kind."""

from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from prefgym.theory.mdp import TabularMDP

FEATURES = ("gas", "goal", "sheep", "coin", "roadblock", "brick")
"""Features of the reward, in this order."""
MEANINGS = {
    "gas": "a step that ends neither on brick nor at the goal or a sheep; one against a wall or a house, too",
    "goal": "the goal is reached",
    "sheep": "a sheep is hit",
    "coin": "a move onto a coin",
    "roadblock": "a move onto a roadblock",
    "brick": "a step that ends on brick, but not at the goal or a sheep",
}
"""When each feature is 1; else it is 0."""
CELLS = ("road", "goal", "house", "sheep", "coin", "roadblock")
"""Numbers of the contents of a cell; on brick with 6 more."""
BRICK = len(CELLS)
MOVES = np.array([(-1, 0), (1, 0), (0, -1), (0, 1)])
"""Rows and columns of the actions up, down, left and right."""
DELIVERY = np.array(
    [
        [0, 0, 5, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 4, 0, 0, 0, 0, 6],
        [0, 0, 3, 0, 0, 0, 0, 6, 6, 6],
        [4, 0, 5, 0, 2, 3, 3, 6, 6, 0],
        [6, 6, 0, 0, 0, 0, 0, 0, 0, 0],
        [6, 0, 4, 0, 0, 0, 0, 0, 0, 0],
        [6, 2, 0, 3, 5, 2, 0, 0, 0, 0],
        [0, 4, 0, 0, 0, 0, 0, 10, 6, 6],
        [0, 0, 5, 0, 0, 0, 0, 6, 6, 7],
        [0, 0, 0, 0, 0, 0, 5, 0, 0, 4],
    ]
)
"""The board of the delivery task, as published."""
DELIVERY_WEIGHTS = np.array([-1.0, 50.0, -50.0, 1.0, -1.0, -2.0])
HEIGHTS, WIDTHS = (3, 6, 10, 15), (5, 6, 10)
"""What random boards are drawn from, in cells."""
SHARES = {"sheep": (0.0, 0.1, 0.3), "roadblock": (0.0, 0.1, 0.5, 0.8), "coin": (0.0, 0.1, 0.2)}
"""Shares of cells that hold something, of which those that come to less than 1 together are drawn."""
REWARDS = {
    "gas": (-1,),
    "goal": (0, 1, 5, 10, 50),
    "sheep": (-5, -10, -50, -100),
    "coin": (1,),
    "roadblock": (-2, -5, -10),
    "brick": (-1, -2, -3),
}
"""Rewards of each feature in random boards."""
COLOURS = np.array(
    [(225, 225, 225), (60, 160, 75), (70, 70, 80), (200, 60, 60), (240, 200, 60), (240, 140, 60)], np.uint8
)
"""Colours of the cells, in the order of `CELLS`."""
BRICK_COLOUR, VAN_COLOUR = np.array((190, 130, 110), np.uint8), np.array((40, 90, 200), np.uint8)
CELL_SIZE = 32
"""Height and width of a cell in pictures, in pixels."""
Board = npt.NDArray[np.int64]


def grid_mdp(board: Board, weights: npt.NDArray[np.float64], gamma: float = 0.999) -> TabularMDP:
    """Make the environment of a board; states are its cells, row by row.

    A move costs gas, or onto brick what brick costs; against a wall or a house the van stays, with the reward of its
    own cell. Goals and sheep end the episode, with their own reward only.

    Args:
        board: Numbers of the cells. Shape: (H, W).
        weights: Reward of each of `FEATURES`.
        gamma: Discount per step.
    """
    height, width = board.shape
    cell, on_brick = board % BRICK, board >= BRICK
    row, column = np.indices(board.shape).reshape(2, -1)
    kind, brick = cell.ravel(), on_brick.ravel()
    is_house, is_terminal = kind == CELLS.index("house"), np.isin(kind, [CELLS.index("goal"), CELLS.index("sheep")])
    to_row, to_column = row[:, None] + MOVES[:, 0], column[:, None] + MOVES[:, 1]
    inside = (to_row >= 0) & (to_row < height) & (to_column >= 0) & (to_column < width)
    target = np.clip(to_row, 0, height - 1) * width + np.clip(to_column, 0, width - 1)
    here = np.arange(board.size)[:, None]
    moves = inside & ~is_house[target] & ~is_terminal[:, None]
    next_state = np.where(moves, target, here)
    features = np.zeros((*next_state.shape, len(FEATURES)))
    drives = ~is_terminal[next_state]
    features[..., FEATURES.index("gas")] = drives & ~brick[next_state]
    features[..., FEATURES.index("brick")] = drives & brick[next_state]
    for name in ("goal", "sheep", "coin", "roadblock"):
        features[..., FEATURES.index(name)] = moves & (kind[next_state] == CELLS.index(name))
    features[is_terminal] = 0.0
    return TabularMDP(
        next_state=next_state[..., None],
        probability=np.ones((*next_state.shape, 1)),
        features=features[..., None, :],
        weights=np.asarray(weights, float),
        is_terminal=is_terminal,
        is_start=~is_terminal & ~is_house,
        gamma=gamma,
    )


def random_board(generator: np.random.Generator) -> tuple[Board, npt.NDArray[np.float64]]:
    """Sample a board and the rewards of its features from the sets of Knox et al.

    Returns:
        Numbers of the cells, shape (H, W), and the rewards of `FEATURES`.
    """
    size = int(generator.choice(HEIGHTS)), int(generator.choice(WIDTHS))
    while True:
        shares = {name: float(generator.choice(among)) for name, among in SHARES.items()}
        if sum(shares.values()) < 1:
            break
    board = np.zeros(size[0] * size[1], np.int64)
    order = generator.permutation(board.size)
    board[order[0]] = CELLS.index("goal")
    first = 1
    for name, share in shares.items():
        last = min(first + int(share * board.size), board.size - 1)  # one cell is left to start from
        board[order[first:last]] = CELLS.index(name)
        first = last
    weights = [float(REWARDS["gas"][0]), *(float(generator.choice(REWARDS[name])) for name in FEATURES[1:])]
    return board.reshape(size), np.array(weights)


class GridEnv(gym.Env[Any, Any]):
    """A van on a board, with the task reward."""

    def __init__(
        self, board: Board, weights: npt.NDArray[np.float64], *, gamma: float = 0.999, render_mode: str | None = None
    ) -> None:
        """Put the van on a board.

        Args:
            board: Numbers of the cells. Shape: (H, W).
            weights: Reward of each of `FEATURES`.
            gamma: Discount per step, of the values of `mdp`.
            render_mode: "rgb_array" or None.
        """
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": 4}
        self.board, self.mdp, self.render_mode = board, grid_mdp(board, weights, gamma), render_mode
        self.observation_space: gym.Space[Any] = gym.spaces.Discrete(self.mdp.num_states)
        self.action_space: gym.Space[Any] = gym.spaces.Discrete(self.mdp.num_actions)
        self.state = int(np.flatnonzero(self.mdp.is_start)[0])

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Put the van on a random cell that is neither terminal nor a house."""
        super().reset(seed=seed)
        self.state = int(self.np_random.choice(np.flatnonzero(self.mdp.is_start)))
        return self.state, {}

    def step(self, action: Any) -> tuple[int, float, bool, bool, dict[str, Any]]:  # noqa: ANN401
        """Drive one cell."""
        here, outcome = (self.state, int(action)), 0
        features = self.mdp.features[(*here, outcome)]
        self.state = int(self.mdp.next_state[(*here, outcome)])
        info = {name: float(value) for name, value in zip(FEATURES, features)}
        return self.state, float(features @ self.mdp.weights), bool(self.mdp.is_terminal[self.state]), False, info

    def render(self) -> npt.NDArray[np.uint8] | None:
        """Render the board and the van on it. Shape: (32 H, 32 W, 3)."""
        if self.render_mode is None:
            return None
        picture = np.where((self.board >= BRICK)[..., None], BRICK_COLOUR, COLOURS[0]).astype(np.uint8)
        picture = picture.repeat(CELL_SIZE, 0).repeat(CELL_SIZE, 1)
        picture[::CELL_SIZE] = picture[:, ::CELL_SIZE] = 255  # lines between the cells
        for state, kind in enumerate((self.board % BRICK).ravel()):
            if kind:
                paint(picture, state, self.board.shape[1], COLOURS[kind], margin=5)
        paint(picture, self.state, self.board.shape[1], VAN_COLOUR, margin=10)
        return picture


def paint(picture: npt.NDArray[np.uint8], state: int, width: int, colour: npt.NDArray[np.uint8], margin: int) -> None:
    """Fill the inside of a cell."""
    top, left = (CELL_SIZE * place for place in divmod(state, width))
    picture[top + margin : top + CELL_SIZE - margin + 1, left + margin : left + CELL_SIZE - margin + 1] = colour


def make_delivery(render_mode: str | None = None) -> GridEnv:
    """Make the delivery task."""
    return GridEnv(DELIVERY, DELIVERY_WEIGHTS, render_mode=render_mode)


def make_random(number: int = 0, render_mode: str | None = None) -> GridEnv:
    """Make a random environment of the same kind.

    Args:
        number: Number of the environment: the seed of its board and its rewards.
        render_mode: "rgb_array" or None.
    """
    return GridEnv(*random_board(np.random.default_rng(number)), render_mode=render_mode)
