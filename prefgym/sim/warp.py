"""Many MuJoCo worlds on a GPU: a pool on MuJoCo Warp, with tensors instead of arrays.

Nothing here synchronises with the device: a step is one captured graph, a reset another one, and masks select worlds.
Numbers are single precision.
"""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from prefgym.sim.cpu import load_model
from prefgym.sim.pool import SimulationError
from prefgym.sim.task import TaskSpec
from prefgym.sim.variation import Variation
from prefgym.sim.warp_device import check_solver, find_device, wp

mjw: Any = importlib.import_module("mujoco_warp")

from prefgym.sim.contact_frames import align_frames  # noqa: E402 - compiles nothing, but begins Warp

STATE = ("time", "qpos", "qvel", "act", "ctrl", "qacc_warmstart")
"""The fields that a step depends on."""
PHYSICS_STATE = ("time", "qpos", "qvel", "act", "qacc_warmstart")
"""The content of `physics_state`: in these models, the same numbers as on the CPU, in the same order."""

_FOLLOW = ("body_subtreemass", "body_invweight0", "dof_invweight0", "tendon_invweight0", "actuator_acc0")
"""Fields of the model that follow from masses."""


class WarpPool:
    """Worlds of one task on one device.

    Reads and writes tensors that share their memory with the simulator's arrays: they are written in place, never
    replaced, since captured graphs know them by address.

    Args:
        task: The task.
        num_worlds: Number of worlds N.
        device: Device of torch and Warp: `cuda`, `cuda:1`, or `cpu`, which is slow and meant for tests.
        num_contacts: Contacts a world may have on the average; None for the task's own number.
        num_constraints: Constraints each world may have; None for the task's own number.
        variation: Variation of masses and friction; None for equal worlds.

    Raises:
        ValueError: If there are no worlds, contacts or constraints, the device cannot be used, the model has a solver
            that is not on GPUs, or memory does not suffice.
    """

    def __init__(
        self,
        task: TaskSpec,
        num_worlds: int,
        device: str = "cuda",
        *,
        num_contacts: int | None = None,
        num_constraints: int | None = None,
        variation: Variation | None = None,
    ) -> None:
        if num_worlds < 1:
            raise ValueError(f"there must be at least one world, not {num_worlds}")
        self.task, self.num_worlds = task, num_worlds
        self.model = load_model(task)
        check_solver(task, self.model)
        self.device, self._wp_device = find_device(device)
        sizes = {
            "nconmax": task.num_contacts if num_contacts is None else num_contacts,
            "njmax": task.num_constraints if num_constraints is None else num_constraints,
        }
        if min(sizes.values()) < 1:
            room = f"{sizes['nconmax']} and {sizes['njmax']}"
            raise ValueError(f"there must be room for at least one contact and one constraint, not {room}")
        self._varied = {} if variation is None else variation.models(self.model, num_worlds)
        try:
            self._make(sizes)
        except RuntimeError as error:  # torch's and Warp's words for too little memory
            if "memory" not in str(error) and "Failed to allocate" not in str(error):
                raise
            needed = f"{num_worlds} worlds of {task.name} do not fit into the memory of {device}"
            raise ValueError(f"{needed}: make fewer worlds, or lower num_contacts and num_constraints") from error

    def _make(self, sizes: dict[str, int]) -> None:
        with wp.ScopedDevice(self._wp_device):
            follow = _FOLLOW if "body_mass" in self._varied else ()
            self._m: Any = mjw.put_model(self.model, dict.fromkeys((*self._varied, *follow), self.num_worlds))
            self._m.opt.warn_overflow = 0  # `check` raises it; the simulator would print it for every world
            self._m.callback.contactfilter = align_frames
            self._d: Any = mjw.make_data(self.model, nworld=self.num_worlds, **sizes)
            for name, values in self._varied.items():
                wp.to_torch(getattr(self._m, name)).copy_(torch.as_tensor(values))
            if follow:
                self._wait()
                mjw.set_const(self._m, self._d)
        self._state = {name: self._field(name) for name in STATE}
        self._overflow = self._field("overflow")
        self.state_size = sum(self._state[name][0].numel() for name in PHYSICS_STATE)
        self.views: dict[str, Tensor] = {name: self._bind(name) for name in self.task.reads}
        self.views |= {name: self._constant(name) for name in self.task.constants}
        # what a pass over all worlds changes also in those that were not reset
        state = {"qpos", "qvel", "ctrl", "act", "time", "cfrc_ext"}
        self._derived = [self._field(name) for name in {name.partition("/")[0] for name in self.task.reads} - state]
        self._contact_forces = self._field("cfrc_ext") if self.task.needs_contact_forces else None
        self.qpos0, self.qvel0 = self._state["qpos"][0].clone(), self._state["qvel"][0].clone()
        self._step, self._forward = self._captured(self._step_all), self._captured(self._forward_all)
        everyone = torch.ones(self.num_worlds, dtype=torch.bool, device=self.device)
        self.reset(everyone, self.qpos0.expand(self.num_worlds, -1), self.qvel0.expand(self.num_worlds, -1))

    def set_ctrl(self, ctrl: Tensor) -> None:
        """Set the controls of all worlds. Shape: (N, nu)."""
        self._state["ctrl"].copy_(ctrl)

    def step(self) -> None:
        """Advance all worlds by one action each."""
        self._step()

    def reset(self, mask: Tensor, qpos: Tensor, qvel: Tensor) -> None:
        """Put the worlds in `mask` to new states; all other fields start from zero.

        Args:
            mask: Shape: (N,), bool.
            qpos: Positions, of all worlds. Shape: (N, nq).
            qvel: Velocities, of all worlds. Shape: (N, nv).
        """
        new = {"qpos": qpos, "qvel": qvel}
        for name, now in self._state.items():
            _put(now, mask, new.get(name, torch.zeros_like(now)))
        self._derive(mask)

    def physics_state(self) -> Tensor:
        """Copy the states from which worlds can be restored and rendered. Shape: (N, state_size), float32."""
        return torch.cat([self._state[name].view(self.num_worlds, -1) for name in PHYSICS_STATE], -1)

    def put(self, mask: Tensor, state: Tensor) -> None:
        """Put the worlds in `mask` to physics states, and compute the fields that follow from them.

        Args:
            mask: Shape: (N,), bool.
            state: As `physics_state` returned them, of all worlds. Shape: (N, state_size).
        """
        _put(self._state["ctrl"], mask, torch.zeros_like(self._state["ctrl"]))
        parts = torch.split(state, [self._state[name][0].numel() for name in PHYSICS_STATE], -1)
        for name, part in zip(PHYSICS_STATE, parts):
            _put(self._state[name], mask, part.reshape(self._state[name].shape))
        self._derive(mask)

    def snapshot(self) -> dict[str, Tensor]:
        """Copy all fields that a step depends on."""
        return {name: value.clone() for name, value in self._state.items()}

    def restore(self, snapshot: dict[str, Tensor]) -> None:
        """Put all worlds back to a snapshot. Derived fields in `views` follow at the next step.

        Raises:
            ValueError: If the snapshot belongs to other worlds.
        """
        for name, value in self._state.items():
            if snapshot[name].shape != value.shape:
                found = f"{name} of shape {tuple(snapshot[name].shape)}, these worlds need {tuple(value.shape)}"
                raise ValueError(f"the snapshot has {found}")
            value.copy_(snapshot[name])

    def check(self) -> None:
        """Check that no world had more contacts or constraints than there is room for; this synchronises.

        Raises:
            SimulationError: If a world had since the last call, so that forces were left out.
        """
        over = self._overflow.to("cpu", copy=True).numpy() & _ROOM
        if not over.any():
            return
        self._overflow.zero_()
        kinds = mjw.OverflowType(int(np.bitwise_or.reduce(over)))
        room = f"{self._d.naconmax // self.num_worlds} contacts and {self._d.njmax} constraints a world"
        needed = f"there is room for {room}, and more were needed ({kinds.name})"
        raise SimulationError(
            self.task.name, over.nonzero()[0], f"{needed}; make num_contacts or num_constraints larger"
        )

    def close(self) -> None:
        """Free the memory of the pool; closing twice does nothing."""
        self._wait()
        self.views, self._state, self._derived, self._contact_forces = {}, {}, [], None
        self._step = self._forward = lambda: None
        self._d = self._m = None

    def _step_all(self) -> None:
        for _ in range(self.task.frame_skip):
            mjw.step(self._m, self._d)
        if self.task.needs_contact_forces:
            mjw.rne_postconstraint(self._m, self._d)

    def _forward_all(self) -> None:
        mjw.forward(self._m, self._d)

    def _captured(self, run: Callable[[], None]) -> Callable[[], None]:
        """Capture the kernels of a function as a graph for torch's stream; a CPU calls the function each time."""

        def eagerly() -> None:
            with wp.ScopedDevice(self._wp_device):
                run()

        self._wait()
        eagerly()  # compiles the kernels, which a capture cannot
        if self.device.type != "cuda":
            return eagerly
        self._wait()
        with wp.ScopedDevice(self._wp_device), wp.ScopedCapture() as capture:
            run()

        def launch() -> None:
            with wp.ScopedDevice(self._wp_device):
                stream = wp.stream_from_torch(torch.cuda.current_stream(self.device))
                wp.capture_launch(capture.graph, stream=stream)

        launch()  # the first launch allocates memory, and must fail here if there is too little
        self._wait()
        return launch

    def _wait(self) -> None:
        """Wait for a GPU: before Warp's stream sees work of torch, or Warp frees memory that torch may be reading."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def _derive(self, mask: Tensor) -> None:
        """Compute the fields that formulas read and states do not hold, in the worlds in `mask` only."""
        if self._contact_forces is not None:
            _put(self._contact_forces, mask, torch.zeros_like(self._contact_forces))
        if self.task.reads_state_only:
            return
        kept = [value.clone() for value in (*self._derived, self._state["qacc_warmstart"])]
        self._forward()
        for value, before in zip(self._derived, kept):
            _put(value, ~mask, before)
        self._state["qacc_warmstart"].copy_(kept[-1])

    def _field(self, name: str) -> Tensor:
        """View an array of the simulator as a tensor. Shape: (N, ...)."""
        array = getattr(self._d, name)
        # an empty array has no memory that could be shared
        return wp.to_torch(array) if array.size else torch.zeros(array.shape, device=self.device)

    def _bind(self, name: str) -> Tensor:
        field, _, row = name.partition("/")
        return self._field(field)[:, self._id(field, row)] if row else self._field(field)

    def _constant(self, name: str) -> Tensor:
        field, _, row = name.partition("/")
        is_own = field in self._varied
        values = self._varied[field] if is_own else getattr(self.model, field)
        array = torch.tensor(values, dtype=torch.float32, device=self.device)
        if not row:
            return array
        return array[:, self._id(field, row)] if is_own else array[self._id(field, row)]

    def _id(self, field: str, name: str) -> int:
        objects = {"site": self.model.site, "geom": self.model.geom}.get(field.partition("_")[0], self.model.body)
        return int(objects(name).id)


_ROOM = int(
    mjw.OverflowType.NEFC | mjw.OverflowType.NJMAX_NNZ | mjw.OverflowType.BROADPHASE | mjw.OverflowType.NARROWPHASE
)
"""Overflows by which forces are left out; a solver that stops early is none."""


def _put(now: Tensor, mask: Tensor, new: Tensor) -> None:
    """Replace the rows in `mask`, in place."""
    torch.where(mask.view(-1, *[1] * (now.dim() - 1)), new, now, out=now)
