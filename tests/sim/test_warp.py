"""Worlds on a device: MuJoCo Warp, tried on its CPU device, which runs the same kernels slowly."""

import re
import runpy
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import error

import prefgym
from prefgym.envs import ANT, HALF_CHEETAH, HUMANOID, INVERTED_PENDULUM
from prefgym.sim.cpu import CpuPool
from prefgym.sim.nested import same
from prefgym.sim.pool import SimulationError
from prefgym.sim.task import TaskSpec
from prefgym.testing import check_vector_env

pytest.importorskip("mujoco_warp")

import prefgym.sim.warp
from prefgym.bench.agreement import agree
from prefgym.sim.tensor_env import TensorVectorEnv
from prefgym.sim.warp import WarpPool
from prefgym.sim.warp_device import find_device

COMPILING = pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")
"""torch warns of itself when it compiles."""
CHEETAH: dict[str, Any] = {"task": HALF_CHEETAH, "device": "cpu", "max_episode_steps": 7}


def acting(env: TensorVectorEnv, num_steps: int, seed: int = 0) -> list[Any]:
    """Take random steps and return all that came back."""
    env.action_space.seed(seed)
    return [env.step(env.action_space.sample()) for _ in range(num_steps)]


def test_the_example_of_the_page_runs(tmp_path: Path) -> None:
    """That of docs/gpu.md, on whatever device there is."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "gpu.md").read_text()
    script = tmp_path / "page.py"
    script.write_text("\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL)))
    assert runpy.run_path(str(script))["varied"].num_envs == 8


@pytest.mark.parametrize("task", [HALF_CHEETAH, ANT], ids=lambda task: task.name)
def test_a_step_agrees_with_the_one_on_the_cpu(task: TaskSpec) -> None:
    """From 64 states of random play, |d| <= 1e-4 (1 + |x|) at the 99th percentile; forces within ten times that."""
    apart = agree(task, 64, "cpu")
    assert max(apart["qpos"], apart["qvel"]) < 1e-4
    assert apart.get("others", 0.0) < 1e-3


def test_steep_legs_slip_otherwise_unless_their_contacts_are_aligned(monkeypatch: pytest.MonkeyPatch) -> None:
    """With MuJoCo Warp's own contact frames, Ant parts from the CPU by more than a hundred times the bound."""
    monkeypatch.setattr(prefgym.sim.warp, "align_frames", None)
    told = agree(ANT, 128, "cpu")["qvel"]
    print(f"off by {told:.2g}")
    assert told > 1e-2


def test_states_of_the_cpu_can_be_put_on_a_device() -> None:
    """And come back, in single precision; worlds that are not asked for stay where they are."""
    arrays, device = CpuPool(HALF_CHEETAH, 3, 1), WarpPool(HALF_CHEETAH, 3, "cpu")
    arrays.set_ctrl(np.ones((3, 6)))
    arrays.step()
    before, states = device.physics_state(), torch.as_tensor(arrays.physics_state()).float()
    device.put(torch.tensor([True, False, True]), states)
    after = device.physics_state()
    assert torch.equal(after[[0, 2]], states[[0, 2]])
    assert torch.equal(after[1], before[1])


@pytest.mark.slow  # all kernels of a step, on a CPU
def test_the_contract_of_vector_environments_is_kept() -> None:
    """check_vector_env finds nothing wrong, with tensors in the place of arrays."""
    check_vector_env(lambda: TensorVectorEnv(num_envs=3, **CHEETAH), num_steps=10)


