"""The hidden metric of a task, counted along recorded physics states."""

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from prefgym.sim.task import TaskSpec
from prefgym.sim.worlds import Worlds

Array = npt.NDArray[Any]
FloatArray = npt.NDArray[np.float64]


class MetricCounter:
    """Counts the metric of a task without a reward along states, as evaluation does along an episode.

    Args:
        task: Task of the states.
        num_worlds: Sequences of states that are counted at once.
        num_threads: Threads; None for one per CPU this process may use.

    Raises:
        ValueError: If the task has no metric.
    """

    def __init__(self, task: TaskSpec, num_worlds: int = 256, num_threads: int | None = None) -> None:
        if task.metric is None:
            raise ValueError(f"{task.name} has a reward, and no metric beside it")
        self.task, self.name = task, task.metric.name
        self.num_worlds, self.num_threads = num_worlds, num_threads

    @cached_property
    def worlds(self) -> Worlds:
        """Make the worlds when they are needed."""
        return Worlds(self.task, self.num_worlds, self.num_threads, returns_metric=True)

    def count(self, state: FloatArray, length: Array) -> FloatArray:
        """Count the metric of each step; its memory begins at the first state.

        Args:
            state: Physics states as recorded, padded at the end. Shape: (M, T+1, S).
            length: Number of steps that are valid. Shape: (M,).

        Returns:
            The metric, 0 beyond the length. Shape: (M, T).

        Raises:
            ValueError: If the states belong to another task.
        """
        size = self.worlds.pool.state_size
        if state.shape[-1] != size:
            raise ValueError(f"a state of {self.task.name} has {size} numbers, these have {state.shape[-1]}")
        counted = np.zeros((len(state), state.shape[1] - 1))
        for first in range(0, len(state), self.num_worlds):
            part = slice(first, first + self.num_worlds)
            counted[part] = self._count(state[part], length[part])
        return counted

    def _count(self, state: FloatArray, length: Array) -> FloatArray:
        worlds, num_states = self.worlds, len(state)
        counted = np.zeros((num_states, state.shape[1] - 1))
        action = np.zeros((self.num_worlds, worlds.pool.model.nu))  # a metric depends on states alone
        valid = np.zeros(self.num_worlds, np.bool_)
        valid[:num_states] = True
        worlds.put(valid, state[:, 0])
        for step in range(state.shape[1] - 1):
            valid[:num_states] = step < length
            if not valid.any():
                break
            running = valid[:num_states]
            worlds.pool.put(valid, state[running, step + 1])
            worlds.evaluate(action)
            counted[running, step] = worlds.reward[valid]
        return counted
