"""The recorder: a ring of the latest steps of every environment, from which segments are sampled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import torch

from prefgym.buffers.base_recorder import BaseRecorder
from prefgym.buffers.ring import Layout, Row, RowRing
from prefgym.buffers.statistics import EpisodeStatistics
from prefgym.common.limits import Count, Natural, check
from prefgym.common.states import State

FloatArray = npt.NDArray[np.floating]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
Frames = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class RecorderCfg:
    """Capacity of the recorder, and optional columns."""

    capacity_steps: Count = 1_000_000
    """Steps kept over all environments; the oldest are overwritten."""
    capacity_bytes: Count = 2**30
    """Memory of the recorder, in bytes; the smaller of the two capacities applies."""
    state: bool = True
    """Whether physics states are kept, for clips of the segments in queries."""
    frame_height: Natural = 0
    """Height in pixels of the images kept of every step, as the environments render them, for the clips of queries and
    of the last policy; 0 keeps none, and clips are drawn from physics states, if environments have these. Images are
    scaled down, never up, and count as memory."""

    __post_init__ = check


class Recorder(BaseRecorder):
    """Records of N environments of arrays; a step may cover only some of them.

    If images are kept, a row has the image of its observation. The first images determine their size: the ring is then
    rebuilt with fewer rows.

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
        self.cfg = cfg or RecorderCfg()
        self._layout: Layout = {
            "obs": ((obs_dim,), torch.float32),
            "action": ((action_dim,), torch.float32),
            "reward": ((), torch.float64),
            "factors": ((len(factor_names),), torch.float32),
            "state": ((state_dim if self.cfg.state else 0,), torch.float64),
            "frames": ((0, 0, 3), torch.uint8),
            "kind": ((), torch.int8),
            "episode": ((), torch.int32),
            "step": ((), torch.int32),
        }
        ring, statistics = self._make_ring(num_envs, (0, 0, 3)), EpisodeStatistics(num_envs, num_averaged)
        self._statistics = statistics
        super().__init__(ring, statistics, has_reward=has_reward, factor_names=factor_names)
        self._num_episodes = 0

    @classmethod
    def of_episodes(
        cls,
        *,
        obs: Sequence[FloatArray],
        action: Sequence[FloatArray],
        reward: Sequence[FloatArray],
        terminated: Sequence[bool],
        factors: Mapping[str, Sequence[FloatArray]] | None = None,
        state: Sequence[FloatArray] | None = None,
    ) -> "Recorder":
        """Record whole episodes, one after the other in one environment; none takes more room than it needs.

        Args:
            obs: Observations of each. Shape of each: (T+1, O).
            action: Shape of each: (T, A).
            reward: Task reward. Shape of each: (T,).
            terminated: Whether each ended by a termination; the others were truncated.
            factors: By name. Shape of each: (T,).
            state: Physics states. Shape of each: (T+1, S).
        """
        factors = factors or {}
        length: IntArray = np.array([len(one) for one in reward], np.int64)
        ends = np.cumsum(length + 1) - 1  # rows of the last observations
        total = int(ends[-1]) + 1
        room = RecorderCfg(capacity_steps=total, capacity_bytes=10**15)
        sizes = obs[0].shape[1], action[0].shape[1]
        recorder = cls(
            1,
            *sizes,
            factor_names=tuple(factors),
            state_dim=state[0].shape[1] if state else 0,
            num_averaged=len(length),
            cfg=room,
        )
        taken = np.ones(total, np.bool_)
        taken[ends] = False
        recorder._obs[:] = np.concatenate(obs)
        if state:
            recorder._state[:] = np.concatenate(state)
        recorder._action[taken], recorder._reward[taken] = np.concatenate(action), np.concatenate(reward)
        for column, name in enumerate(factors):
            recorder._factors[taken, column] = np.concatenate(factors[name])
        recorder._kind[:] = Row.STEP
        recorder._kind[ends] = np.where(terminated, Row.TERMINATED, Row.TRUNCATED)
        recorder._episode[:] = np.repeat(np.arange(len(length)), length + 1)
        recorder._step[:] = np.concatenate([np.arange(len(one) + 1) for one in reward])
        recorder._move_head(slice(None), ends[-1:])
        recorder._num_moves[:], recorder.num_steps, recorder._num_episodes = ends[-1], int(length.sum()), len(length)
        # sums in the order of the steps, and episodes in that of their ends, as if they were played side by side
        for episode in map(int, np.lexsort((~np.asarray(terminated), length))):
            recorder._statistics.add(np.cumsum(reward[episode])[-1:], slice(None), int(length[episode]))
            recorder._statistics.finish(np.zeros(1, np.int64))
        return recorder

    def _make_ring(self, num_envs: int, frame_shape: tuple[int, ...]) -> RowRing:
        layout = {**self._layout, "frames": (frame_shape, torch.uint8)}
        room = {"capacity_steps": self.cfg.capacity_steps, "capacity_bytes": self.cfg.capacity_bytes}
        return RowRing(num_envs, layout, device=torch.device("cpu"), **room)

    def _use(self, ring: RowRing) -> None:
        """Write into a ring through arrays that share its memory: they are faster than tensors for few numbers."""
        super()._use(ring)
        arrays = {name: column.numpy() for name, column in ring.columns.items()}
        self._obs, self._action, self._reward = arrays["obs"], arrays["action"], arrays["reward"]
        self._factors, self._state, self._frames = arrays["factors"], arrays["state"], arrays["frames"]
        self._kind, self._episode, self._step = arrays["kind"], arrays["episode"], arrays["step"]
        self._head: IntArray = ring.head.numpy()
        self._num_moves: IntArray = ring.num_moves.numpy()
        self._first_row: IntArray = ring.first_row.numpy()
        self._next: IntArray = ring.after().numpy()

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
            frames: Images, all of one size. Shape: (N, H, W, 3).

        Raises:
            ValueError: If the first images are so large that fewer than two rows an environment remain.
        """
        if frames is not None and not self._frames.size:
            self._use(self._make_ring(self.num_envs, frames.shape[1:]))
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

        `next_obs` and `state` are those after the step, before any reset. So are `frames`, except at the end of an
        episode, since no step follows and the image is never shown.

        Raises:
            gymnasium.error.ResetNeeded: If an episode has ended, and none has begun.
        """
        index = slice(None) if mask is None else np.flatnonzero(mask)
        head, after = self._head[index], self._next[index]
        if (self._kind[head] != Row.OPEN).any():
            ended = np.arange(self.num_envs)[index][self._kind[head] != Row.OPEN][0]
            raise gym.error.ResetNeeded(f"environment {ended} has no running episode: call reset() before step()")
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
        self._statistics.add(reward[index], index)
        self.num_steps += len(head)
        self._move_head(index, after)
        if terminated.any() or truncated.any():
            here = np.ones(self.num_envs, np.bool_) if mask is None else mask
            self._finish(np.flatnonzero(here & terminated), Row.TERMINATED)
            self._finish(np.flatnonzero(here & truncated & ~terminated), Row.TRUNCATED)

    def state_dict(self) -> State:
        """Return the state to resume from, without the rows, which are in shards."""
        counters = {"num_episodes": self._num_episodes, "frame_shape": list(self._frames.shape[1:])}
        return {**super().state_dict(), **counters}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned; `load_shards` loads the rows."""
        if state["frame_shape"] != list(self._frames.shape[1:]):
            self._use(self._make_ring(self.num_envs, tuple(state["frame_shape"])))
        super().load_state_dict(state)
        self._next = self._ring.after().numpy()
        self._num_episodes = state["num_episodes"]

    def _move_head(self, index: IntArray | slice, rows: IntArray) -> None:
        first_row = self._first_row[index]
        self._num_moves[index] += self._head[index] != rows
        self._head[index] = rows
        self._next[index] = np.where(rows + 1 == first_row + self._ring.num_rows, first_row, rows + 1)

    def _finish(self, index: IntArray, kind: Row) -> None:
        self._kind[self._head[index]] = kind
        self._statistics.finish(index)
