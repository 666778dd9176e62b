"""The pool protocol: many worlds of one model that step together."""

from typing import Protocol

from prefgym.sim.task import Array, Views


class Pool(Protocol):
    """Many worlds of one model."""

    @property
    def num_worlds(self) -> int:
        """Number of worlds N."""
        ...

    @property
    def views(self) -> Views:
        """What formulas read; it is live, so whoever hands it on copies it."""
        ...

    @property
    def state_size(self) -> int:
        """Columns of `physics_state`."""
        ...

    def set_ctrl(self, ctrl: Array) -> None:
        """Set the controls of all worlds. Shape: (N, nu)."""
        ...

    def step(self, mask: Array | None = None) -> None:
        """Advance the worlds in `mask`, all if None, by one action each.

        Args:
            mask: Shape: (N,), bool; True somewhere.

        Raises:
            SimulationError: If the simulator gave up on some worlds.
        """
        ...

    def reset(self, mask: Array, qpos: Array, qvel: Array) -> None:
        """Put the k worlds in `mask` to new states; all else about them starts from zero.

        Args:
            mask: Shape: (N,), bool; True somewhere.
            qpos: Positions. Shape: (k, nq).
            qvel: Velocities. Shape: (k, nv).

        Raises:
            SimulationError: If the simulator gave up on some worlds.
        """
        ...

    def physics_state(self) -> Array:
        """Copy what it takes to restore, continue and render worlds later. Shape: (N, state_size), float64."""
        ...

    def put(self, mask: Array, state: Array) -> None:
        """Put the k worlds in `mask` to physics states, and compute what follows from them.

        Args:
            mask: Shape: (N,), bool; True somewhere.
            state: As `physics_state` returned them. Shape: (k, state_size).

        Raises:
            SimulationError: If the simulator gave up on some worlds.
        """
        ...

    def snapshot(self) -> Array:
        """Copy the integration states: all that a step depends on. Shape: (N, any)."""
        ...

    def restore(self, snapshot: Array) -> None:
        """Put all worlds back to a snapshot. Derived fields in `views` follow at the next step."""
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
