"""Worlds of one task on the CPU: a pool, and the formulas of the task."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from prefgym.common.names import check_name
from prefgym.sim.cpu import CpuPool
from prefgym.sim.task import Metric, StepFacts, TaskSpec
from prefgym.sim.variation import Variation

Array = npt.NDArray[Any]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


class Worlds:
    """Worlds of one task on the CPU; knows nothing of episodes.

    A step is `step`, then `evaluate` and `observe`. `evaluate` leaves new arrays in `reward`, `terminated` and `terms`;
    `observe` refreshes the buffer `observation`, which callers must copy.

    Args:
        task: The task.
        num_worlds: Number of worlds N.
        num_threads: Threads that step them; None for one per CPU this process may use.
        returns_metric: Whether the task's metric, if it has one, replaces the reward.
        variation: Variation of masses and friction; None for equal worlds.

    Raises:
        ValueError: If there are no worlds or no threads.
    """

    reward: FloatArray
    """Task reward of the last step, 0 in tasks without one, or the metric. Shape: (N,)."""
    terminated: BoolArray
    """Whether the last step led to a final state. Shape: (N,)."""
    terms: dict[str, Array]
    """The terms of the reward. Shape of each: (N,)."""

    def __init__(
        self,
        task: TaskSpec,
        num_worlds: int,
        num_threads: int | None = None,
        *,
        returns_metric: bool = False,
        variation: Variation | None = None,
    ) -> None:
        self.task = task
        self.metric = task.metric if returns_metric else None
        simulated = task if self.metric is None else _reading(task, self.metric)
        self.pool = CpuPool(simulated, num_worlds, num_threads, variation)
        self._views, self._xp = self.pool.views, np
        self.observation = np.concatenate(self._observed(), axis=-1)
        self._position = self._positioned().copy()
        self._velocity = np.zeros_like(self._position)
        self.reward = np.zeros(num_worlds)
        self.terminated = np.zeros(num_worlds, np.bool_)
        self.terms = {factor.name: np.zeros(num_worlds) for factor in task.factors}
        self._memory = self._remembered()

    def reset(self, mask: BoolArray, qpos: FloatArray, qvel: FloatArray) -> None:
        """Put the k worlds in `mask` to new states, (k, nq) and (k, nv), in which episodes start."""
        self.pool.reset(mask, qpos, qvel)
        self._memory[mask] = self._remembered()[mask]

    def step(self, action: Array, mask: BoolArray | None = None) -> None:
        """Apply an action, (N, A), in the worlds in `mask`, all if None."""
        self.pool.set_ctrl(action)
        self.pool.step(mask)

    def evaluate(self, action: Array) -> None:
        """Compute the reward of the last step, and whether it led to a final state.

        Args:
            action: The actions, not clipped. Shape: (N, A).
        """
        task, views, xp = self.task, self._views, self._xp
        self._velocity = (self._positioned() - self._position) / task.dt
        if task.terminated is None:
            self.terminated = np.zeros(len(self.observation), np.bool_)
        else:
            self.terminated = task.terminated(task, views, xp)
        if task.reward_terms is None:
            self.reward = np.zeros(len(self.observation))
        else:
            facts = StepFacts(action=action, velocity=self._velocity, terminated=self.terminated)
            self.terms = task.reward_terms(task, views, facts, xp)
            self.reward = task.reward(self.terms).astype(np.float64)  # a copy also where one term is the whole reward
        if self.metric is not None:
            memory, counted = self.metric.step(task, views, self._memory, xp)
            self._memory, self.reward = np.array(memory), counted.astype(np.float64)

    def discount(self, mask: BoolArray) -> None:
        """Set reward and terms to zero in the worlds in `mask`, which did not take the last step."""
        self.reward[mask] = 0.0
        self.terminated[mask] = False
        for term in self.terms.values():
            term[mask] = 0

    def observe(self, mask: BoolArray | None = None) -> None:
        """Refresh the observations, of the worlds in `mask` if given, and the positions that velocities refer to."""
        if mask is None:
            np.concatenate(self._observed(), axis=-1, out=self.observation)
            self._position[:] = self._positioned()
        else:
            self.observation[mask] = np.concatenate(self._observed(), axis=-1)[mask]
            self._position[mask] = self._positioned()[mask]

    def state_info(self) -> dict[str, Array]:
        """Return the infos about the states; new arrays."""
        return {name: value.copy() for name, value in self.task.info(self.task, self._views, self._xp).items()}

    def step_info(self) -> dict[str, Array]:
        """Return the infos about the last step: velocities in m/s, then the terms of the reward; new arrays."""
        info = {name: self._velocity[:, axis].copy() for axis, name in enumerate(self._velocity_names)}
        for name, term in self.terms.items():
            info[name] = term.copy()
        return info

    def factors(self) -> dict[str, Array]:
        """Copy the terms of the reward."""
        return {name: term.copy() for name, term in self.terms.items()}

    def snapshot(self) -> dict[str, Array]:
        """Copy the whole state."""
        arrays = {"state": self.pool.snapshot(), "observation": self.observation.copy()}
        if self.metric is not None:
            arrays["memory"] = self._memory.copy()
        return (
            arrays
            | {"position": self._position.copy()}
            | {f"terms/{name}": term for name, term in self.factors().items()}
        )

    def restore(self, arrays: dict[str, Array]) -> None:
        """Restore a snapshot.

        Raises:
            ValueError: If the snapshot belongs to other worlds.
        """
        self.pool.restore(arrays["state"])
        self.observation[:] = arrays["observation"]
        self._position[:] = arrays["position"]
        if self.metric is not None:
            self._memory = arrays["memory"].copy()
        self.terms = {factor.name: arrays[f"terms/{factor.name}"].copy() for factor in self.task.factors}

    def put(self, mask: BoolArray, state: FloatArray) -> None:
        """Put the k worlds in `mask` to physics states of this task, and refresh their observations.

        The memory of a metric begins anew. Contact forces are not part of a state: where a task observes them, they are
        zero until the next step.

        Args:
            mask: Shape: (N,), bool.
            state: As `pool.physics_state` returned them. Shape: (k, S).
        """
        self.pool.put(mask, state)
        self._memory[mask] = self._remembered()[mask]
        self.observe(mask)

    def observation_space(self, dtype: npt.DTypeLike) -> spaces.Box:
        """Make the space of one world's observations.

        Raises:
            ValueError: If `dtype` is neither float64 nor float32.
        """
        check_name("observation dtype", np.dtype(dtype).name, ("float64", "float32"))
        return spaces.Box(-np.inf, np.inf, self.observation.shape[1:], np.dtype(dtype).type)

    def action_space(self) -> spaces.Box:
        """Make the space of one world's actions: the model's control ranges."""
        low, high = np.asarray(self.pool.model.actuator_ctrlrange, np.float32).T
        return spaces.Box(low, high, dtype=np.float32)

    def _observed(self) -> tuple[Array, ...]:
        return self.task.observation(self.task, self._views, self._xp)

    def _positioned(self) -> FloatArray:
        if self.task.position is None:
            return np.zeros((self.pool.num_worlds, 0))
        return self.task.position(self.task, self._views, self._xp)

    def _remembered(self) -> FloatArray:
        if self.metric is None:
            return np.zeros((self.pool.num_worlds, 0))
        return np.array(self.metric.begin(self.task, self._views, self._xp))

    @property
    def _velocity_names(self) -> tuple[str, ...]:
        return ("x_velocity", "y_velocity")[: self._position.shape[1]]


def _reading(task: TaskSpec, metric: Metric) -> TaskSpec:
    """Let a task read the fields of its metric, too."""
    return replace(task, reads=(*task.reads, *metric.reads), constants=(*task.constants, *metric.constants))
