"""Many MuJoCo worlds on all cores of this machine."""

import importlib
import warnings
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from prefgym.common.memory import check_fits
from prefgym.sim.contact_batch import ContactBatch
from prefgym.sim.gl import MjModel, mujoco
from prefgym.sim.pool import SimulationError
from prefgym.sim.task import TaskSpec
from prefgym.sim.threads import usable_cpus
from prefgym.sim.variation import Variation

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

batch: Any = importlib.import_module("mujoco.batch")

PHYSICS_STATE = int(mujoco.mjtState.mjSTATE_FULLPHYSICS) | int(mujoco.mjtState.mjSTATE_WARMSTART)
"""The content of `physics_state`: bits of `mujoco.mjtState`, in the order of `mj_getState`."""


def load_model(task: TaskSpec) -> MjModel:
    """Load the task's model out of the installed Gymnasium.

    Raises:
        ValueError: If the model's timestep is not the task's.
    """
    path = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets" / task.model
    spec = mujoco.MjSpec.from_file(str(path))
    with warnings.catch_warnings():
        # HalfCheetah's model sets its total mass in a way that MuJoCo deprecates; `MjModel.from_xml_path` would
        # warn on stderr, and in a file MUJOCO_LOG.TXT in the working directory
        warnings.filterwarnings("ignore", message=".*settotalmass")
        model = spec.compile()
    if task.solver == "Newton":
        model.opt.solver = mujoco.mjtSolver.mjSOL_NEWTON
    if model.opt.timestep != task.timestep:
        raise ValueError(
            f"{task.name} expects a timestep of {task.timestep} s, {task.model} has {model.opt.timestep} s"
        )
    return model


