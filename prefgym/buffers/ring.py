"""The ring of rows: the storage of a recorder's latest steps, and the shards of it in checkpoints."""

import math
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from prefgym.common.states import State

Layout: TypeAlias = Mapping[str, tuple[tuple[int, ...], torch.dtype]]
"""The columns of a row: shape and type of each."""


class Row(IntEnum):
    """The content of a row of the ring."""

    EMPTY = 0
    """No data yet."""
    STEP = 1
    """An observation, and the step taken at it."""
    OPEN = 2
    """The current observation of a running episode."""
    TERMINATED = 3
    """The last observation of an episode that terminated."""
    TRUNCATED = 4
    """The last observation of an episode that was truncated: by a time limit, or by a reset."""


class RowRing:
    """Rows of N environments, as many as fit; the oldest are overwritten. Environment i has rows iR..iR+R-1.

    An episode of L steps takes L + 1 rows, so that every window of it is contiguous, its last observation included.
    A terminated episode of two steps and a running one that has taken one step look like this:

        row     0     1     2           3     4
        kind    STEP  STEP  TERMINATED  STEP  OPEN
        obs     s0    s1    s2          s0'   s1'
        action  a0    a1    -           a0'   -

    The head of an environment is the row of its current observation. Columns are tensors; on a CPU, NumPy's views of
    them share their memory.

    Raises:
        ValueError: If the capacities leave fewer than two rows an environment.
    """

    def __init__(
        self, num_envs: int, layout: Layout, *, capacity_steps: int, capacity_bytes: int, device: torch.device
    ) -> None:
        """Make empty rows.

        Args:
            num_envs: N.
            layout: The columns, with a column `kind` of `Row` among them.
            capacity_steps: Rows over all environments.
            capacity_bytes: Memory of the columns; the smaller of the two capacities applies.
            device: Device of the columns.
        """
        row_bytes = sum(math.prod(shape) * dtype.itemsize for shape, dtype in layout.values())
        self.num_envs, self.device = num_envs, device
        self.num_rows = min(capacity_steps, capacity_bytes // row_bytes) // num_envs
        if self.num_rows < 2:
            room = f"{self.num_rows} rows of {row_bytes} bytes for each of {num_envs} environments"
            raise ValueError(
                f"the recorder's capacity leaves {room}, and it needs two rows or more: raise the capacity"
            )
        rows = num_envs * self.num_rows
        self.columns = {name: _zeros((rows, *shape), dtype, device) for name, (shape, dtype) in layout.items()}
        self.kind = self.columns["kind"]
        self.first_row = torch.arange(num_envs, device=device) * self.num_rows
        self.head = self.first_row.clone()
        self.num_moves = torch.zeros_like(self.head)  # moves of each environment's head so far
        self._num_moves_saved = self.num_moves.clone()  # the same at the last shard

    def after(self) -> Tensor:
        """Return the row that follows each environment's head. Shape: (N,)."""
        return self.first_row + (self.head - self.first_row + 1) % self.num_rows

    def latest(self, depth: int) -> Tensor:
        """List the latest rows of each environment, the head last. Shape: (N, depth)."""
        ages = torch.arange(depth - 1, -1, -1, device=self.device)
        return self._of_age(ages)

    def following(self, first: Tensor, num_rows: int) -> Tensor:
        """List the rows from `first` on, wrapping around the end of the ring. Shapes: (...,) to (..., num_rows)."""
        first = first.unsqueeze(-1)
        base = first // self.num_rows * self.num_rows
        return base + (first - base + torch.arange(num_rows, device=self.device)) % self.num_rows

    def shard(self) -> tuple[State, int]:
        """Copy the rows written since the last shard, including its head, for `load_shards`.

        Returns:
            The rows, and their end: the shard is needed until `horizon` reaches it.
        """
        num_new = (self.num_moves - self._num_moves_saved + 1).clamp_max(self.num_rows)
        ages = torch.arange(int(num_new.max()), device=self.device)
        rows = self._of_age(ages)[ages < num_new.unsqueeze(-1)]
        self._num_moves_saved = self.num_moves.clone()
        return {"rows": rows, **{name: column[rows] for name, column in self.columns.items()}}, int(
            self.num_moves.max()
        )

    @property
    def horizon(self) -> int:
        """Return the position up to which rows are overwritten, in the units of the ends of shards."""
        return int(self.num_moves.min()) - self.num_rows

    def load_shards(self, shards: Sequence[State]) -> None:
        """Write the rows of shards, the oldest first."""
        for shard in shards:
            rows = shard["rows"].to(self.device)
            for name, column in self.columns.items():
                column[rows] = shard[name].to(self.device)

    def state_dict(self) -> State:
        """Return the positions of the heads; the rows are in shards."""
        return {"head": self.head, "num_moves": self.num_moves}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned; `load_shards` loads the rows."""
        self.head.copy_(state["head"])
        self.num_moves.copy_(state["num_moves"])
        self._num_moves_saved = self.num_moves.clone()

    def _of_age(self, ages: Tensor) -> Tensor:
        """List the rows of each environment by their age, in moves of its head. Shapes: (D,) to (N, D)."""
        return self.first_row.unsqueeze(-1) + ((self.head - self.first_row).unsqueeze(-1) - ages) % self.num_rows


def _zeros(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Make a column of zeros; on a CPU, NumPy allocates pages of memory at their first write."""
    if device.type != "cpu":
        return torch.zeros(shape, dtype=dtype, device=device)
    return torch.as_tensor(np.zeros(shape, torch.empty(0, dtype=dtype).numpy().dtype))
