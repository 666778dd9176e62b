"""The base of recorders of arrays and of tensors: a ring of rows, an index of windows, and statistics of episodes."""

from collections.abc import Iterator, Sequence
from copy import copy
from typing import Self

import torch
from torch import Tensor

from prefgym.buffers.ring import Row, RowRing
from prefgym.buffers.statistics import Statistics
from prefgym.buffers.windows import WindowIndex
from prefgym.common.memory import check_fits
from prefgym.common.states import State
from prefgym.core.segments import Segments


class BaseRecorder:
    """Records of N environments, from which segments are sampled; subclasses write the steps."""

    def __init__(
        self, ring: RowRing, statistics: Statistics, *, has_reward: bool, factor_names: tuple[str, ...]
    ) -> None:
        """Record into a ring.

        Args:
            ring: Rows with the columns obs, action, reward, factors, state, kind, episode and step.
            statistics: Statistics of the episodes.
            has_reward: Whether there is a task reward.
            factor_names: Names of the columns of `factors`.
        """
        self.num_envs, self.has_reward, self.factor_names = ring.num_envs, has_reward, factor_names
        self.num_steps = 0
        self.has_pictures = True
        """Whether segments may have physics states and images, if these are recorded."""
        self._averages = statistics
        self._use(ring)

    def _use(self, ring: RowRing) -> None:
        self._ring, self._index = ring, WindowIndex(ring)

    def starts(self, length: int, *, keep_short: bool = True, last_steps: int | None = None) -> Tensor:
        """List the steps at which a segment of at most `length` steps may start: see `WindowIndex`. Shape: (M,)."""
        return self._index.starts(length, keep_short=keep_short, last_steps=last_steps)

    def fragments(self, num_steps: int) -> Tensor:
        """List the starts of the fragments that make up the latest steps: see `WindowIndex`. Shape: (M,), int64.

        Raises:
            ValueError: If fewer steps are kept.
        """
        return self._index.fragments(num_steps)

    def segments(self, starts: Tensor, length: int, *, truth: bool = True) -> Segments:
        """Copy out the segments that begin at `starts`; batch shape is that of `starts`.

        Args:
            starts: Row numbers from `starts`.
            length: Longest segment, in steps; shorter where the episode ends.
            truth: Whether to include the recorded task reward, factors, physics states and images.
        """
        columns = self._ring.columns
        row = sum(column[0].numel() * column.element_size() for column in columns.values())
        num_bytes = float(starts.numel()) * (length + 1) * row
        check_fits(f"{starts.numel()} segments", num_bytes, "sample fewer, or shorter ones")
        windows = self._index.windows(starts, length)
        first = windows.rows[..., 0]
        has_pictures = truth and self.has_pictures
        has_frames = has_pictures and "frames" in columns and columns["frames"].numel() > 0
        return Segments(
            obs=windows.take(columns["obs"], after=True),
            action=windows.take(columns["action"], after=False),
            length=windows.length,
            terminated=windows.last_kind == Row.TERMINATED,
            truncated=windows.last_kind == Row.TRUNCATED,
            reward=windows.take(columns["reward"], after=False).float() if truth and self.has_reward else None,
            factors={
                name: windows.take(columns["factors"][:, column], after=False)
                for column, name in enumerate(self.factor_names if truth else ())
            },
            state=windows.take(columns["state"], after=True).double() if has_pictures and self.has_states else None,
            frames=windows.take(columns["frames"], after=False) if has_frames else None,
            origin=torch.stack([columns["episode"][first].long(), columns["step"][first].long()], -1),
        )

    def without_states(self) -> Self:
        """View the same steps without physics states and images."""
        view = copy(self)
        view.has_pictures = False
        return view

    def without_truth(self) -> Self:
        """View the same steps without task reward, factors, physics states and images."""
        view = self.without_states()
        view.has_reward, view.factor_names = False, ()
        return view

    def episodes(self, length: int | None = None, *, truth: bool = True) -> Segments:
        """Copy out all episodes whose first step is still kept.

        Args:
            length: Padded length, in steps; None for the length of the longest episode.
            truth: As in `segments`.

        Raises:
            ValueError: If there is none.
        """
        starts = self.starts(1)
        steps = self._ring.columns["step"][starts]
        if not (steps == 0).any():
            raise ValueError("there is no episode of which the beginning is recorded: raise the recorder's capacity")
        return self.segments(starts[steps == 0], length or int(steps.max()) + 1, truth=truth)

    def episode_groups(self, *, truth: bool = True, room: int = 2**22) -> Iterator[Segments]:
        """Yield all episodes as `episodes` returns them, in groups that take no more than `room` steps with padding.

        An episode that is longer is a group of its own.

        Raises:
            ValueError: If there is no episode.
        """
        starts = self.starts(1)
        first = (self._ring.columns["step"][starts] == 0).nonzero().squeeze(-1)
        if not len(first):
            raise ValueError("there is no episode of which the beginning is recorded: raise the recorder's capacity")
        ends_of = [*map(int, first[1:]), len(starts)]
        length = [end - int(begin) for begin, end in zip(first, ends_of)]
        begins = 0
        while begins < len(length):
            ends, longest = begins, 0
            while ends < len(length) and (ends == begins or (ends + 1 - begins) * max(longest, length[ends]) <= room):
                ends, longest = ends + 1, max(longest, length[ends])
            yield self.segments(starts[first[begins:ends]], longest, truth=truth)
            begins = ends

    @property
    def num_rows(self) -> int:
        """Return the number of rows of each environment: an episode of L steps takes L + 1."""
        return self._ring.num_rows

    @property
    def row_bytes(self) -> int:
        """Return the bytes of a row."""
        return sum(column[:1].numel() * column.element_size() for column in self._ring.columns.values())

    @property
    def sizes(self) -> tuple[int, int]:
        """Return the dimensions of observations and actions."""
        return self._ring.columns["obs"].shape[1], self._ring.columns["action"].shape[1]

    @property
    def state_size(self) -> int:
        """Return the dimension S of physics states; 0 if none are kept."""
        return self._ring.columns["state"].shape[1] if self.has_pictures else 0

    @property
    def has_states(self) -> bool:
        """Return whether physics states are kept."""
        return self.state_size > 0

    def step_return(self) -> float:
        """Return the task reward per step over the latest episodes, or over all steps before one ended."""
        return self._averages.step_return()

    def shard(self) -> tuple[State, int]:
        """Copy the rows written since the last shard: see `RowRing`."""
        return self._ring.shard()

    @property
    def horizon(self) -> int:
        """Return the position up to which rows are overwritten, in the units of the ends of shards."""
        return self._ring.horizon

    def horizon_of(self, last_steps: int | None, length: int) -> int:
        """Return the position up to which rows are older than the most recent steps; arguments as in `starts`."""
        return self._index.horizon(length, last_steps)

    def state_dict(self) -> State:
        """Return the state to resume from, without the rows, which are in shards."""
        return {**self._ring.state_dict(), **self._averages.state_dict(), "num_steps": self.num_steps}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned; `load_shards` loads the rows."""
        self._ring.load_state_dict(state)
        self._averages.load_state_dict(state)
        self.num_steps = state["num_steps"]

    def load_shards(self, shards: Sequence[State]) -> None:
        """Write the rows of shards, the oldest first."""
        self._ring.load_shards(shards)
