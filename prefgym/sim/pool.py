"""The pool protocol: many worlds of one model that step together."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from prefgym.sim.task import Array, Views


@dataclass(frozen=True, kw_only=True)
class PoolSnapshot:
    """The integration states of all worlds: enough to continue as if nothing had happened."""

    state: Array
    """`mjSTATE_INTEGRATION` rows. Shape: (N, columns)."""

    def __repr__(self) -> str:
        return f"PoolSnapshot(state={tuple(self.state.shape)})"


class Pool(Protocol):
    """Many worlds of one model. Arrays in `views` are live: whoever hands them on copies them."""

    num_worlds: int
    views: Views
    state_size: int
    """Columns of `physics_state`."""

    def set_ctrl(self, ctrl: Array) -> None:
        """Set the controls of all worlds. Shape: (N, nu)."""
        ...

    def step(self, mask: Array | None = None) -> None:
        """Advance the worlds in `mask`, all if None, by one action each. Shape: (N,), bool.

        Raises:
            SimulationError: If the simulator gave up on some worlds.
        """
        ...

    def reset(self, mask: Array, qpos: Array, qvel: Array) -> None:
        """Put the worlds in `mask`, k of them, to new states; everything else about them starts from zero.

        Args:
            mask: Shape: (N,), bool.
            qpos: Positions, one row for each world in `mask`. Shape: (k, nq).
            qvel: Velocities. Shape: (k, nv).
        """
        ...

    def physics_state(self) -> Array:
        """Copy what it takes to restore, continue and render a world later. Shape: (N, state_size), float64."""
        ...

    def snapshot(self) -> PoolSnapshot:
        """Copy the integration states of all worlds."""
        ...

    def restore(self, snapshot: PoolSnapshot) -> None:
        """Put all worlds back to a snapshot."""
        ...

    def close(self) -> None:
        """Free what the pool holds; it cannot be used afterwards."""
        ...


class SimulationError(RuntimeError):
    """The simulator gave up on some worlds."""

    def __init__(self, task: str, worlds: npt.NDArray[np.integer], message: str) -> None:
        shown = ", ".join(str(world) for world in worlds[:5]) + (", ..." if len(worlds) > 5 else "")
        super().__init__(f"MuJoCo could not step {task} in {len(worlds)} worlds ({shown}): {message.strip()}")
        self.worlds = worlds
