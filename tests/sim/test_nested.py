"""Comparing, picking and overwriting what environments hand out."""

from typing import Any

import numpy as np
import pytest

from prefgym.sim.nested import rows, same, scribble


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        (np.array([np.nan]), np.array([np.nan]), True),
        (np.array([0.0]), np.array([-0.0]), False),
        (np.array([1.0]), np.array([1.0], np.float32), False),
        (np.array([1]), np.array([[1]]), False),
        ({"a": np.array([1])}, {"a": np.array([1])}, True),
        ({"a": np.array([1])}, {"b": np.array([1])}, False),
        ((np.array([1]), {}), (np.array([1]), {}), True),
        ((np.array([1]),), (), False),
        (np.array([None, np.array([1.0])], object), np.array([None, np.array([1.0])], object), True),
        (np.array([None, np.array([1.0])], object), np.array([None, np.array([2.0])], object), False),
        (1.0, 1, False),
        (None, np.array([1]), False),
    ],
)
def test_same_means_to_the_last_bit(a: Any, b: Any, equal: bool) -> None:  # noqa: ANN401
    """NaN equals itself; zeros of different sign, and different types, differ."""
    assert same(a, b) is equal


def test_rows_picks_worlds() -> None:
    """A world out of arrays, dicts and tuples of arrays."""
    values = {"a": np.arange(4), "b": (np.arange(8).reshape(4, 2),)}
    picked = rows(values, 1)
    assert picked["a"] == 1
    assert picked["b"][0].tolist() == [2, 3]
    assert rows(values, np.array([True, False, False, True]))["a"].tolist() == [0, 3]


def test_scribble_overwrites_what_can_be_written() -> None:
    """Numbers become 77, bools their opposite, arrays within arrays too; read-only arrays stay."""
    fixed = np.zeros(2)
    fixed.flags.writeable = False
    values: tuple[Any, ...] = (np.zeros(2), {"mask": np.array([True])}, np.array([None, np.zeros(1)], object), fixed)
    scribble(values)
    assert values[0].tolist() == [77, 77]
    assert values[1]["mask"].tolist() == [False]
    assert values[2][1].tolist() == [77]
    assert fixed.tolist() == [0, 0]
