"""The recorder: a ring of the latest steps of every environment, from which segments are drawn."""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from prefgym.common.limits import Count, Natural, check
from prefgym.common.states import State
from prefgym.core.segments import Segments

FloatArray = npt.NDArray[np.floating]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
Frames = npt.NDArray[np.uint8]
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, kw_only=True)
class RecorderCfg:
    """How much is kept."""

    capacity_steps: Count = 1_000_000
    """Steps kept over all environments; the oldest are overwritten."""
    capacity_bytes: Count = 2**30
    """Memory the recorder may take, in bytes; the smaller of the two capacities holds."""
    state: bool = True
    """Whether physics states are kept, for clips of the segments that were asked about."""
    frame_height: Natural = 0
    """Height in pixels of the pictures kept of every step, for the same clips where envs cannot tell their states; 0
    keeps none. Pictures are made smaller, never larger, than envs draw them, and count as memory; envs that tell
    their states are not drawn."""

    __post_init__ = check


_COLUMNS = ("obs", "action", "reward", "factors", "state", "frames", "kind", "episode", "step")
_COUNTERS = ("head", "next", "num_moves", "num_episodes", "returns", "lengths")


class Row(IntEnum):
    """What a row of the ring holds."""

    EMPTY = 0
    """Nothing yet."""
    STEP = 1
    """An observation, and the step taken from it."""
    OPEN = 2
    """The observation a running episode has reached."""
    TERMINATED = 3
    """The last observation of an episode that terminated."""
    TRUNCATED = 4
    """The last observation of an episode that was cut off: by a time limit, or by a reset."""


