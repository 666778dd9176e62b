"""Continuations: the steps of a policy from recorded physics states on."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from prefgym.sim.task import TaskSpec
from prefgym.sim.worlds import Worlds

if TYPE_CHECKING:
    from prefgym.core.protocols import Policy

Array = npt.NDArray[Any]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False, kw_only=True)
class Continuation:
    """The steps that followed some states: M of them, H steps each; zeros behind a termination."""

    reward: FloatArray
    """Task reward. Shape: (M, H)."""
    length: Array
    """Steps that were taken. Shape: (M,), int64."""
    terminated: BoolArray
    """Whether the last of them led to a final state. Shape: (M,)."""

    def discounted(self, gamma: float) -> FloatArray:
        """Return sum_t gamma^t r_t; the reward behind a termination is 0. Shape: (M,)."""
        weights: FloatArray = gamma ** np.arange(self.reward.shape[1], dtype=np.float64)
        return (self.reward * weights).sum(-1)

    @classmethod
    def cat(cls, parts: list[Self]) -> Self:
        """Put the states of several parts one behind the other."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


class Simulator:
    """Worlds of one task that continue from recorded states.

    There is no time limit, since returns from a state must not depend on the time left in the recording.

    Args:
        task: Task of the states.
        num_worlds: Worlds that are simulated at once.
        num_threads: Threads that step them; None for one per CPU this process may use.
    """

    def __init__(self, task: TaskSpec, num_worlds: int = 256, num_threads: int | None = None) -> None:
        self.task, self.num_worlds, self.num_threads = task, num_worlds, num_threads

    @cached_property
    def worlds(self) -> Worlds:
        """Make the worlds when they are needed."""
        return Worlds(self.task, self.num_worlds, self.num_threads)

    def play_on(self, state: FloatArray, obs: Array, policy: "Policy", num_steps: int) -> Continuation:
        """Continue from each state with a policy without noise, until the worlds terminate.

        Args:
            state: Physics states as recorded. Shape: (M, S).
            obs: Observations of the states, with contact forces, which a state lacks. Shape: (M, O).
            policy: Policy of the steps.
            num_steps: Most steps H.

        Raises:
            ValueError: If the states belong to another task.
        """
        if state.shape[1] != self.worlds.pool.state_size:
            raise ValueError(
                f"a state of {self.task.name} has {self.worlds.pool.state_size} numbers, these have {state.shape[1]}"
            )
        parts = self._chunks(state, obs)
        return Continuation.cat([self._play_on(*part, policy, num_steps) for part in parts])

    def _chunks(self, state: FloatArray, obs: Array) -> Iterator[tuple[FloatArray, Array]]:
        size = self.worlds.pool.num_worlds
        for first in range(0, max(len(state), 1), size):
            yield state[first : first + size], obs[first : first + size]

    def _play_on(self, state: FloatArray, obs: Array, policy: "Policy", num_steps: int) -> Continuation:
        worlds, num_states = self.worlds, len(state)
        running = np.arange(worlds.pool.num_worlds) < num_states
        reward = np.zeros((num_states, num_steps))
        length = np.zeros(num_states, np.int64)
        terminated = np.zeros(num_states, np.bool_)
        memory: Any = None
        if num_states:
            worlds.put(running, state)
            worlds.observation[:num_states] = obs
        for step in range(num_steps):
            if not running.any():
                break
            seen, begins = worlds.observation.astype(np.float32), np.full(len(running), step == 0)
            action, memory = policy.predict(seen, memory, begins, deterministic=True)
            worlds.step(action, None if running.all() else running)
            worlds.evaluate(action)
            worlds.observe(running)
            took = running[:num_states]
            reward[took, step] = worlds.reward[running]
            length += took
            terminated |= took & worlds.terminated[:num_states]
            running &= ~worlds.terminated
        return Continuation(reward=reward, length=length, terminated=terminated)
