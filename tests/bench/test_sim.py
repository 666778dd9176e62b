"""The benchmark of environment steps runs, counts and prints; nothing here asserts a time."""

import importlib.util

import numpy as np
import pytest

from prefgym.bench.sim import BareArm, BenchSimCfg, EnvArm, EnvPoolArm, run_bench_sim

CFG = BenchSimCfg(tasks=("InvertedPendulum", "Ant"), num_envs=4, rounds=2)
HAS_ENVPOOL = importlib.util.find_spec("envpool") is not None


def test_it_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Every task has a row; ratios are there where both arms are."""
    rates = run_bench_sim(CFG)
    printed = capsys.readouterr().out
    assert "4 environments, 2 threads" in printed
    assert list(rates) == ["InvertedPendulum", "Ant"]
    expected = {"bare", "env", "recording", "env/bare", "recording/bare"}
    expected |= {"envpool", "env/envpool"} if HAS_ENVPOOL else set()
    for row in rates.values():
        assert set(row) == expected
        assert all(np.isfinite(value) and value > 0 for value in row.values())


def test_envpool_can_be_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Without EnvPool the other arms are measured all the same."""
    rates = run_bench_sim(BenchSimCfg(tasks=("Hopper",), num_envs=2, rounds=1, envpool=False))
    assert "envpool" not in rates["Hopper"]
    assert "EnvPool 1" not in capsys.readouterr().out


def test_the_bare_arm_starts_where_the_other_one_does() -> None:
    """It has the same states and controls: after a step of a task that never ends, both arms are in one state."""
    env = EnvArm("HalfCheetah", CFG, recording=False)
    bare = BareArm(env, CFG)
    space = env.base.action_space
    bare.prepare()
    actions = [space.sample() for _ in range(20)]
    bare.run(actions)
    env.run(actions)
    assert np.array_equal(bare._batch.state, env.base.snapshot().arrays["state"])
    assert bare.steps() == env.steps() == 80


@pytest.mark.skipif(not HAS_ENVPOOL, reason="EnvPool is not installed")
def test_resets_of_envpool_are_not_counted() -> None:
    """A pendulum that falls every few steps spends some of its calls on resets."""
    arm = EnvPoolArm("InvertedPendulum", CFG)
    arm.run([np.full((4, 1), 3.0, np.float32)] * 20)
    assert 40 < arm.steps() < 80