def test_rewards_are_the_formulas_of_the_cpu() -> None:
    """Forward reward is what x moved by in a step, control costs 0.1 a^2; both make up the reward."""
    env = TensorVectorEnv(num_envs=2, **CHEETAH)
    env.reset(seed=0)
    before = env.physics_state()[:, 1]
    action = torch.full((2, 6), 0.5)
    _, reward, _, _, infos = env.step(action)
    forward = (env.physics_state()[:, 1] - before) / 0.05
    torch.testing.assert_close(infos["reward_forward"], forward, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(infos["reward_ctrl"], torch.full((2,), -0.15))
    torch.testing.assert_close(reward, infos["reward_forward"] + infos["reward_ctrl"])
    assert same(env.factors(), {name: infos[name] for name in ("reward_forward", "reward_ctrl")})


def test_an_episode_ends_in_time_and_begins_anew() -> None:
    """After seven steps all worlds are truncated; `final_obs` has gone on, the observation is a start."""
    env = TensorVectorEnv(num_envs=3, **CHEETAH)
    env.reset(seed=0)
    *_, last = acting(env, 7)
    obs, _, terminated, truncated, infos = last
    assert truncated.all() and not terminated.any() and infos["_final_obs"].all()
    assert float(obs[:, :8].abs().max()) <= 0.1  # positions as they start
    assert not torch.equal(obs, infos["final_obs"])
    assert same(infos["final_info"]["_reward_ctrl"], infos["_final_obs"])
    assert not infos["_reward_ctrl"].any()
    torch.testing.assert_close(env.physics_state(final=True)[:, 2:10], infos["final_obs"][:, :8])
    torch.testing.assert_close(env.physics_state()[:, 2:10], obs[:, :8])


def test_a_world_starts_the_same_whoever_is_beside_it() -> None:
    """World 1 of 3 seeded with 4 starts where world 0 of 1 does with 5, in the second episode, too."""
    many, alone = TensorVectorEnv(num_envs=3, **CHEETAH), TensorVectorEnv(num_envs=1, **CHEETAH)
    assert torch.equal(many.reset(seed=4)[0][1:2], alone.reset(seed=5)[0])
    assert torch.equal(acting(many, 7)[-1][0][1:2], acting(alone, 7)[-1][0])


def test_restoring_goes_on_to_the_last_bit() -> None:
    """Another environment takes over a snapshot, with the last states of episodes that have just ended."""
    env, other = (TensorVectorEnv(num_envs=3, **CHEETAH) for _ in range(2))
    env.reset(seed=0)
    acting(env, 7)
    snapshot, final = env.snapshot(), env.physics_state(final=True)
    first = acting(env, 10, seed=1)
    other.restore(snapshot)
    assert torch.equal(other.physics_state(final=True), final)
    assert same(first, acting(other, 10, seed=1))
    env.load_state_dict(snapshot)
    assert same(first, acting(env, 10, seed=1))
    processors: Any = gym.make_vec("prefgym/HalfCheetah-v0", num_envs=3).unwrapped
    processors.reset(seed=0)
    with pytest.raises(ValueError, match=r"^this is a snapshot of worlds on processors: .* backend='cpu'$"):
        other.restore(processors.snapshot())
    with pytest.raises(ValueError, match=r"^this is a snapshot of worlds on a device: restore it with backend='warp'$"):
        processors.restore(snapshot)
    with pytest.raises(ValueError, match="the snapshot has"):
        TensorVectorEnv(num_envs=2, **CHEETAH).restore(snapshot)


@COMPILING
def test_compiled_formulas_say_the_same() -> None:
    """torch.compile, which takes them as one graph, changes the last bits at most."""
    plain, compiled = (TensorVectorEnv(num_envs=3, compiled=on, **CHEETAH) for on in (False, True))
    plain.reset(seed=0)
    compiled.reset(seed=0)
    whole: Any = torch.compile(compiled._judge, dynamic=False, fullgraph=True)  # pyright: ignore[reportPrivateUsage, reportUnknownMemberType]
    compiled._outcome = whole  # pyright: ignore[reportPrivateUsage]
    for one, other in zip(acting(plain, 9), acting(compiled, 9)):
        torch.testing.assert_close(one[:2], other[:2])
        assert same(one[2:4], other[2:4])


def test_too_little_room_is_told() -> None:
    """Ants that lie on the ground need more than one contact and four constraints."""
    pool = WarpPool(ANT, 4, "cpu", num_contacts=1, num_constraints=4)
    for _ in range(10):
        pool.step()
    with pytest.raises(SimulationError, match="room for 1 contacts and 4 constraints a world, and more were") as told:
        pool.check()
    assert len(told.value.worlds)
    pool.reset(torch.ones(4, dtype=torch.bool), pool.qpos0.expand(4, -1) + 1, pool.qvel0.expand(4, -1))
    pool.check()


def test_what_cannot_be_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """No GPU, another kind of device, a solver that GPUs lack, one world, modes, counts, actions."""
    with pytest.raises(ValueError, match=r"built for CPUs only|no GPU 'cuda'"):
        find_device("cuda" if not torch.cuda.is_available() else "cuda:99")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="no GPU 'cuda' is available: see nvidia-smi"):
        find_device("cuda")
    for name, told in (("mps", "not on 'mps'"), ("gpu", "there is no device 'gpu'")):
        with pytest.raises(ValueError, match=told):
            find_device(name)
    with pytest.raises(ValueError, match="such as prefgym/HumanoidNewton-v0"):
        WarpPool(HUMANOID, 2, "cpu")
    with pytest.raises(ValueError, match="a GPU is for many environments"):
        gym.make("prefgym/HalfCheetah-v0", backend="warp")
    with pytest.raises(ValueError, match="autoreset_mode='SameStep'"):
        TensorVectorEnv(HALF_CHEETAH, 2, device="cpu", autoreset_mode="NextStep")
    with pytest.raises(ValueError, match="leave dtype, num_threads out"):
        TensorVectorEnv(HALF_CHEETAH, 2, device="cpu", num_threads=2, dtype=np.float64)
    with pytest.raises(ValueError, match="room for at least one contact and one constraint, not 0 and 96"):
        WarpPool(HALF_CHEETAH, 2, "cpu", num_contacts=0)
    with pytest.raises(ValueError, match="at least one world, not 0"):
        WarpPool(INVERTED_PENDULUM, 0, "cpu")
    env = TensorVectorEnv(num_envs=2, **CHEETAH)
    with pytest.raises(error.ResetNeeded):
        env.step(torch.zeros(2, 6))
    env.reset()
    with pytest.raises(ValueError, match=r"takes actions of shape \(2, 6\), not \(6,\)"):
        env.step(torch.zeros(6))
    env.step(torch.zeros(2, 6, requires_grad=True))  # the simulator is no part of anybody's graph
    env.step(torch.zeros(2, 6))
