"""The CPU pool: many worlds in one call, whatever the number of threads."""

from pathlib import Path

import gymnasium
import numpy as np
import pytest

from prefgym.envs import ANT, HALF_CHEETAH, HOPPER, HUMANOID, TASKS
from prefgym.sim import cpu
from prefgym.sim.cpu import PHYSICS_STATE, CpuPool, load_model
from prefgym.sim.gl import MjModel, mujoco
from prefgym.sim.pool import Pool, SimulationError
from prefgym.sim.task import TaskSpec
from prefgym.sim.threads import usable_cpus


def test_it_is_a_pool() -> None:
    """A pool has what the protocol names; type checkers look closer."""
    pool: Pool[np.ndarray] = CpuPool(HOPPER, 2)
    assert (pool.num_worlds, pool.model.nu) == (2, 3)
    assert pool.physics_state().shape == (2, pool.state_size)


def started(task: TaskSpec, num_worlds: int, num_threads: int | None = None) -> CpuPool:
    """Make a pool whose worlds stand at the model's own state."""
    pool = CpuPool(task, num_worlds, num_threads)
    put_back(pool, np.ones(num_worlds, np.bool_))
    return pool


def put_back(pool: CpuPool, mask: np.ndarray) -> None:
    """Put worlds to the model's own state."""
    num = int(mask.sum())
    pool.reset(mask, np.tile(pool.qpos0, (num, 1)), np.tile(pool.qvel0, (num, 1)))


def controls(pool: CpuPool, seed: int) -> np.ndarray:
    """Draw random controls for all worlds."""
    return np.random.default_rng(seed).uniform(-1, 1, (pool.num_worlds, pool.model.nu))


@pytest.mark.parametrize("task", [HOPPER, ANT], ids=lambda task: task.name)
def test_results_do_not_depend_on_threads(task: TaskSpec) -> None:
    """One, two and three threads leave the same bytes, in the state and in what is derived from it."""
    pools = [started(task, 7, threads) for threads in (1, 2, 3)]
    for step in range(30):
        mask = np.random.default_rng(step).random(7) < 0.8
        for pool in pools:
            pool.set_ctrl(controls(pool, step))
            pool.step(mask)
            if step % 10 == 9:
                put_back(pool, ~mask | (np.arange(7) == 0))
    for name, view in pools[0].views.items():
        assert all(view.tobytes() == pool.views[name].tobytes() for pool in pools)
    assert all(pools[0].snapshot().tobytes() == pool.snapshot().tobytes() for pool in pools)


@pytest.mark.parametrize("task", [ANT, HUMANOID], ids=lambda task: task.name)
def test_derived_fields_are_those_of_a_loop_over_worlds(task: TaskSpec) -> None:
    """Contact forces and all other fields equal step and mj_rnePostConstraint on an MjData for each world."""
    pool = started(task, 3, 2)
    data = [mujoco.MjData(pool.model) for _ in range(3)]
    hardest = 0.0
    for step in range(40):
        ctrl = controls(pool, step)
        pool.set_ctrl(ctrl)
        pool.step()
        for world, own in enumerate(data):
            own.ctrl[:] = ctrl[world]
            mujoco.mj_step(pool.model, own, nstep=task.frame_skip)
            mujoco.mj_rnePostConstraint(pool.model, own)
            for name in (name for name in task.reads if "/" not in name):
                assert np.array_equal(pool.views[name][world], getattr(own, name)), f"{name} at step {step}"
        hardest = max(hardest, abs(pool.views["cfrc_ext"]).max())
    assert hardest > 1.0, "nothing touched the ground, so nothing was tested"


def test_worlds_outside_the_mask_stay() -> None:
    """A masked step moves the worlds in the mask and nothing else."""
    pool = started(HOPPER, 4)
    pool.set_ctrl(controls(pool, 0))
    before = pool.snapshot()
    pool.step(np.array([True, False, True, False]))
    assert (pool.snapshot() != before).any(1).tolist() == [True, False, True, False]


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_physics_state_is_what_mujoco_takes(task: TaskSpec) -> None:
    """mj_setState takes a physics state, and continues from it as the pool does."""
    pool = started(task, 2)
    for step in range(3):
        pool.set_ctrl(controls(pool, step))
        pool.step()
    state, ctrl = pool.physics_state()[1], controls(pool, 9)
    assert pool.physics_state().shape == (2, pool.state_size)
    data = mujoco.MjData(pool.model)
    mujoco.mj_setState(pool.model, data, state, PHYSICS_STATE)
    data.ctrl[:] = ctrl[1]
    mujoco.mj_step(pool.model, data, nstep=task.frame_skip)
    pool.set_ctrl(ctrl)
    pool.step()
    again = np.empty(pool.state_size)
    mujoco.mj_getState(pool.model, data, again, PHYSICS_STATE)
    assert np.array_equal(again, pool.physics_state()[1])


