"""The ring of rows: its size, its order around the end, and what goes into shards."""

import pytest
import torch

from prefgym.buffers.ring import Layout, RowRing

LAYOUT: Layout = {"kind": ((), torch.int8), "obs": ((2,), torch.float32)}


def ring(capacity_steps: int = 8, capacity_bytes: int = 10_000) -> RowRing:
    """Make a ring for two environments."""
    limits = {"capacity_steps": capacity_steps, "capacity_bytes": capacity_bytes}
    return RowRing(2, LAYOUT, device=torch.device("cpu"), **limits)


def test_the_smaller_capacity_holds() -> None:
    """A row takes 1 + 2 * 4 = 9 bytes: 8 rows are 4 for each environment, and 62 bytes are 6 rows, 3 for each."""
    assert ring().num_rows == 4
    assert ring(capacity_bytes=62).num_rows == 3
    with pytest.raises(ValueError, match="leaves 1 rows of 9 bytes for each of 2 environments"):
        ring(capacity_bytes=35)


def test_rows_go_around_the_end() -> None:
    """Rows 0..3 are of the first environment, 4..7 of the second; heads are at 1 and at 7, the last one."""
    rows = ring()
    rows.head.copy_(torch.tensor([1, 7]))
    assert rows.after().tolist() == [2, 4]
    assert rows.latest(3).tolist() == [[3, 0, 1], [5, 6, 7]]
    assert rows.following(torch.tensor([2, 6]), 4).tolist() == [[2, 3, 0, 1], [6, 7, 4, 5]]


def test_arrays_share_the_memory_of_columns() -> None:
    rows = ring()
    rows.columns["obs"].numpy()[3] = 7.0
    assert rows.columns["obs"][3].tolist() == [7.0, 7.0]


def test_a_shard_has_the_rows_since_the_last_one() -> None:
    """The heads move by 1 and by 5 of 4 rows: the first gives its old and its new row, the second all of its rows."""
    rows = ring()
    rows.head.copy_(torch.tensor([1, 5]))
    rows.num_moves.copy_(torch.tensor([1, 5]))
    rows.columns["obs"][1] = 3.0
    shard, reach = rows.shard()
    assert shard["rows"].tolist() == [1, 0, 5, 4, 7, 6]  # of each environment, the newest first
    assert shard["obs"][0].tolist() == [3.0, 3.0]
    assert (reach, rows.horizon) == (5, 1 - 4)
    assert rows.shard()[0]["rows"].tolist() == [1, 5]  # nothing is new but what may yet be written to the heads
    other = ring()
    other.load_shards([shard])
    other.load_state_dict(rows.state_dict())
    assert torch.equal(other.columns["obs"], rows.columns["obs"])
    assert torch.equal(other.latest(4), rows.latest(4))
