"""Where the randomness of initial states comes from."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
from gymnasium.utils import seeding

from prefgym.sim.task import TaskSpec

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Seed = int | Sequence[int | None] | None
States = tuple[FloatArray, FloatArray]


class Seeding(Protocol):
    """Draws the states in which episodes start."""

    def seed(self, seed: Seed, mask: BoolArray) -> None:
        """Start the generators anew, those of the worlds in `mask` if each has its own; None lets them run on."""
        ...

    def initial(self, task: TaskSpec, mask: BoolArray, qpos0: FloatArray, qvel0: FloatArray) -> States:
        """Draw positions and velocities for the k worlds in `mask`. Shapes: (k, nq) and (k, nv)."""
        ...

    @property
    def generators(self) -> tuple[np.random.Generator, ...]:
        """The generators, in the order of the worlds they serve."""
        ...


class FastSeeding:
    """One generator for all worlds: initial states are drawn together."""

    def __init__(self, num_worlds: int) -> None:
        self._generator, self.seeds = seeding.np_random()

    def seed(self, seed: Seed, mask: BoolArray) -> None:
        """Start the generator anew, unless `seed` is None.

        Raises:
            TypeError: If `seed` has a number for each world.
        """
        if seed is None:
            return
        if not isinstance(seed, int):
            raise TypeError("a seed for each world needs seeding='parity'; with seeding='fast' a seed is one integer")
        self._generator, self.seeds = seeding.np_random(seed)

    def initial(self, task: TaskSpec, mask: BoolArray, qpos0: FloatArray, qvel0: FloatArray) -> States:
        """Draw positions and velocities for the k worlds in `mask`, all in one go."""
        return task.initial(task, self._generator, int(np.count_nonzero(mask)), qpos0, qvel0)

    @property
    def generators(self) -> tuple[np.random.Generator, ...]:
        """The one generator."""
        return (self._generator,)


class ParitySeeding:
    """A generator for each world, drawn from exactly as Gymnasium's environments do."""

    def __init__(self, num_worlds: int) -> None:
        self.num_worlds = num_worlds
        self._generators = [seeding.np_random()[0] for _ in range(num_worlds)]

    def seed(self, seed: Seed, mask: BoolArray) -> None:
        """Start the generators of the worlds in `mask` anew: world i with `seed + i`, or with `seed[i]` of a list.

        Raises:
            ValueError: If a list of seeds does not have one for each world.
        """
        if isinstance(seed, int):
            seed = [seed + world for world in range(self.num_worlds)]
        if seed is None:
            return
        if len(seed) != self.num_worlds:
            raise ValueError(f"a list of seeds needs one for each of the {self.num_worlds} worlds, not {len(seed)}")
        for world in np.flatnonzero(mask):
            if seed[world] is not None:
                self._generators[world] = seeding.np_random(seed[world])[0]

    def initial(self, task: TaskSpec, mask: BoolArray, qpos0: FloatArray, qvel0: FloatArray) -> States:
        """Draw positions and velocities for the k worlds in `mask`, each from its own generator."""
        drawn = [task.initial(task, self._generators[world], 1, qpos0, qvel0) for world in np.flatnonzero(mask)]
        return np.concatenate([qpos for qpos, _ in drawn]), np.concatenate([qvel for _, qvel in drawn])

    @property
    def generators(self) -> tuple[np.random.Generator, ...]:
        """The generators of the worlds."""
        return tuple(self._generators)
