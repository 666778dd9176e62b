"""The index of windows, over rows that are written by hand."""

import pytest
import torch

from prefgym.buffers.ring import Row, RowRing
from prefgym.buffers.windows import WindowIndex, recent_depth

S, R, T, C = Row.STEP, Row.OPEN, Row.TERMINATED, Row.TRUNCATED


def index(kinds: list[list[Row]], heads: list[int]) -> tuple[RowRing, WindowIndex]:
    """Make an index of rows of these kinds, in which the row of each environment's current observation is given."""
    ring = RowRing(
        len(kinds),
        {"kind": ((), torch.int8), "obs": ((), torch.float32)},
        capacity_steps=len(kinds) * len(kinds[0]),
        capacity_bytes=10_000,
        device=torch.device("cpu"),
    )
    ring.kind.copy_(torch.tensor(kinds).flatten())
    ring.columns["obs"].copy_(torch.arange(len(ring.kind)) + 10.0)
    ring.head.copy_(torch.tensor(heads))
    return ring, WindowIndex(ring)


def test_windows_end_with_their_episode() -> None:
    """Two steps that terminated, three that were truncated, and one of a running episode."""
    windows = index([[S, S, T, S, S, S, C, S, R]], [8])[1]
    assert windows.starts(1).tolist() == [0, 1, 3, 4, 5, 7]
    assert windows.starts(2).tolist() == [0, 1, 3, 4]  # row 1 is cut by the termination
    assert windows.starts(2, keep_short=False).tolist() == [0, 3, 4]
    assert windows.starts(3).tolist() == [0, 1, 3]
    assert windows.starts(3, keep_short=False).tolist() == [3]


def test_windows_go_around_the_end_of_the_ring() -> None:
    """The episode begins in row 4 of 5 and is now in row 2: steps 4, 0 and 1; row 3 is left of an older one."""
    ring, windows = index([[S, S, R, T, S]], [2])
    assert windows.starts(2).tolist() == [4, 0]
    found = windows.windows(torch.tensor([4]), 2)
    assert found.rows.tolist() == [[4, 0, 1]]
    assert found.length.tolist() == [2]
    assert found.take(ring.columns["obs"], after=True).tolist() == [[14.0, 10.0, 11.0]]


def test_values_past_the_end_are_zero() -> None:
    """From row 1 there is one step, which terminated; of three rows after it, two are of others."""
    ring, windows = index([[S, S, T, S, R]], [4])
    found = windows.windows(torch.tensor([1]), 3)
    assert found.length.tolist() == [1]
    assert found.last_kind.tolist() == [Row.TERMINATED]
    assert found.has_obs.tolist() == [[True, True, False, False]]
    assert found.has_step.tolist() == [[True, False, False]]
    assert found.take(ring.columns["obs"], after=True).tolist() == [[11.0, 12.0, 0.0, 0.0]]
    assert found.take(ring.columns["obs"], after=False).tolist() == [[11.0, 0.0, 0.0]]


def test_fragments_begin_with_the_latest_steps_and_after_ends() -> None:
    """The latest two steps: rows 1 and 3 of the first environment, of two episodes, and rows 6 and 7 of the second."""
    windows = index([[S, S, T, S, R], [S, S, S, R, T]], [4, 8])[1]
    assert windows.fragments(2).tolist() == [1, 3, 6]
    with pytest.raises(ValueError, match="does not keep 4 steps"):
        windows.fragments(4)


def test_recent_steps_are_shared_by_environments() -> None:
    """Of 10 steps over 4 environments, 3 of each and the row after them, but two segments of 5 in any case."""
    assert recent_depth(10, 4, length=1, num_rows=50) == 4
    assert recent_depth(10, 4, length=5, num_rows=50) == 11
    assert recent_depth(10, 4, length=5, num_rows=8) == 8
    assert recent_depth(None, 4, length=5, num_rows=50) == 50
