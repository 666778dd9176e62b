"""The randomness of initial states."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from gymnasium.utils.seeding import np_random

from prefgym.sim.task import TaskSpec

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Seed: TypeAlias = int | Sequence[int | None] | None


class HostSampler:
    """Samples from a NumPy generator; implements `prefgym.sim.task.StateSampler`."""

    def __init__(self, generator: np.random.Generator) -> None:
        self.uniform, self.standard_normal = generator.uniform, generator.standard_normal

    def until(self, accept: Callable[[Any], Any], sample: Callable[[int], Any], num: int) -> Any:  # noqa: ANN401
        """Sample `num` rows, and resample those that `accept` refuses."""
        drawn = sample(num)
        while (refused := ~accept(drawn)).any():
            drawn[refused] = sample(int(refused.sum()))
        return drawn


class Seeding(Protocol):
    """Samples the initial states of episodes."""

    seeds: tuple[int, ...]
    """The seeds of the generators."""
    generators: tuple[np.random.Generator, ...]

    def seed(self, seed: Seed, mask: BoolArray) -> None:
        """Seed the generators, those of the worlds in `mask` if each has its own; None keeps them."""
        ...

    def initial(
        self, task: TaskSpec, mask: BoolArray, qpos0: FloatArray, qvel0: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Sample positions and velocities for the k worlds in `mask`. Shapes: (k, nq) and (k, nv)."""
        ...


class FastSeeding:
    """One generator for all worlds, which samples their initial states together."""

    def __init__(self, num_worlds: int) -> None:
        self.generators, self.seeds = _started((None,))

    def seed(self, seed: Seed, mask: BoolArray) -> None:
        """Seed the generator, unless `seed` is None.

        Raises:
            TypeError: If `seed` is a list.
        """
        if seed is None:
            return
        if isinstance(seed, Sequence):
            raise TypeError("a list of seeds needs seeding='parity'; with seeding='fast' the seed is one integer")
        self.generators, self.seeds = _started((seed,))

    def initial(
        self, task: TaskSpec, mask: BoolArray, qpos0: FloatArray, qvel0: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Sample positions and velocities for the k worlds in `mask` in one go. Shapes: (k, nq) and (k, nv)."""
        return task.initial(task, HostSampler(self.generators[0]), int(np.count_nonzero(mask)), qpos0, qvel0)


class ParitySeeding:
    """A generator for each world, drawn from exactly as Gymnasium's environments do."""

    def __init__(self, num_worlds: int) -> None:
        self.generators, self.seeds = _started((None,) * num_worlds)

    def seed(self, seed: Seed, mask: BoolArray) -> None:
        """Seed the generators of the worlds in `mask`: world i with `seed + i`, or with `seed[i]` of a list.

        Raises:
            ValueError: If a list does not have a seed, or None, for each world.
        """
        num_worlds = len(self.generators)
        if seed is None:
            return
        each = [seed + world for world in range(num_worlds)] if isinstance(seed, int) else list(seed)
        if len(each) != num_worlds:
            raise ValueError(f"a list of seeds needs one for each of {num_worlds} worlds, not {len(each)}")
        generators, seeds = list(self.generators), list(self.seeds)
        for world, own in enumerate(each):
            if mask[world] and own is not None:
                generators[world], seeds[world] = np_random(own)
        self.generators, self.seeds = tuple(generators), tuple(seeds)

    def initial(
        self, task: TaskSpec, mask: BoolArray, qpos0: FloatArray, qvel0: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Sample positions and velocities for the k worlds in `mask` one by one. Shapes: (k, nq) and (k, nv)."""
        draws = [HostSampler(self.generators[world]) for world in np.flatnonzero(mask)]
        drawn = [task.initial(task, draw, 1, qpos0, qvel0) for draw in draws]
        return np.concatenate([qpos for qpos, _ in drawn]), np.concatenate([qvel for _, qvel in drawn])


def generator_states(seeding: Seeding) -> tuple[dict[str, Any], ...]:
    """Return the states of the generators, as JSON values."""
    return tuple(dict(generator.bit_generator.state) for generator in seeding.generators)


def restore_generators(seeding: Seeding, states: Sequence[dict[str, Any]]) -> None:
    """Restore the states of the generators.

    Raises:
        ValueError: If the numbers of states and generators differ.
    """
    if len(states) != len(seeding.generators):
        raise ValueError(f"there are {len(states)} random generators to restore, but {len(seeding.generators)} in use")
    for generator, state in zip(seeding.generators, states, strict=True):
        generator.bit_generator.state = state


def _started(seeds: Sequence[int | None]) -> tuple[tuple[np.random.Generator, ...], tuple[int, ...]]:
    generators, used = zip(*(np_random(seed) for seed in seeds), strict=True)
    return generators, used
