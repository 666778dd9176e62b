"""Random numbers by counting: a stream for each world and episode."""

import numpy as np
import pytest
import torch

from prefgym.envs import ANT, PUSHER, REACHER, TASKS
from prefgym.sim.world_draw import WorldSampler, scrambled

EVERYONE = torch.ones(4, dtype=torch.bool)


def draws(num_worlds: int, seed: int) -> WorldSampler:
    """Make draws for so many worlds, seeded and in their first episode."""
    made = WorldSampler(num_worlds, torch.device("cpu"))
    everyone = torch.ones(num_worlds, dtype=torch.bool)
    made.seed(seed, everyone)
    made.begin(everyone)
    return made


def test_the_hash_is_splitmix64() -> None:
    """The first numbers of the published generator with seed 1234567."""
    golden = 0x9E3779B97F4A7C15
    states = [(1234567 + golden * number) % 2**64 for number in (1, 2, 3)]
    signed = torch.tensor([state - 2**64 if state >= 2**63 else state for state in states])
    told = [int(number) % 2**64 for number in scrambled(signed)]
    assert told == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_a_world_draws_the_same_whoever_is_beside_it() -> None:
    """World 2 of 4 seeded with 5 draws what world 0 of 1 does with 7, and in its second episode something else."""
    many, alone = draws(4, 5), draws(1, 7)
    first = many.uniform(-1, 1, (4, 3))
    assert torch.equal(first[2:3], alone.uniform(-1, 1, (1, 3)))
    assert torch.equal(many.standard_normal((4, 2))[2:3], alone.standard_normal((1, 2)))
    many.begin(torch.tensor([False, False, True, False]))
    alone.begin(EVERYONE[:1])
    second = many.uniform(-1, 1, (4, 3))
    assert torch.equal(second[2:3], alone.uniform(-1, 1, (1, 3)))
    assert (second[2] != first[2]).all()
    assert torch.equal(second[[0, 1, 3]], first[[0, 1, 3]])  # these are in their first episode still


def test_numbers_are_uniform_and_normal() -> None:
    """Mean and variance of a million numbers are within five standard errors; no two columns or worlds agree."""
    made = draws(1000, 0)
    uniform, normal = made.uniform(2.0, 5.0, (1000, 1000)), made.standard_normal((1000, 1000)).double()
    assert 2.0 <= uniform.min() < 2.001 < 4.999 < uniform.max() < 5.0
    assert float(uniform.double().mean()) == pytest.approx(3.5, abs=5 * np.sqrt(0.75 / 1e6))
    assert float(normal.mean()) == pytest.approx(0, abs=0.005)
    assert float(normal.square().mean()) == pytest.approx(1, abs=5 * np.sqrt(2 / 1e6))
    assert float(normal.pow(4).mean()) == pytest.approx(3, abs=5 * np.sqrt(96 / 1e6))
    for axis in (0, 1):
        neighbours = (normal * normal.roll(1, axis)).mean()
        assert abs(float(neighbours)) < 0.005


def test_bounds_may_differ_by_column() -> None:
    """The first column lies in 0..1, the second in 10..20."""
    drawn = draws(500, 0).uniform((0.0, 10.0), (1.0, 20.0), (500, 2))
    assert drawn.min(0).values.tolist() == pytest.approx([0, 10], abs=0.2)
    assert drawn.max(0).values.tolist() == pytest.approx([1, 20], abs=0.2)


def test_until_takes_the_first_that_is_accepted() -> None:
    """Of the numbers 0, 1, 2, ... in each world, the first above 3 is 4."""
    made, count = draws(3, 0), iter(range(100))
    found = made.until(lambda rows: rows.sum(-1) > 3, lambda num: torch.full((num, 1), float(next(count))), 3)
    assert found.tolist() == [[4.0]] * 3


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_initial_states_are_those_of_numpy_in_distribution(task: object) -> None:
    """Mean and deviation of 4000 initial states agree with those that NumPy draws, coordinate by coordinate."""
    from prefgym.sim.seeding import HostSampler
    from prefgym.sim.task import TaskSpec

    assert isinstance(task, TaskSpec)
    num, (nq, nv) = 4000, (15, 14) if task is ANT else (11, 11)
    arrays = task.initial(task, HostSampler(np.random.default_rng(0)), num, np.zeros(nq), np.zeros(nv))
    tensors = task.initial(task, draws(num, 0), num, torch.zeros(nq), torch.zeros(nv))
    for array, tensor in zip(arrays, tensors):
        spread = array.std(0) + 1e-9
        assert np.abs(tensor.numpy().mean(0) - array.mean(0)).max() < 0.12 * spread.max()
        assert tensor.numpy().std(0) == pytest.approx(spread, rel=0.06, abs=1e-6)


def test_targets_are_within_reach() -> None:
    """As NumPy's: Reacher's targets fill a disc of 0.2 m, Pusher's objects lie 0.17 m from the goal."""
    qpos, _ = REACHER.initial(REACHER, draws(2000, 1), 2000, torch.zeros(4), torch.zeros(4))
    assert float(qpos[:, -2:].norm(dim=-1).max()) < 0.2
    qpos, qvel = PUSHER.initial(PUSHER, draws(2000, 1), 2000, torch.ones(11), torch.zeros(11))
    assert float(qpos[:, -4:-2].norm(dim=-1).min()) > 0.17
    assert not qvel[:, -4:].any()
    assert not qpos[:, -2:].any()


def test_seeds_may_be_listed() -> None:
    """A list seeds each world, and has to be long enough; None goes on."""
    made, listed = draws(4, 5), WorldSampler(4, torch.device("cpu"))
    listed.seed([5, 6, 7, 8], EVERYONE)
    listed.begin(EVERYONE)
    made.seed(None, EVERYONE)
    assert torch.equal(made.uniform(0, 1, (4, 2)), listed.uniform(0, 1, (4, 2)))
    listed.seed((None, 1, None, None), EVERYONE)
    assert listed.seeds.tolist() == [5, 1, 7, 8]
    with pytest.raises(ValueError, match="one for each of 4 worlds, not 2"):
        listed.seed([1, 2], EVERYONE)