class CpuPool:
    """Worlds of one task, stepped by a pool of threads in one call.

    Results do not depend on the number of threads.

    Args:
        task: The task.
        num_worlds: Number of worlds N.
        num_threads: Threads, the caller's included; None for one per CPU this process may use.
        variation: Variation of masses and friction; None for equal worlds.

    Raises:
        ValueError: If there are no worlds or no threads.
    """

    def __init__(
        self, task: TaskSpec, num_worlds: int, num_threads: int | None = None, variation: Variation | None = None
    ) -> None:
        if num_worlds < 1:
            raise ValueError(f"there must be at least one world, not {num_worlds}")
        if num_threads is not None and num_threads < 1:
            raise ValueError(f"there must be at least one thread, not {num_threads}")
        self.task = task
        self.num_worlds = num_worlds
        self.num_threads = min(num_worlds, num_threads or usable_cpus())
        self.model = load_model(task)
        self._batch: Any = self._make_batch()
        self._varied = {} if variation is None else variation.models(self.model, num_worlds)
        for name, values in self._varied.items():
            self._batch.expand(name)[:] = values
        if self._varied:
            self._batch.set_const()
        self._state: FloatArray = self._batch.state
        self._ctrl, self._qpos, self._qvel = (self._batch.bind(name) for name in ("ctrl", "qpos", "qvel"))
        self._fresh_row = self._state[0].copy()
        self.qpos0: FloatArray = self._qpos[0].copy()
        self.qvel0: FloatArray = self._qvel[0].copy()
        self.views: dict[str, npt.NDArray[Any]] = {name: self._bind(name) for name in task.reads}
        self.views |= {name: self._constant(name) for name in task.constants}
        self._physics = _physics_columns(self.model)
        self.state_size = int(mujoco.mj_stateSize(self.model, PHYSICS_STATE))

    def set_ctrl(self, ctrl: npt.NDArray[Any]) -> None:
        """Set the controls of all worlds. Shape: (N, nu)."""
        self._ctrl[:] = ctrl

    def step(self, mask: BoolArray | None = None) -> None:
        """Advance the worlds in `mask`, all if None, by one action each.

        Raises:
            SimulationError: If MuJoCo reports an error in some worlds.
        """
        ids = None if mask is None else mask.nonzero()[0].astype(np.int32)
        try:
            self._batch.step(ids, nstep=self.task.frame_skip)
        except batch.SimulationError as error:
            raise self._explained(error) from None

    def reset(self, mask: BoolArray, qpos: FloatArray, qvel: FloatArray) -> None:
        """Put the k worlds in `mask` to new states, (k, nq) and (k, nv); all other fields start from zero.

        Raises:
            SimulationError: If MuJoCo reports an error in some worlds.
        """
        ids = self._freshened(mask)
        self._qpos[ids] = qpos
        self._qvel[ids] = qvel
        self._derive(ids)

    def physics_state(self) -> FloatArray:
        """Copy `mjSTATE_FULLPHYSICS` and the warm start of every world. Shape: (N, state_size)."""
        return self._state[:, self._physics].copy()

    def put(self, mask: BoolArray, state: FloatArray) -> None:
        """Put the k worlds in `mask` to physics states, (k, state_size), and compute the fields that follow from them.

        Raises:
            SimulationError: If MuJoCo reports an error in some worlds.
        """
        ids = self._freshened(mask)
        rows = self._state[ids]
        rows[:, self._physics] = state
        self._state[ids] = rows
        self._derive(ids)
        # the forward pass solves for accelerations, from which the solver of the next step starts
        self._state[ids] = rows

    def snapshot(self) -> FloatArray:
        """Copy the integration states. Shape: (N, any)."""
        return self._state.copy()

    def restore(self, snapshot: FloatArray) -> None:
        """Put all worlds back to a snapshot. Derived fields in `views` follow at the next step.

        Raises:
            ValueError: If the snapshot belongs to other worlds.
        """
        if snapshot.shape != self._state.shape:
            raise ValueError(f"the snapshot has shape {snapshot.shape}, these worlds need {self._state.shape}")
        self._state[:] = snapshot

    def close(self) -> None:
        """Free worlds and threads; closing twice does nothing."""
        if self._batch is None:
            return
        self.views = {}
        self._state = self._ctrl = self._qpos = self._qvel = np.zeros((0, 0))
        if self.task.needs_contact_forces:
            self._batch.close()
        self._batch = None

    def _make_batch(self) -> Any:  # noqa: ANN401
        # measured: six times the fields of mjData for a world with contact forces, a few states for another one
        world = 6 * mujoco.MjData(self.model).nbuffer if self.task.needs_contact_forces else 2048
        check_fits(f"{self.num_worlds} environments", world * self.num_worlds, "lower their number")
        if self.task.needs_contact_forces:
            return ContactBatch(self.model, self.num_worlds, self.num_threads)
        return batch.Batch(self.model, self.num_worlds, self.num_threads)

    def _freshened(self, mask: BoolArray) -> npt.NDArray[np.int32]:
        """Put the worlds in `mask` back to the model's defaults and return their numbers."""
        ids = mask.nonzero()[0].astype(np.int32)
        if self.task.needs_contact_forces:
            self._batch.reset(ids)  # contact forces, which no forward pass computes, become zero
        self._state[ids] = self._fresh_row
        return ids

    def _derive(self, ids: npt.NDArray[np.int32]) -> None:
        """Compute the fields that formulas read and the state lacks."""
        if self.task.reads_state_only:
            return
        try:
            self._batch.forward(ids)
        except batch.SimulationError as error:
            raise self._explained(error) from None

    def _bind(self, name: str) -> npt.NDArray[Any]:
        field, _, row = name.partition("/")
        bound = self._batch.bind(field)
        if not row:
            return bound
        return bound[:, self._id(field, row)]

    def _constant(self, name: str) -> npt.NDArray[Any]:
        field, _, row = name.partition("/")
        if field in self._varied:
            own = self._varied[field]
            return own[:, self._id(field, row)] if row else own
        array = np.array(getattr(self.model, field))
        return array[self._id(field, row)] if row else array

    def _id(self, field: str, name: str) -> int:
        """Find the row of a named object: a site or a geom where the field's name begins with that, else a body."""
        objects = {"site": self.model.site, "geom": self.model.geom}.get(field.partition("_")[0], self.model.body)
        return int(objects(name).id)

    def _explained(self, error: Any) -> SimulationError:  # noqa: ANN401
        return SimulationError(self.task.name, error.ids, self._batch.error(int(error.ids[0])))


def _physics_columns(model: MjModel) -> slice | npt.NDArray[np.intp]:
    """Return which columns of an integration state make up a physics state; a slice where they are adjacent."""
    first, columns = 0, list[int]()
    for bit in (1 << k for k in range(int(mujoco.mjtState.mjNSTATE))):
        size = int(mujoco.mj_stateSize(model, bit))
        if bit & PHYSICS_STATE:
            columns += range(first, first + size)
        first += size
    adjacent = columns == list(range(len(columns)))
    return slice(0, len(columns)) if adjacent else np.array(columns)
