"""Trajectories out of one file: padded arrays in an `.npz`, or a row per step in a Parquet file.

An `.npz` has `obs` (M, T+1, O) and `action` (M, T, A), and may have `length` (M,), the steps of each trajectory,
`terminated` (M,), and `reward` (M, T). A Parquet file has the columns `trajectory` (0, 0, ... 1, 1, ...), `obs` and
`action`, lists of numbers, and may have `terminated` and `reward`; the last row of a trajectory has an observation
alone.

Where observations are as many as actions, the last action is left out: nothing was observed after it.
"""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from prefgym.buffers.recorder import Recorder
from prefgym.common.errors import UserError, read_as
from prefgym.common.files import open_to_read
from prefgym.common.memory import check_fits
from prefgym.data.importers.base import Array, same_length
from prefgym.data.importers.npz import read_npz


@dataclass(frozen=True, kw_only=True)
class Trajectories:
    """M trajectories, the steps of all one after the other."""

    obs: Array
    """Of each trajectory L+1. Shape: (sum of L+1, O)."""
    action: Array
    """Shape: (sum of L, A)."""
    length: Array
    """Steps L of each. Shape: (M,)."""
    terminated: Array
    """Whether it ended by a termination. Shape: (M,), bool."""
    reward: Array | None
    """Task reward. Shape: (sum of L,)."""


def read_trajectories(file: Path) -> Recorder:
    """Record the trajectories of a file, one after the other.

    Raises:
        UserError: If it is missing or damaged, or its arrays do not fit each other.
    """
    found = _of_parquet(file) if file.suffix == ".parquet" else _of_npz(file)
    sizes = (*found.obs.shape, *found.action.shape)
    if len(sizes) != 4 or 0 in sizes or not (found.length > 0).all():
        raise UserError(f"{file}: a trajectory needs two observations and an action between them.")
    reward = np.zeros(len(found.action)) if found.reward is None else found.reward
    recorder = Recorder.of_episodes(
        obs=_split(file, "obs", found.obs.astype(np.float64), found.length + 1),
        action=_split(file, "action", found.action.astype(np.float64), found.length),
        reward=_split(file, "reward", reward.astype(np.float64), found.length),
        terminated=[bool(one) for one in found.terminated],
    )
    recorder.has_reward = found.reward is not None
    return recorder


def _split(file: Path, name: str, values: Array, rows: Array) -> list[Array]:
    """Split rows into those of each trajectory.

    Raises:
        UserError: If a number is not finite in 32 bits.
    """
    fits = (np.abs(values) <= np.finfo(np.float32).max).reshape(len(values), -1).all(-1)
    if not fits.all():
        number = np.repeat(np.arange(len(rows)), rows)[fits.argmin()]
        raise UserError(f"{file}: {name} of trajectory {number} is not finite.")
    return np.split(values, np.cumsum(rows)[:-1])


def _of_npz(file: Path) -> Trajectories:
    arrays = read_npz(file, ("obs", "action"), ("length", "terminated", "reward"))
    same_length(file, **arrays)
    obs, action, reward = arrays["obs"], arrays["action"], arrays.get("reward")
    if obs.ndim != 3 or action.ndim != 3 or obs.shape[1] - action.shape[1] not in (0, 1):
        shapes = f"{obs.shape} and {action.shape}"
        raise UserError(f"{file}: obs and action have the shapes {shapes}, expected (M, T+1, O) and (M, T, A).")
    total, num_steps = len(action), int(action.shape[1])
    is_cut = bool(obs.shape[1] == num_steps)
    length: Array = arrays.get("length", np.array([num_steps] * total))
    if length.shape != (total,) or length.dtype.kind not in "iu" or not ((length > 0) & (length <= num_steps)).all():
        raise UserError(f"{file}: length must be whole numbers from 1 to {num_steps}, one for each trajectory.")
    terminated: Array = arrays.get("terminated", np.array([False] * total))
    if terminated.shape != (total,) or (reward is not None and reward.shape != (total, num_steps)):
        raise UserError(f"{file}: terminated must have the shape ({total},), and reward ({total}, {num_steps}).")
    steps: Array = length.astype(np.int64) - is_cut
    has_step: Array = np.less(np.arange(num_steps), steps[:, None])
    return Trajectories(
        obs=obs[np.less_equal(np.arange(num_steps + 1 - is_cut), steps[:, None])],
        action=action[has_step],
        length=steps,
        terminated=terminated.astype(bool) & (not is_cut),
        reward=None if reward is None else reward[has_step],
    )


def _of_parquet(file: Path) -> Trajectories:
    names = ("trajectory", "obs", "action")
    with open_to_read(file) as opened, read_as(f"{file} cannot be read"):
        source: Any = import_module("pyarrow.parquet").ParquetFile(opened)
        there = source.schema_arrow.names
        if missing := [name for name in names if name not in there]:
            raise UserError(f"{file} has no column {missing[0]}: it has {', '.join(there[:10])}.")
        groups = (source.metadata.row_group(group).total_byte_size for group in range(source.metadata.num_row_groups))
        check_fits(f"the columns of {file}", float(sum(groups)), "import fewer trajectories")
        table = source.read([*names, *(name for name in ("terminated", "reward") if name in there)])
        number: Array = table["trajectory"].to_numpy()
        if not len(number) or number[0] != 0 or not np.isin(np.diff(number), (0, 1)).all():
            raise ValueError("trajectory must count from 0 on, all rows of one before those of the next")
        is_last = np.append(np.diff(number) == 1, True)
        is_null: Array = table["action"].is_null().to_numpy()
        if is_null.any() and (is_null != is_last).any():
            raise ValueError("action is missing in a row that is not the last one of its trajectory")
        action = _lists(table["action"].drop_null())
        ended: Array = table["terminated"].fill_null(False).to_numpy() if "terminated" in there else is_last & False
        if (ended[:-2] & ~is_last[:-2] & ~is_last[1:-1]).any():
            raise ValueError("a trajectory goes on after it terminated")
        if not is_null.any():  # the last action is left out, and with it the termination
            ended = ended & ~is_last
        return Trajectories(
            obs=_lists(table["obs"]),
            action=action if is_null.any() else action[~is_last],
            length=np.diff(np.flatnonzero(is_last), prepend=-1) - 1,
            terminated=np.logical_or.reduceat(ended, np.flatnonzero(np.diff(number, prepend=-1))),
            reward=table["reward"].to_numpy()[~is_last] if "reward" in there else None,
        )


def _lists(column: Any) -> Array:  # noqa: ANN401
    """Return a column of lists as an array. Shape: (N, X).

    Raises:
        ValueError: If the lists are not of one length.
    """
    values = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    widths = import_module("pyarrow.compute").list_value_length(column).unique().to_pylist()
    if len(widths) != 1 or widths[0] is None:
        raise ValueError("lists have several lengths")
    return values.reshape(len(column), widths[0])
