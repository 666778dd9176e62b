"""Many MuJoCo worlds on all cores of this machine."""

import os
from pathlib import Path

import gymnasium
import mujoco
import numpy as np
import numpy.typing as npt
from mujoco import batch

from prefgym.sim.contact_batch import ContactBatch
from prefgym.sim.pool import PoolSnapshot, SimulationError
from prefgym.sim.task import TaskSpec

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int32]

PHYSICS_STATE = int(mujoco.mjtState.mjSTATE_FULLPHYSICS) | int(mujoco.mjtState.mjSTATE_WARMSTART)
"""What `physics_state` holds: bits of `mujoco.mjtState`, in the order of `mj_getState`."""


def load_model(task: TaskSpec) -> mujoco.MjModel:
    """Load the task's model out of the installed Gymnasium.

    Raises:
        ValueError: If the model's timestep is not the task's.
    """
    path = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets" / task.model
    model = mujoco.MjModel.from_xml_path(str(path))
    if model.opt.timestep != task.timestep:
        raise ValueError(f"{task.name} expects a timestep of {task.timestep} s, {task.model} has {model.opt.timestep}")
    return model


def usable_cpus() -> int:
    """Count the CPUs this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class CpuPool:
    """Worlds of one task, stepped by a pool of threads in one call.

    Results do not depend on the number of threads.

    Raises:
        ValueError: If `num_worlds` or `num_threads` is not positive.
    """

    def __init__(self, task: TaskSpec, num_worlds: int, num_threads: int | None = None) -> None:
        if num_worlds < 1:
            raise ValueError(f"a pool needs at least one world, not {num_worlds}")
        if num_threads is not None and num_threads < 1:
            raise ValueError(f"a pool needs at least one thread, not {num_threads}")
        self.task = task
        self.num_worlds = num_worlds
        self.num_threads = min(num_worlds, num_threads or usable_cpus())
        self.model = load_model(task)
        if task.needs_contact_forces:
            self._batch = ContactBatch(self.model, num_worlds, self.num_threads)
        else:
            self._batch = batch.Batch(self.model, num_worlds, self.num_threads)
        self._start_row = self._batch.state[0].copy()
        self._ctrl = self._batch.bind("ctrl")
        self._qpos = self._batch.bind("qpos")
        self._qvel = self._batch.bind("qvel")
        self.views = {name: self._bind(name) for name in task.reads}
        self.views |= {name: np.asarray(getattr(self.model, name)) for name in task.constants}
        self.qpos0, self.qvel0 = self._qpos[0].copy(), self._qvel[0].copy()
        self._saved = _state_columns(self.model)
        self.state_size = self._batch.state[:1, self._saved].shape[1]

    def set_ctrl(self, ctrl: npt.NDArray[np.floating]) -> None:
        """Set the controls of all worlds. Shape: (N, nu)."""
        self._ctrl[:] = ctrl

    def step(self, mask: BoolArray | None = None) -> None:
        """Advance the worlds in `mask`, all if None, by one action each."""
        ids = None if mask is None else np.flatnonzero(mask).astype(np.int32)
        try:
            self._batch.step(ids, nstep=self.task.frame_skip)
        except batch.SimulationError as error:
            raise self._explain(error) from None

    def reset(self, mask: BoolArray, qpos: FloatArray, qvel: FloatArray) -> None:
        """Put the worlds in `mask` to new states; everything else about them starts from zero."""
        ids = np.flatnonzero(mask).astype(np.int32)
        if isinstance(self._batch, ContactBatch):
            self._batch.reset(ids)
        self._batch.state[ids] = self._start_row
        self._qpos[ids] = qpos
        self._qvel[ids] = qvel
        if not self.task.reads_state_only:
            try:
                self._batch.forward(ids)
            except batch.SimulationError as error:
                raise self._explain(error) from None

    def physics_state(self) -> FloatArray:
        """Copy `mjSTATE_FULLPHYSICS` and the warm start of every world. Shape: (N, state_size)."""
        return self._batch.state[:, self._saved].copy()

    def snapshot(self) -> PoolSnapshot:
        """Copy the integration states of all worlds."""
        return PoolSnapshot(state=self._batch.state.copy())

    def restore(self, snapshot: PoolSnapshot) -> None:
        """Put all worlds back to a snapshot.

        Raises:
            ValueError: If the snapshot is of other worlds.
        """
        if snapshot.state.shape != self._batch.state.shape:
            raise ValueError(f"the snapshot has states {snapshot.state.shape}, not {self._batch.state.shape}")
        self._batch.state[:] = snapshot.state

    def close(self) -> None:
        """Free the threads and the worlds; closing twice does nothing."""
        self.views = {}
        self.__dict__.pop("_batch", None)

    def _bind(self, name: str) -> npt.NDArray[np.float64]:
        name, _, row = name.partition("/")
        bound = self._batch.bind(name)
        if not row:
            return bound
        kind = mujoco.mjtObj.mjOBJ_SITE if name.startswith("site") else mujoco.mjtObj.mjOBJ_BODY
        return bound[:, mujoco.mj_name2id(self.model, kind.value, row)]

    def _explain(self, error: batch.SimulationError) -> SimulationError:
        return SimulationError(self.task.name, error.ids, self._batch.error(int(error.ids[0])))


def _state_columns(model: mujoco.MjModel) -> slice | npt.NDArray[np.intp]:
    """Say which columns of an integration state make up a physics state; a slice where they are adjacent."""
    first, columns = 0, list[int]()
    for bit in (1 << k for k in range(mujoco.mjtState.mjNSTATE.value)):
        size = mujoco.mj_stateSize(model, bit)
        if bit & PHYSICS_STATE:
            columns += range(first, first + size)
        first += size
    if columns == list(range(len(columns))):
        return slice(0, len(columns))
    return np.array(columns)
