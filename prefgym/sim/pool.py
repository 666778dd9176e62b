"""Pools: many worlds of one model that step together, in arrays on the CPU or in tensors on a device."""

from typing import TYPE_CHECKING, Protocol, TypeVar

from prefgym.sim.task import Array

if TYPE_CHECKING:
    from prefgym.sim.gl import MjModel

AnyArray = TypeVar("AnyArray")
ReadArray = TypeVar("ReadArray", covariant=True)


class Pool(Protocol[ReadArray]):
    """What `CpuPool` and `WarpPool` share: how worlds are stepped and reset differs between processors and devices."""

    num_worlds: int
    """Number of worlds N."""
    model: "MjModel"
    """What the physics states are states of."""
    state_size: int
    """Columns of `physics_state`, S."""

    def physics_state(self) -> ReadArray:
        """Copy what it takes to restore, continue and render worlds later. Shape: (N, S)."""
        ...

    def close(self) -> None:
        """Free what the pool holds; closing twice does nothing."""
        ...


class SimulationError(RuntimeError):
    """The simulator gave up on some worlds; they kept the states they had.

    Args:
        task: Name of the task.
        worlds: Which worlds. Shape: (k,).
        reason: What the simulator said about the first of them.
    """

    def __init__(self, task: str, worlds: Array, reason: str) -> None:
        shown = ", ".join(str(world) for world in worlds[:5]) + (", ..." if len(worlds) > 5 else "")
        first_line = reason.strip().partition("\n")[0]
        super().__init__(f"MuJoCo gave up on {len(worlds)} worlds of {task} ({shown}): {first_line}")
        self.worlds = worlds
