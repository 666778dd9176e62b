"""Worlds of one task: a pool, and what the task's formulas make of it."""

from dataclasses import dataclass
from types import ModuleType

import numpy as np
import numpy.typing as npt

from prefgym.sim.cpu import CpuPool
from prefgym.sim.pool import PoolSnapshot
from prefgym.sim.task import StepFacts, TaskSpec

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
AnyArray = npt.NDArray[np.generic]


@dataclass(frozen=True, kw_only=True)
class WorldsSnapshot:
    """Everything that moves in worlds of one task."""

    pool: PoolSnapshot
    observation: FloatArray
    position: FloatArray | None
    terms: dict[str, AnyArray]


class Worlds:
    """Worlds of one task on the CPU; knows nothing of episodes.

    After `step`, `evaluate` fills `reward`, `terminated` and `terms` with new arrays, and `observe` refreshes the
    buffer `observation`. Whoever hands out that buffer copies it.
    """

    reward: FloatArray
    """Task reward of the last step. Shape: (N,)."""
    terminated: BoolArray
    """Whether the last step led to a final state. Shape: (N,)."""
    terms: dict[str, AnyArray]
    """The reward's terms. Shape of each: (N,)."""
    velocity: FloatArray | None
    """How fast the task's position moved, in m/s. Shape: (N, 1) or (N, 2)."""

    def __init__(self, task: TaskSpec, num_worlds: int, num_threads: int | None = None) -> None:
        self.task = task
        self.pool = CpuPool(task, num_worlds, num_threads)
        self.views = self.pool.views
        self._xp: ModuleType = np
        parts = task.observation(task, self.views, self._xp)
        self.observation = np.zeros((num_worlds, sum(part.shape[-1] for part in parts)))
        self._position: FloatArray | None = None
        if task.position is not None:
            self._position = task.position(task, self.views, self._xp).copy()
        self.reward = np.zeros(num_worlds)
        self.terminated = np.zeros(num_worlds, np.bool_)
        self.terms = {factor.name: np.zeros(num_worlds) for factor in task.factors}
        self.velocity = None

    def evaluate(self, action: npt.NDArray[np.floating]) -> None:
        """Compute what the last step is worth, and whether it was the last.

        Args:
            action: The actions as they came. Shape: (N, A).
        """
        task, views, xp = self.task, self.views, self._xp
        if task.position is not None:
            self.velocity = (task.position(task, views, xp) - self._position) / task.dt
        if task.terminated is None:
            self.terminated = np.zeros(len(self.reward), np.bool_)
        else:
            self.terminated = task.terminated(task, views, xp)
        facts = StepFacts(action=action, velocity=self.velocity, terminated=self.terminated)
        self.terms = task.reward_terms(task, views, facts, xp)
        self.reward = task.reward(self.terms).astype(np.float64)  # also a copy, where a term is the whole reward

    def observe(self) -> None:
        """Refresh the observations, and note the positions from which the next step's velocities count."""
        task, views, xp = self.task, self.views, self._xp
        np.concatenate(task.observation(task, views, xp), axis=-1, out=self.observation)
        if task.position is not None and self._position is not None:
            self._position[:] = task.position(task, views, xp)

    def state_info(self) -> dict[str, AnyArray]:
        """Say where the worlds are; new arrays."""
        return {name: value.copy() for name, value in self.task.info(self.task, self.views, self._xp).items()}

    def step_info(self) -> dict[str, AnyArray]:
        """Say what the last step did: velocities in m/s, then the reward's terms; new arrays."""
        info: dict[str, AnyArray] = {}
        if self.velocity is not None:
            info = {f"{axis}_velocity": self.velocity[:, k].copy() for k, axis in enumerate("xy"[: self._dimensions])}
        return info | {name: term.copy() for name, term in self.terms.items()}

    @property
    def _dimensions(self) -> int:
        return 0 if self._position is None else self._position.shape[1]

    def snapshot(self) -> WorldsSnapshot:
        """Copy everything that moves."""
        return WorldsSnapshot(
            pool=self.pool.snapshot(),
            observation=self.observation.copy(),
            position=None if self._position is None else self._position.copy(),
            terms={name: term.copy() for name, term in self.terms.items()},
        )

    def restore(self, snapshot: WorldsSnapshot) -> None:
        """Continue from a snapshot as if nothing had happened since."""
        self.pool.restore(snapshot.pool)
        self.observation[:] = snapshot.observation
        if self._position is not None:
            self._position[:] = snapshot.position
        self.terms = {name: term.copy() for name, term in snapshot.terms.items()}
