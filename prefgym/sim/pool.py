"""Pools: many worlds of one model that step together, in arrays on the CPU or in tensors on a device."""

from typing import TYPE_CHECKING, Protocol, TypeVar

from prefgym.sim.task import Array

if TYPE_CHECKING:
    from prefgym.sim.gl import MjModel

AnyArray = TypeVar("AnyArray")
ReadArray = TypeVar("ReadArray", covariant=True)


class Pool(Protocol[ReadArray]):
    """The common interface of `CpuPool` and `WarpPool`, which differ in stepping and resetting."""

    num_worlds: int
    """Number of worlds N."""
    model: "MjModel"
    """Model of the physics states."""
    state_size: int
    """Columns of `physics_state`, S."""

    def physics_state(self) -> ReadArray:
        """Copy the states from which worlds can be restored, continued and rendered. Shape: (N, S)."""
        ...

    def close(self) -> None:
        """Free the memory of the pool; closing twice does nothing."""
        ...


class SimulationError(RuntimeError):
    """The simulator reports an error in some worlds; their states are unchanged.

    Args:
        task: Name of the task.
        worlds: Numbers of the worlds. Shape: (k,).
        reason: Message of the simulator about the first of them.
    """

    def __init__(self, task: str, worlds: Array, reason: str) -> None:
        shown = ", ".join(str(world) for world in worlds[:5]) + (", ..." if len(worlds) > 5 else "")
        first_line = reason.strip().partition("\n")[0]
        super().__init__(f"MuJoCo gave up on {len(worlds)} worlds of {task} ({shown}): {first_line}")
        self.worlds = worlds
