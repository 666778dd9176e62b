"""The index of windows: the rows at which segments may start, and the rows of a segment."""

from dataclasses import dataclass

import torch
from torch import Tensor

from prefgym.buffers.ring import Row, RowRing


@dataclass(frozen=True, eq=False, kw_only=True)
class Windows:
    """Windows of at most T steps, each inside one episode."""

    rows: Tensor
    """Rows from the first on; those past the end of the episode are padding. Shape: (..., T+1)."""
    length: Tensor
    """Number of valid steps. Shape: (...,), int64."""
    last_kind: Tensor
    """The `Row` that holds the observation after the last valid step. Shape: (...,)."""
    has_obs: Tensor
    """Which rows hold an observation of the window. Shape: (..., T+1), bool."""

    @property
    def has_step(self) -> Tensor:
        """Return which rows hold a step of the window. Shape: (..., T), bool."""
        return self.has_obs[..., 1:]

    def take(self, column: Tensor, *, after: bool) -> Tensor:
        """Copy the values of a column in the windows, and zeros past their ends.

        Args:
            column: A column of the ring. Shape: (rows, ...).
            after: Whether to include the row after the last step, for observations and states.
        """
        rows, keep = (self.rows, self.has_obs) if after else (self.rows[..., :-1], self.has_step)
        picked = column.index_select(0, rows.flatten()).view(*rows.shape, *column.shape[1:])
        return picked.masked_fill_(~keep.view(*keep.shape, *[1] * (picked.dim() - keep.dim())), 0)


class WindowIndex:
    """Finds windows in a ring of rows."""

    def __init__(self, ring: RowRing) -> None:
        self._ring = ring

    def starts(self, length: int, *, keep_short: bool = True, last_steps: int | None = None) -> Tensor:
        """List the rows at which a window of at most `length` steps may start. Shape: (M,), int64.

        A window that reaches a termination is shortened to it and kept if `keep_short`. One that reaches a truncation
        or the present is left out, since its continuation is unknown.
        """
        ring = self._ring
        depth = recent_depth(last_steps, ring.num_envs, length, ring.num_rows)
        rows = ring.latest(depth)
        kind, index = ring.kind[rows], torch.arange(depth, device=ring.device)
        is_step = kind == Row.STEP
        # the first row from here on that is not a step: the end of the episode
        end = torch.where(is_step, depth, index).flip(1).cummin(1).values.flip(1)
        fits = end - index >= length
        if keep_short:
            fits |= kind.gather(1, end.clamp_max(depth - 1)) == Row.TERMINATED
        return rows[is_step & fits]

    def horizon(self, length: int, last_steps: int | None) -> int:
        """Return the position, in the units of the ends of shards, before which `starts` looks at no row."""
        ring = self._ring
        return int(ring.num_moves.min()) - recent_depth(last_steps, ring.num_envs, length, ring.num_rows)

    def fragments(self, num_steps: int) -> Tensor:
        """List the starts of the trajectory fragments in the latest `num_steps` steps of each environment.

        Fragments are sorted by environment, and within an environment by time. Shape: (M,), int64.

        Raises:
            ValueError: If fewer steps are kept.
        """
        # an episode of one step takes two rows, and the current observation one
        rows = self._ring.latest(min(self._ring.num_rows, 2 * num_steps + 1))
        is_step = self._ring.kind[rows] == Row.STEP
        is_latest = is_step & (is_step.flip(1).cumsum(1).flip(1) <= num_steps)
        if int(is_latest.sum(1).min()) < num_steps:
            raise ValueError(f"the recorder does not keep {num_steps} steps of each environment: give it more capacity")
        begins = is_latest.clone()
        begins[:, 1:] &= ~is_latest[:, :-1]
        return rows[begins]

    def windows(self, starts: Tensor, length: int) -> Windows:
        """Find the windows of at most `length` steps that begin at rows; batch shape is that of `starts`."""
        ring = self._ring
        rows = ring.following(starts.to(ring.device), length + 1)
        kind = ring.kind[rows]
        ended = kind != Row.STEP
        ended[..., -1] = True
        steps = ended.to(torch.uint8).argmax(-1)
        return Windows(
            rows=rows,
            length=steps,
            last_kind=kind.gather(-1, steps.unsqueeze(-1)).squeeze(-1),
            has_obs=torch.arange(length + 1, device=ring.device) <= steps.unsqueeze(-1),
        )


def recent_depth(last_steps: int | None, num_envs: int, length: int, num_rows: int) -> int:
    """Return the number of rows of each environment for the latest steps: at least two segments, if kept.

    Args:
        last_steps: Steps over all environments; None for all that are kept.
        num_envs: Number of environments N.
        length: Longest segment, in steps.
        num_rows: Rows kept of each environment.

    >>> recent_depth(100_000, 64, length=50, num_rows=15_625), recent_depth(100_000, 4096, length=50, num_rows=244)
    (1564, 101)
    """
    if last_steps is None:
        return num_rows
    return min(num_rows, max(-(-last_steps // num_envs), 2 * length) + 1)
