"""Where the randomness of initial states comes from."""

import numpy as np
import pytest
from gymnasium.utils.seeding import np_random

from prefgym.envs import HALF_CHEETAH
from prefgym.sim.seeding import FastSeeding, ParitySeeding

QPOS0, QVEL0 = np.arange(3.0), np.zeros(2)


def some(*worlds: int) -> np.ndarray:
    """Make a mask of 4 worlds."""
    return np.isin(np.arange(4), worlds)


def test_parity_draws_what_one_world_would() -> None:
    """World 2, seeded with 5 + 2, draws uniform positions, then normal velocities, from its own generator."""
    seeding = ParitySeeding(4)
    seeding.seed(5, some(0, 1, 2, 3))
    qpos, qvel = seeding.initial(HALF_CHEETAH, some(1, 2), QPOS0, QVEL0)
    rng, _ = np_random(7)
    assert np.array_equal(qpos[1], QPOS0 + rng.uniform(-0.1, 0.1, 3))
    assert np.array_equal(qvel[1], 0.1 * rng.standard_normal(2))
    assert qpos.shape == (2, 3)


def test_parity_seeds_can_be_listed() -> None:
    """A list seeds each world by itself; None, and worlds outside the mask, go on."""
    seeding = ParitySeeding(4)
    seeding.seed(5, some(0, 1, 2, 3))
    before = seeding.generators
    seeding.seed([1, None, 3, 4], some(0, 1, 2))
    assert seeding.seeds == (1, 6, 3, 8)
    assert [a is b for a, b in zip(before, seeding.generators, strict=True)] == [False, True, False, True]
    with pytest.raises(ValueError, match="one for each of 4 worlds, not 2"):
        seeding.seed([1, 2], some(0))


def test_fast_draws_for_all_at_once() -> None:
    """All positions come first, then all velocities, out of one generator; None goes on."""
    seeding = FastSeeding(4)
    seeding.seed(5, some(0, 1))
    seeding.seed(None, some(0, 1))
    qpos, qvel = seeding.initial(HALF_CHEETAH, some(0, 3), QPOS0, QVEL0)
    rng, _ = np_random(5)
    assert np.array_equal(qpos, QPOS0 + rng.uniform(-0.1, 0.1, (2, 3)))
    assert np.array_equal(qvel, 0.1 * rng.standard_normal((2, 2)))
    with pytest.raises(TypeError, match="needs seeding='parity'"):
        seeding.seed([1, 2, 3, 4], some(0))