def test_columns_need_not_be_adjacent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a physics state is not the head of an integration state, its columns are picked one by one."""
    model = mujoco.MjModel.from_xml_string("<mujoco><worldbody/></mujoco>")
    monkeypatch.setattr(cpu, "PHYSICS_STATE", int(mujoco.mjtState.mjSTATE_TIME) | int(mujoco.mjtState.mjSTATE_PLUGIN))
    assert cpu._physics_columns(model) == slice(0, 1)
    hopper = load_model(HOPPER)  # time, 6 positions, 6 velocities, ...
    monkeypatch.setattr(cpu, "PHYSICS_STATE", int(mujoco.mjtState.mjSTATE_TIME) | int(mujoco.mjtState.mjSTATE_QVEL))
    assert np.asarray(cpu._physics_columns(hopper)).tolist() == [0, 7, 8, 9, 10, 11, 12]


def test_a_restored_pool_continues_to_the_last_bit() -> None:
    """What follows a restore is what followed the snapshot, in the same pool and in another one."""
    pool, other = started(ANT, 3), started(ANT, 3)
    for step in range(10):
        pool.set_ctrl(controls(pool, step))
        pool.step()
    snapshot = pool.snapshot()
    ends = []
    for one in (pool, pool, other):
        one.restore(snapshot)
        for step in range(10):
            one.set_ctrl(controls(one, 20 + step))
            one.step()
        ends.append((one.snapshot().tobytes(), one.views["cfrc_ext"].tobytes()))
    assert ends[0] == ends[1] == ends[2]
    with pytest.raises(ValueError, match="snapshot has shape"):
        pool.restore(snapshot[:2])


def test_loading_leaves_no_trace(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Models load without a word on stderr and without MuJoCo's log file, and are what Gymnasium loads."""
    for task in TASKS.values():
        load_model(task)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")
    path = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets" / "half_cheetah.xml"
    assert _bytes(load_model(HALF_CHEETAH)) == _bytes(mujoco.MjModel.from_xml_path(str(path)))


def _bytes(model: MjModel) -> bytes:
    buffer = np.empty(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, buffer)
    return buffer.tobytes()


def test_failed_worlds_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where MuJoCo runs out of memory in worlds 3 and 4, one sentence says so, and these worlds keep their states."""
    path = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets" / ANT.model
    spec = mujoco.MjSpec.from_file(str(path))
    spec.memory = 40_000  # bytes: enough to fall, not to be pressed into the ground
    monkeypatch.setattr(cpu, "load_model", lambda task: spec.compile())
    pool = CpuPool(ANT, 6, 2)
    qpos = np.tile(pool.qpos0, (6, 1))
    qpos[3:5, 2] -= 0.7
    qpos[3:5, 3:] += 2.0
    with pytest.raises(
        SimulationError, match=r"^MuJoCo gave up on 2 worlds of Ant \(3, 4\): .*memory[^\n]*$"
    ) as caught:
        pool.reset(np.ones(6, np.bool_), qpos, np.zeros((6, pool.model.nv)))
        pool.step()
    assert caught.value.worlds.tolist() == [3, 4]
    assert pool.physics_state()[3, 0] == 0.0


def test_failed_steps_without_contact_forces_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same sentence comes out of MuJoCo's own batch; more than five worlds are not all listed."""
    pool = started(HOPPER, 9)

    def fail(*args: object, **kwargs: object) -> None:
        raise cpu.batch.SimulationError(np.arange(7), "", 9)

    monkeypatch.setattr(pool._batch, "step", fail)
    monkeypatch.setattr(pool._batch, "error", lambda world: f"error of world {world}\nand more")
    with pytest.raises(
        SimulationError, match=r"^MuJoCo gave up on 7 worlds .*\(0, 1, 2, 3, 4, \.\.\.\): error of world 0$"
    ):
        pool.step()


def test_bad_sizes_are_refused() -> None:
    """No worlds or no threads are answered in one sentence; threads beyond the worlds are not made."""
    with pytest.raises(ValueError, match="at least one world, not 0"):
        CpuPool(HOPPER, 0)
    with pytest.raises(ValueError, match="at least one thread, not 0"):
        CpuPool(HOPPER, 2, 0)
    assert CpuPool(HOPPER, 2, 50).num_threads == 2
    assert CpuPool(HOPPER, 500).num_threads == usable_cpus()


def test_closing_twice_does_nothing() -> None:
    """Both kinds of pools close, and close again."""
    for task in (HOPPER, ANT):
        pool = started(task, 2)
        pool.close()
        pool.close()
        assert pool.views == {}
