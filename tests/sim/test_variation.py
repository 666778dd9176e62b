"""Worlds with masses and friction of their own, alike on both back ends."""

from typing import Any

import mujoco
import numpy as np
import pytest
import torch

from prefgym.envs import ANT, HALF_CHEETAH, HUMANOID
from prefgym.sim.cpu import CpuPool, load_model
from prefgym.sim.task import TaskSpec
from prefgym.sim.variation import Variation

VARIATION = Variation(mass=(0.5, 1.5), friction=(0.3, 2.0), seed=3)


def moved(pool: CpuPool, num_steps: int) -> np.ndarray:
    """Take the same actions in all worlds and return where they come to: (N, nq)."""
    num, (low, high) = pool.num_worlds, pool.model.actuator_ctrlrange.T
    everyone, draws = np.ones(num, np.bool_), np.random.default_rng(0)
    pool.reset(everyone, np.tile(pool.qpos0, (num, 1)), np.tile(pool.qvel0, (num, 1)))
    for _ in range(num_steps):
        pool.set_ctrl(np.tile(draws.uniform(low, high), (num, 1)))
        pool.step()
    return pool.views["qpos"].copy()


@pytest.mark.parametrize("task", [HALF_CHEETAH, ANT], ids=lambda task: task.name)
def test_each_world_is_the_model_that_was_drawn(task: TaskSpec) -> None:
    """A world alone in MuJoCo, with its masses and friction in the model, comes to the same, to the last bit."""
    pool = CpuPool(task, 3, 1, VARIATION)
    fields = VARIATION.models(pool.model, 3)
    assert set(fields) == {"body_mass", "body_inertia", "geom_friction"}
    after, draws = moved(pool, 20), np.random.default_rng(0)
    low, high = pool.model.actuator_ctrlrange.T
    actions = [draws.uniform(low, high) for _ in range(20)]
    for world in range(3):
        model = load_model(task)
        for name, values in fields.items():
            getattr(model, name)[:] = values[world]
        data = mujoco.MjData(model)  # pyright: ignore[reportAttributeAccessIssue]
        mujoco.mj_setConst(model, data)  # pyright: ignore[reportAttributeAccessIssue]
        mujoco.mj_resetData(model, data)  # pyright: ignore[reportAttributeAccessIssue]
        for action in actions:
            data.ctrl[:] = action
            mujoco.mj_step(model, data, task.frame_skip)  # pyright: ignore[reportAttributeAccessIssue]
        assert np.array_equal(after[world], data.qpos)


def test_without_variation_nothing_differs() -> None:
    """Factors of 1 leave the model alone; worlds that vary part from it and from each other."""
    assert Variation().models(load_model(HALF_CHEETAH), 4) == {}
    same, plain = (moved(CpuPool(HALF_CHEETAH, 2, 1, variation), 20) for variation in (Variation(), None))
    assert np.array_equal(same, plain)
    varied = moved(CpuPool(HALF_CHEETAH, 2, 1, VARIATION), 20)
    assert not np.allclose(varied[0], varied[1], atol=1e-3)
    assert not np.allclose(varied[0], plain[0], atol=1e-3)


def test_factors_lie_between_the_bounds_whoever_else_there_is() -> None:
    """Of 500 worlds the first three are as of three; inertia goes with mass, friction is one factor a world."""
    model = load_model(ANT)
    many, few = VARIATION.models(model, 500), VARIATION.models(model, 3)
    assert all(np.array_equal(many[name][:3], few[name]) for name in few)
    mass = many["body_mass"][:, 1:] / model.body_mass[1:]
    assert mass.min() == pytest.approx(0.5, abs=0.01)
    assert mass.max() == pytest.approx(1.5, abs=0.01)
    assert np.allclose(many["body_inertia"][:, 1:] / model.body_inertia[1:], mass[..., None])
    friction = many["geom_friction"] / model.geom_friction
    assert np.allclose(friction, friction[:, :1, :1])


def test_the_centre_of_mass_is_that_of_each_world() -> None:
    """Humanoid is rewarded for its centre of mass, which lies elsewhere where masses differ."""
    pool = CpuPool(HUMANOID, 3, 1, VARIATION)
    moved(pool, 5)
    assert HUMANOID.position is not None
    told = HUMANOID.position(HUMANOID, pool.views, np)
    mass = VARIATION.models(pool.model, 3)["body_mass"]
    for world in range(3):
        expected = (mass[world, :, None] * pool.views["xipos"][world]).sum(0) / mass[world].sum()
        assert np.allclose(told[world], expected[:2], rtol=1e-12)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"mass": (0.0, 1.0)}, "mass must be above 0"),
        ({"friction": (2.0, 1.0)}, "friction must have its smallest factor first"),
    ],
)
def test_bad_factors_are_refused(settings: Any, told: str) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match=told):
        Variation(**settings)


def test_both_back_ends_vary_alike() -> None:
    """One step from equal states, with the masses and friction of each world, agrees as it does without variation."""
    pytest.importorskip("mujoco_warp")
    from prefgym.sim.warp import WarpPool

    num = 16
    arrays, device = CpuPool(ANT, num, 1, VARIATION), WarpPool(ANT, num, "cpu", variation=VARIATION)
    moved(arrays, 25)
    states = arrays.physics_state()
    arrays.put(np.ones(num, np.bool_), states)
    device.put(torch.ones(num, dtype=torch.bool), torch.as_tensor(states).float())
    for pool in (arrays, device):
        pool.step()
    for name in ("qpos", "qvel"):
        x, y = arrays.views[name], device.views[name].numpy()
        assert np.quantile(np.abs(x - y) / (1 + np.abs(x)), 0.99) < 1e-4