def recent_depth(last_steps: int | None, num_envs: int, length: int, num_rows: int) -> int:
    """Return how many rows of each env the latest steps take: two segments of each at least, as far as they are kept.

    Args:
        last_steps: Steps over all environments; None for all that are kept.
        num_envs: Number of environments N.
        length: Longest segment, in steps.
        num_rows: Rows kept of each world.

    >>> recent_depth(100_000, 64, length=50, num_rows=15_625), recent_depth(100_000, 4096, length=50, num_rows=244)
    (1564, 101)
    """
    if last_steps is None:
        return num_rows
    return min(num_rows, max(-(-last_steps // num_envs), 2 * length) + 1)


class Recorder:
    """A ring of rows for each of N environments; an episode of L steps takes L + 1 rows.

    A terminated episode of two steps and a running one that has taken one step look like this:

        row     0     1     2           3     4
        kind    STEP  STEP  TERMINATED  STEP  OPEN
        obs     s0    s1    s2          s0'   s1'
        action  a0    a1    -           a0'   -

    so that every window of an episode is contiguous, its last observation included. Where pictures are kept, a row has
    that of its observation; the rows are made anew, and fewer, when the first pictures tell their size.

    Raises:
        ValueError: If the capacities leave fewer than two rows an environment.
    """

    def __init__(
        self,
        num_envs: int,
        obs_dim: int,
        action_dim: int,
        *,
        has_reward: bool = True,
        factor_names: tuple[str, ...] = (),
        state_dim: int = 0,
        num_averaged: int = 10,
        cfg: RecorderCfg | None = None,
    ) -> None:
        self.cfg, self.has_reward = cfg or RecorderCfg(), has_reward
        self.num_envs, self.factor_names = num_envs, factor_names
        self._widths = obs_dim, action_dim, len(factor_names), state_dim if self.cfg.state else 0
        self._make_rows((0, 0, 3))
        self._num_episodes = 0
        self.num_steps = 0
        self._returns = np.zeros(num_envs)
        self._lengths = np.zeros(num_envs, np.int64)
        self._finished: deque[tuple[float, int]] = deque(maxlen=num_averaged)

    def begin(
        self,
        obs: FloatArray,
        mask: BoolArray | None = None,
        state: FloatArray | None = None,
        frames: Frames | None = None,
    ) -> None:
        """Start new episodes; those that were running are recorded as truncated.

        Args:
            obs: First observations. Shape: (N, O).
            mask: Environments in which an episode starts; None for all. Shape: (N,).
            state: Physics states. Shape: (N, S).
            frames: Pictures, all of one size. Shape: (N, H, W, 3).

        Raises:
            ValueError: If the first pictures are so large that fewer than two rows an environment are left.
        """
        if frames is not None and not self._frames.size:
            self._make_rows(frames.shape[1:])
        index = np.arange(self.num_envs) if mask is None else np.flatnonzero(mask)
        head = self._head[index]
        running = index[(self._kind[head] == Row.OPEN) & (self._step[head] > 0)]
        self._finish(running, Row.TRUNCATED)
        head = np.where(self._step[head] > 0, self._next[index], head)  # an episode without a step is dropped
        self._move_head(index, head)
        self._obs[head] = obs[index]
        self._kind[head] = Row.OPEN
        self._episode[head] = self._num_episodes + np.arange(len(index))
        self._step[head] = 0
        self._num_episodes += len(index)
        if state is not None and self._state.shape[1]:
            self._state[head] = state[index]
        if frames is not None:
            self._frames[head] = frames[index]

    def add(
        self,
        action: FloatArray,
        reward: FloatArray,
        next_obs: FloatArray,
        terminated: BoolArray,
        truncated: BoolArray,
        *,
        mask: BoolArray | None = None,
        factors: Mapping[str, FloatArray] | None = None,
        state: FloatArray | None = None,
        frames: Frames | None = None,
    ) -> None:
        """Record one step of every environment in `mask`; arrays have the leading axis N.

        `next_obs` and `state` are those the step led to, before any reset. So are `frames`, but where an episode ended:
        no step follows, and the picture is never shown.
        """
        index = slice(None) if mask is None else np.flatnonzero(mask)
        head, after = self._head[index], self._next[index]
        self._kind[head] = Row.STEP
        self._action[head] = action[index]
        self._reward[head] = reward[index]
        for column, name in enumerate(self.factor_names):
            if factors is not None:
                self._factors[head, column] = factors[name][index]
        self._obs[after] = next_obs[index]
        if state is not None and self._state.shape[1]:
            self._state[after] = state[index]
        if frames is not None:
            self._frames[after] = frames[index]
        self._kind[after] = Row.OPEN
        self._episode[after] = self._episode[head]
        self._step[after] = self._step[head] + 1
        self._returns[index] += reward[index]
        self._lengths[index] += 1
        self.num_steps += len(head)
        self._move_head(index, after)
        if terminated.any() or truncated.any():
            here = np.ones(self.num_envs, np.bool_) if mask is None else mask
            self._finish(np.flatnonzero(here & terminated), Row.TERMINATED)
            self._finish(np.flatnonzero(here & truncated & ~terminated), Row.TRUNCATED)

    def starts(self, length: int, *, keep_short: bool = True, last_steps: int | None = None) -> Tensor:
        """List the steps at which a segment of at most `length` steps may start. Shape: (M,), int64.

        A window that meets a termination is cut there and kept if `keep_short`; one that meets a truncation, or the
        present, is left out, since nothing says what would have come.
        """
        depth = recent_depth(last_steps, self.num_envs, length, self.num_rows)
        rows = self._latest_rows(depth)
        kind = self._kind[rows]
        index = np.arange(depth)
        # the first row from here on that is not a step: the end of the episode
        end = np.minimum.accumulate(np.where(kind == Row.STEP, depth, index)[:, ::-1], axis=1)[:, ::-1]
        left = end - index
        fits = left >= length
        if keep_short:
            end_kind = np.take_along_axis(kind, np.minimum(end, depth - 1), axis=1)
            fits |= end_kind == Row.TERMINATED
        return torch.as_tensor(rows[(kind == Row.STEP) & fits])

    def fragments(self, num_steps: int) -> Tensor:
        """List where the trajectory fragments begin that the latest `num_steps` steps of each environment are made of.

        The order is environment by environment, and within an environment that of time. Shape: (M,), int64.

        Raises:
            ValueError: If not so many steps are kept.
        """
        # an episode of one step takes two rows, and the current observation one
        rows = self._latest_rows(min(self.num_rows, 2 * num_steps + 1))
        is_step = self._kind[rows] == Row.STEP
        is_latest = is_step & (is_step[:, ::-1].cumsum(1)[:, ::-1] <= num_steps)
        if int(is_latest.sum(1).min()) < num_steps:
            raise ValueError(f"the recorder does not keep {num_steps} steps of each environment: give it more capacity")
        begins = is_latest.copy()
        begins[:, 1:] &= ~is_latest[:, :-1]
        return torch.as_tensor(rows[begins])

    def segments(self, starts: Tensor, length: int, *, truth: bool = True) -> Segments:
        """Copy out the segments that begin at `starts`; batch shape is that of `starts`.

        Args:
            starts: Row numbers as given by `starts`.
            length: Longest segment, in steps; shorter where the episode ends.
            truth: Whether task reward, factors, physics state and pictures come along, as far as there are any.
        """
        first = starts.numpy()[..., None]
        base = first // self.num_rows * self.num_rows
        rows = base + (first - base + np.arange(length + 1)) % self.num_rows
        ended = self._kind[rows] != Row.STEP
        ended[..., -1] = True
        steps = ended.argmax(-1)  # valid steps: (...,)
        last_kind = np.take_along_axis(self._kind[rows], steps[..., None], -1)[..., 0]
        index = np.arange(length + 1)
        seen, taken = index <= steps[..., None], index[:-1] < steps[..., None]
        taken_rows = rows[..., :-1]

        def pick(array: npt.NDArray[Scalar], at: IntArray, keep: BoolArray) -> Tensor:
            picked = array[at]
            picked[~keep] = 0
            return torch.as_tensor(picked)

        return Segments(
            obs=pick(self._obs, rows, seen),
            action=pick(self._action, taken_rows, taken),
            length=torch.as_tensor(steps),
            terminated=torch.as_tensor(last_kind == Row.TERMINATED),
            truncated=torch.as_tensor(last_kind == Row.TRUNCATED),
            reward=pick(self._reward, taken_rows, taken).float() if truth and self.has_reward else None,
            factors={
                name: pick(self._factors[:, column], taken_rows, taken)
                for column, name in enumerate(self.factor_names if truth else ())
            },
            state=pick(self._state, rows, seen) if truth and self._state.shape[1] else None,
            frames=pick(self._frames, taken_rows, taken) if truth and self._frames.size else None,
            origin=torch.as_tensor(np.stack([self._episode[first[..., 0]], self._step[first[..., 0]]], -1)).long(),
        )

    def episodes(self, length: int | None = None, *, truth: bool = True) -> Segments:
        """Copy out all episodes of which the beginning is kept.

        Args:
            length: Longest that may be, in steps; None for that of the longest one.
            truth: As in `segments`.

        Raises:
            ValueError: If there is none.
        """
        starts = self.starts(1)
        steps = self._step[starts.numpy()]
        if not (steps == 0).any():
            raise ValueError("there is no episode of which the beginning is recorded")
        return self.segments(starts[torch.as_tensor(steps == 0)], length or int(steps.max()) + 1, truth=truth)

    @property
    def sizes(self) -> tuple[int, int]:
        """Return how many numbers an observation and an action have."""
        return self._widths[0], self._widths[1]

    @property
    def has_states(self) -> bool:
        """Return whether physics states are kept."""
        return self._state.shape[1] > 0

    def step_return(self) -> float:
        """Return the task reward per step over the last `num_averaged` episodes, or over all steps before one ended."""
        if self._finished:
            return sum(total for total, _ in self._finished) / sum(length for _, length in self._finished)
        return float(self._returns.sum() / max(int(self._lengths.sum()), 1))

    def shard(self) -> tuple[State, int]:
        """Copy the rows written since the last shard, the one that was current then included, for `load_shards`.

        Returns:
            The rows, and how far they reach: the shard is needed until `horizon` gets there.
        """
        # the newest rows of each environment by age, as many as are new: (N, depth)
        num_new = np.minimum(self._num_moves - self._num_moves_saved + 1, self.num_rows)
        ages = np.arange(int(num_new.max()))
        slots = ((self._head - self._first_row)[:, None] - ages) % self.num_rows
        rows: IntArray = (self._first_row[:, None] + slots)[ages < num_new[:, None]]
        self._num_moves_saved = self._num_moves.copy()
        picked = {name: array[rows] for name, array in self._columns().items()}
        return {"rows": rows, **picked}, int(self._num_moves.max())

    @property
    def horizon(self) -> int:
        """Return up to where everything has been overwritten, in the units in which shards end."""
        return int(self._num_moves.min()) - self.num_rows

    def state_dict(self) -> State:
        """Return the state to resume from but the rows, which are in shards."""
        state = {name: getattr(self, f"_{name}") for name in _COUNTERS}
        finished = [list(pair) for pair in self._finished]
        return state | {"num_steps": self.num_steps, "finished": finished, "frame_shape": list(self._frames.shape[1:])}

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned; the rows come from `load_shards`."""
        if state["frame_shape"] != list(self._frames.shape[1:]):
            self._make_rows(tuple(state["frame_shape"]))
        for name in _COUNTERS:
            value = state[name]
            setattr(self, f"_{name}", value.numpy().copy() if isinstance(value, Tensor) else value)
        self._num_moves_saved = self._num_moves.copy()
        self.num_steps = state["num_steps"]
        self._finished.clear()
        self._finished.extend((total, length) for total, length in state["finished"])

    def load_shards(self, shards: Sequence[State]) -> None:
        """Write the rows of shards, the oldest first."""
        for shard in shards:
            for name, array in self._columns().items():
                array[shard["rows"].numpy()] = shard[name].numpy()

    def _make_rows(self, frame_shape: tuple[int, ...]) -> None:
        obs_dim, action_dim, num_factors, state_dim = self._widths
        row_bytes = 4 * (obs_dim + action_dim + num_factors) + 8 * (state_dim + 1) + 4 + 4 + 1 + math.prod(frame_shape)
        self.num_rows = min(self.cfg.capacity_steps, self.cfg.capacity_bytes // row_bytes) // self.num_envs
        if self.num_rows < 2:
            room = f"{self.num_rows} rows of {row_bytes} bytes for each of {self.num_envs} environments"
            raise ValueError(f"the recorder's capacity leaves {room}")
        rows = self.num_envs * self.num_rows
        self._obs = np.zeros((rows, obs_dim), np.float32)
        self._action = np.zeros((rows, action_dim), np.float32)
        self._reward = np.zeros(rows, np.float64)
        self._factors = np.zeros((rows, num_factors), np.float32)
        self._state = np.zeros((rows, state_dim), np.float64)
        self._frames = np.zeros((rows, *frame_shape), np.uint8)
        self._kind = np.zeros(rows, np.int8)
        self._episode = np.zeros(rows, np.int32)
        self._step = np.zeros(rows, np.int32)
        self._first_row = np.arange(self.num_envs) * self.num_rows
        self._head = self._first_row.copy()  # the row of each environment's current observation
        self._next = self._head + 1
        self._num_moves = np.zeros(self.num_envs, np.int64)  # of each environment's head, so far
        self._num_moves_saved = self._num_moves.copy()  # and at the last shard

    def _columns(self) -> dict[str, npt.NDArray[Any]]:
        return {name: getattr(self, f"_{name}") for name in _COLUMNS}

    def _latest_rows(self, depth: int) -> IntArray:
        """List the latest rows of each environment, the current one last. Shape: (N, depth)."""
        slots = (self._head - self._first_row)[:, None] - np.arange(depth)[::-1]
        return self._first_row[:, None] + slots % self.num_rows

    def _move_head(self, index: IntArray | slice, rows: IntArray) -> None:
        first_row = self._first_row[index]
        self._num_moves[index] += self._head[index] != rows
        self._head[index] = rows
        self._next[index] = np.where(rows + 1 == first_row + self.num_rows, first_row, rows + 1)

    def _finish(self, index: IntArray, kind: Row) -> None:
        self._kind[self._head[index]] = kind
        self._finished.extend((float(self._returns[w]), int(self._lengths[w])) for w in index)
        self._returns[index] = 0.0
        self._lengths[index] = 0
