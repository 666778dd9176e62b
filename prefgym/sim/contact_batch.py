"""MuJoCo's batch, with contact forces.

`cfrc_ext`, the contact forces on each body, is not computed by a simulation step: Gymnasium calls
`mj_rnePostConstraint` after it. `mujoco.batch.Batch` cannot do that between step and copying out, but its
C functions can. They are called here through ctypes; nothing is compiled.
"""

import ctypes
import importlib
import platform
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from prefgym.sim.gl import MjModel, mujoco

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]

batch: Any = importlib.import_module("mujoco.batch")

_NUMBER = ctypes.POINTER(ctypes.c_double)
_INT = ctypes.POINTER(ctypes.c_int)
_STATE_BITS = {
    "time": mujoco.mjtState.mjSTATE_TIME,
    "qpos": mujoco.mjtState.mjSTATE_QPOS,
    "qvel": mujoco.mjtState.mjSTATE_QVEL,
    "act": mujoco.mjtState.mjSTATE_ACT,
    "ctrl": mujoco.mjtState.mjSTATE_CTRL,
}


class _Config(ctypes.Structure):
    _fields_ = (("nthread", ctypes.c_int), ("persistent", ctypes.c_bool))


@cache
def _library() -> ctypes.CDLL:
    """Open the library that the mujoco package has loaded, and declare its functions.

    Raises:
        ImportError: If the mujoco package has no such library.
    """
    pattern = {"Darwin": "libmujoco*.dylib", "Windows": "mujoco.dll"}.get(platform.system(), "libmujoco.so*")
    found = sorted(Path(mujoco.__file__).parent.glob(pattern))
    if not found:
        raise ImportError(f"the mujoco package has no {pattern}: reinstall it with pip")
    library = ctypes.CDLL(str(found[0]))
    pointer, ids = ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_int)
    signatures: dict[str, tuple[Any, tuple[Any, ...]]] = {
        "mjb_makeBatch": (pointer, (pointer, ctypes.c_int, ctypes.POINTER(_Config), ctypes.c_char_p, ctypes.c_int)),
        "mjb_deleteBatch": (None, (pointer,)),
        "mjb_nstate": (ctypes.c_int, (pointer,)),
        "mjb_state": (_NUMBER, (pointer,)),
        "mjb_stateComponent": (_NUMBER, (pointer, ctypes.c_int, _INT)),
        "mjb_step": (ctypes.c_int, (pointer, *ids, ctypes.c_int, ctypes.c_int)),
        "mjb_forward": (ctypes.c_int, (pointer, *ids, ctypes.c_int)),
        "mjb_reset": (ctypes.c_int, (pointer, *ids, pointer, ctypes.c_int)),
        "mjb_apply": (ctypes.c_int, (pointer, *ids, pointer, pointer, ctypes.c_int)),
        "mjb_status": (_INT, (pointer,)),
        "mjb_error": (ctypes.c_char_p, (pointer, ctypes.c_int)),
        "mjb_expand": (_NUMBER, (pointer, ctypes.c_char_p, _INT, _INT)),
        "mjb_setConst": (ctypes.c_int, (pointer, *ids)),
        "mjb_output": (_NUMBER, (pointer, ctypes.c_char_p, _INT, _INT)),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class ContactBatch:
    """The part of `mujoco.batch.Batch` that a pool needs, with `cfrc_ext` computed after each step.

    Every world keeps an `MjData` of its own, since contact forces are computed from the data of the step.

    Raises:
        MemoryError: If MuJoCo cannot make the batch.
    """

    def __init__(self, model: MjModel, nsim: int, nthread: int) -> None:
        self.nsim, self._model = nsim, model
        self._library = _library()
        message = ctypes.create_string_buffer(1000)
        config = _Config(nthread, True)
        address = int(model._address)  # pyright: ignore[reportPrivateUsage]
        self._handle = self._library.mjb_makeBatch(address, nsim, ctypes.byref(config), message, len(message))
        if not self._handle:
            raise MemoryError(f"MuJoCo could not make a batch of {nsim} worlds: {message.value.decode()}")
        # a batch function gets (model, data, world, argument); this one uses the first two
        self._contact_forces = ctypes.cast(self._library.mj_rnePostConstraint, ctypes.c_void_p)
        self._template = mujoco.MjData(model)
        columns = self._library.mjb_nstate(self._handle)
        self.state: FloatArray = np.ctypeslib.as_array(self._library.mjb_state(self._handle), (nsim, columns))

    def bind(self, name: str) -> FloatArray:
        """Return a live view of a state or derived field. Shape: (N, ...).

        Raises:
            ValueError: If there is no such field.
        """
        if name in _STATE_BITS:
            return self._bind_state(name)
        size, item = ctypes.c_int(), ctypes.c_int()
        pointer = self._library.mjb_output(self._handle, name.encode(), ctypes.byref(size), ctypes.byref(item))
        if not pointer or item.value != ctypes.sizeof(ctypes.c_double):
            raise ValueError(f"{name} is not a field of MjData that holds real numbers")
        array = np.ctypeslib.as_array(pointer, (self.nsim, size.value))
        array.flags.writeable = False
        return array.reshape(self.nsim, *getattr(self._template, name).shape)

    def expand(self, name: str) -> FloatArray:
        """Let a field of the model differ by world; return a live view. Shape: (N, ...).

        Raises:
            ValueError: If there is no such field.
        """
        size, item = ctypes.c_int(), ctypes.c_int()
        pointer = self._library.mjb_expand(self._handle, name.encode(), ctypes.byref(size), ctypes.byref(item))
        if not pointer or item.value != ctypes.sizeof(ctypes.c_double):
            raise ValueError(f"{name} is not a field of MjModel that can differ by world")
        array = np.ctypeslib.as_array(pointer, (self.nsim, size.value))
        return array.reshape(self.nsim, *getattr(self._model, name).shape)

    def set_const(self, ids: IntArray | None = None) -> None:
        """Compute the fields that depend on fields of the models."""
        self._check(ids, self._library.mjb_setConst(self._handle, *_pointer(ids)))

    def _bind_state(self, name: str) -> FloatArray:
        size = ctypes.c_int()
        pointer = self._library.mjb_stateComponent(self._handle, _STATE_BITS[name].value, ctypes.byref(size))
        first = self._library.mjb_state(self._handle)
        offset = ctypes.addressof(pointer.contents) - ctypes.addressof(first.contents)
        column = offset // ctypes.sizeof(ctypes.c_double)
        return self.state[:, column : column + size.value]

    def step(self, ids: IntArray | None = None, nstep: int = 1) -> None:
        """Advance worlds by `nstep` simulation steps, then compute contact forces."""
        self._check(ids, self._library.mjb_step(self._handle, *_pointer(ids), nstep, 0))
        self._check(ids, self._library.mjb_apply(self._handle, *_pointer(ids), self._contact_forces, None, 0))
        # computes nothing, but copies the fields out again
        self._check(ids, self._library.mjb_forward(self._handle, *_pointer(ids), 0))

    def forward(self, ids: IntArray | None = None) -> None:
        """Compute all fields at the current states; contact forces stay as they are."""
        stage = mujoco.mjtStage.mjSTAGE_ACC.value
        self._check(ids, self._library.mjb_forward(self._handle, *_pointer(ids), stage))

    def reset(self, ids: IntArray | None = None) -> None:
        """Reset worlds to the defaults of the model; contact forces become zero."""
        self._check(ids, self._library.mjb_reset(self._handle, *_pointer(ids), None, 0))

    def error(self, sim: int) -> str:
        """Return the message of the error that world `sim` raised in the last call."""
        return self._library.mjb_error(self._handle, sim).decode()

    def close(self) -> None:
        """Free the batch; its views must not be used any more."""
        handle, self._handle = self._handle, None
        if handle:
            self._library.mjb_deleteBatch(handle)

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self.close()

    def _check(self, ids: IntArray | None, num_failed: int) -> None:
        if not num_failed:
            return
        asked = np.arange(self.nsim) if ids is None else ids
        status = np.ctypeslib.as_array(self._library.mjb_status(self._handle), (self.nsim,))
        failed = asked[status[asked] != 0]
        raise batch.SimulationError(failed, self.error(int(failed[0])), len(asked))


def _pointer(ids: IntArray | None) -> tuple[int | None, int]:
    return (None, 0) if ids is None else (ids.ctypes.data, len(ids))
