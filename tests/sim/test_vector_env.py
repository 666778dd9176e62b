"""The vector environment: episodes, resets, time limits, snapshots and pictures."""

import json
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import error
from gymnasium.vector import AutoresetMode

from prefgym.envs import ANT, HALF_CHEETAH, HOPPER, INVERTED_PENDULUM, REACHER
from prefgym.sim.nested import same
from prefgym.sim.render import RenderingUnavailable
from prefgym.sim.task import TaskSpec
from prefgym.sim.vector_env import PoolVectorEnv, VectorSnapshot


def acting(env: PoolVectorEnv, num_steps: int, seed: int = 0) -> list[Any]:
    """Take random steps and return all that came back."""
    env.action_space.seed(seed)
    return [env.step(env.action_space.sample()) for _ in range(num_steps)]


@pytest.mark.parametrize("seeding", ["fast", "parity"])
@pytest.mark.parametrize("task", [HOPPER, ANT, REACHER], ids=lambda task: task.name)
@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP], ids=lambda mode: mode.value)
def test_restoring_continues_to_the_last_bit(task: TaskSpec, mode: AutoresetMode, seeding: str) -> None:
    """Observations, rewards, infos and resets after a restore are those after the snapshot; another env can restore."""
    envs = [
        PoolVectorEnv(task, 4, max_episode_steps=17, autoreset_mode=mode, seeding=seeding, num_threads=threads)
        for threads in (1, 2)
    ]
    env = envs[0]
    env.reset(seed=0)
    acting(env, 17)  # with NEXT_STEP, resets are pending now
    snapshot = env.snapshot()
    kept = env.factors(), env.physics_state(), env.physics_state(final=True)
    first = acting(env, 40, seed=1)
    for one in envs:
        one.restore(snapshot)
        assert same((one.factors(), one.physics_state(), one.physics_state(final=True)), kept)
        assert same(acting(one, 40, seed=1), first)
    assert any((outcome[2] | outcome[3]).any() for outcome in first)


def test_snapshots_fit_into_files() -> None:
    """A snapshot is arrays, JSON and a flag; it survives being written down, and says what is in it."""
    env = PoolVectorEnv(HOPPER, 2, seeding="parity")
    env.reset(seed=0)
    snapshot = env.snapshot()
    expected = acting(env, 30)
    written = VectorSnapshot(
        arrays={
            name: np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape)
            for name, array in snapshot.arrays.items()
        },
        generators=tuple(json.loads(json.dumps(snapshot.generators))),
        started=snapshot.started,
    )
    env.restore(written)
    assert same(acting(env, 30), expected)
    assert "state=(2, 58)" in repr(snapshot)


def test_snapshots_of_other_worlds_are_refused() -> None:
    """Another number of worlds and another seeding do not fit."""
    env = PoolVectorEnv(HOPPER, 2)
    with pytest.raises(ValueError, match="snapshot has shape"):
        env.restore(PoolVectorEnv(HOPPER, 3).snapshot())
    with pytest.raises(ValueError, match="4 random generators"):
        env.restore(PoolVectorEnv(HOPPER, 4, seeding="parity").snapshot())


def test_one_seed_gives_the_same_bytes_at_any_thread_count() -> None:
    """The fast seeding draws the same initial states whatever the threads; another seed draws others."""
    runs = []
    for threads, seed in ((1, 3), (2, 3), (1, 4)):
        env = PoolVectorEnv(HOPPER, 6, num_threads=threads, autoreset_mode="SameStep")
        runs.append((env.reset(seed=seed), *acting(env, 60)))
    assert same(runs[0], runs[1])
    assert not same(runs[0], runs[2])


@pytest.mark.parametrize("seeding", ["fast", "parity"])
def test_the_generator_can_be_seen(seeding: str) -> None:
    """`np_random` draws initial states: of all worlds, or of world 0 if each has its own generator."""
    env = PoolVectorEnv(HALF_CHEETAH, 2, seeding=seeding)
    env.reset(seed=3)
    assert env.np_random_seed == 3
    before = env.np_random.bit_generator.state
    env.reset()
    assert env.np_random.bit_generator.state != before


def test_time_limit_truncates() -> None:
    """With a limit of 3, steps 3 and 6 of NEXT_STEP's 7 (one resets) truncate; terminated stays False."""
    env = PoolVectorEnv(HALF_CHEETAH, 2, max_episode_steps=3)
    env.reset(seed=0)
    outcomes = acting(env, 7)
    assert [outcome[3].tolist() for outcome in outcomes] == [[k in (2, 6)] * 2 for k in range(7)]
    assert not any(outcome[2].any() for outcome in outcomes)
    assert outcomes[3][1].tolist() == [0.0, 0.0]
    assert list(outcomes[3][4]) == ["x_position", "_x_position"]


def test_no_time_limit() -> None:
    """With -1, the task's own limit of 50 steps does not hold."""
    env = PoolVectorEnv(REACHER, 1, max_episode_steps=-1)
    env.reset(seed=0)
    assert not any(outcome[3].any() for outcome in acting(env, 60))


def test_disabled_waits_for_resets() -> None:
    """Stepping on after an end is refused, naming the worlds; a masked reset of just these lets it go on."""
    env = PoolVectorEnv(INVERTED_PENDULUM, 5, autoreset_mode="Disabled")
    theirs = gym.make_vec(
        "InvertedPendulum-v5", 5, vectorization_mode="sync", vector_kwargs={"autoreset_mode": AutoresetMode.DISABLED}
    )
    parity = PoolVectorEnv(INVERTED_PENDULUM, 5, autoreset_mode=AutoresetMode.DISABLED, seeding="parity")
    for one in (env, parity, theirs):
        one.reset(seed=0)
    env.action_space.seed(0)
    theirs.action_space.seed(0)
    num_ended = 0
    for _ in range(100):
        actions = theirs.action_space.sample()
        outcome = parity.step(actions)
        assert same(outcome, theirs.step(actions))
        ended = outcome[2] | outcome[3]
        if ended.any():
            num_ended += int(ended.sum())
            with pytest.raises(error.ResetNeeded, match=str(np.flatnonzero(ended)[0])):
                parity.step(actions)
            assert same(*(one.reset(options={"reset_mask": ended.copy()}) for one in (parity, theirs)))
    assert num_ended > 20
    ended = np.zeros(5, np.bool_)
    while not ended.any():
        ended = env.step(env.action_space.sample())[2]
    obs, infos = env.reset(options={"reset_mask": ended})
    assert infos == {}
    assert abs(obs[ended]).max() <= 0.01  # the reset noise


def test_masked_reset_after_a_restore_leaves_the_others() -> None:
    """Observations of worlds outside the mask come from the snapshot, not from what the pool computed since."""
    env = PoolVectorEnv(REACHER, 4, autoreset_mode="Disabled")
    env.reset(seed=0)
    before = acting(env, 5)[-1][0]
    snapshot = env.snapshot()
    acting(env, 5, seed=1)
    env.restore(snapshot)
    mask = np.array([False, True, False, False])
    obs, _ = env.reset(options={"reset_mask": mask})
    assert same(obs[~mask], before[~mask])
    assert not same(obs[mask], before[mask])


def test_masked_reset_leaves_the_mask_alone() -> None:
    """The options and the mask in them stay the caller's; the first reset must be of all worlds."""
    env = PoolVectorEnv(HALF_CHEETAH, 3)
    options = {"reset_mask": np.array([True, False, True])}
    env.reset(options=options)
    with pytest.raises(error.ResetNeeded):
        env.step(env.action_space.sample())
    env.reset()
    _, infos = env.reset(options=options)
    infos["_x_position"][:] = True
    assert options["reset_mask"].tolist() == [True, False, True]
    assert infos["x_position"][1] == 0.0


def test_factors_and_states_are_those_before_the_autoreset() -> None:
    """With SAME_STEP, factors add up to the reward where an episode ended, and final states are no initial ones."""
    env = PoolVectorEnv(HOPPER, 8, autoreset_mode="SameStep")
    env.reset(seed=0)
    assert {name: factor.tolist() for name, factor in env.factors().items()} == dict.fromkeys(
        ("reward_forward", "reward_ctrl", "reward_survive"), [0.0] * 8
    )
    env.action_space.seed(0)
    num_ended = 0
    for _ in range(60):
        _, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        ended, factors = terminated | truncated, env.factors()
        assert np.allclose(reward, sum(factors.values()), rtol=0, atol=1e-7)
        assert same(factors["reward_survive"], np.where(terminated, 0.0, 1.0))
        now, final = env.physics_state(), env.physics_state(final=True)
        assert (now[:, 0] == 0.0).tolist() == ended.tolist()  # column 0 is the time
        assert (final[:, 0] > 0.0).all()
        assert same(now[~ended], final[~ended])
        num_ended += int(ended.sum())
    assert num_ended > 8


def test_worlds_that_reset_have_no_factors() -> None:
    """With NEXT_STEP, the step that resets counts for nothing."""
    env = PoolVectorEnv(HOPPER, 2, max_episode_steps=1)
    env.reset(seed=0)
    acting(env, 2)
    assert all(not factor.any() for factor in env.factors().values())
    assert same(env.physics_state(), env.physics_state(final=True))


def test_what_is_handed_out_is_a_copy() -> None:
    """Factors, states and snapshots can be written to without a trace."""
    env, twin = (PoolVectorEnv(HOPPER, 3, autoreset_mode="SameStep") for _ in range(2))
    env.reset(seed=0)
    twin.reset(seed=0)
    for _ in range(30):
        actions = twin.action_space.sample()
        assert same(env.step(actions), twin.step(actions))
        for arrays in (env.factors(), env.snapshot().arrays, {"": env.physics_state()}, {"": env.physics_state(True)}):
            for array in arrays.values():
                array[...] = 1
    assert same(env.factors(), twin.factors())


def test_float32_observations() -> None:
    """Observations, final ones included, have the type that was asked for; they round those in float64."""
    single, double = (
        PoolVectorEnv(HOPPER, 4, dtype=dtype, autoreset_mode="SameStep", seeding="parity")
        for dtype in (np.float32, np.float64)
    )
    assert single.single_observation_space.dtype == np.float32
    assert same(single.reset(seed=0)[0], double.reset(seed=0)[0].astype(np.float32))
    for ours, theirs in zip(acting(single, 60), acting(double, 60), strict=True):
        assert same(ours[0], theirs[0].astype(np.float32))
        assert same(ours[1], theirs[1])
        if "final_obs" in ours[4]:
            for a, b in zip(ours[4]["final_obs"], theirs[4]["final_obs"], strict=True):
                assert (a is b) or same(a, b.astype(np.float32))


def test_actions_are_not_clipped() -> None:
    """As in Gymnasium, a large action costs what it costs: 0.1 x 6 x 10^2 = 60."""
    env = PoolVectorEnv(HALF_CHEETAH, 1)
    env.reset(seed=0)
    env.step(np.full((1, 6), 10.0, np.float32))
    assert env.factors()["reward_ctrl"][0] == pytest.approx(-60.0)


def test_misuse_is_answered_in_one_sentence() -> None:
    """Stepping too early, too late, or with the wrong shape."""
    env = PoolVectorEnv(HOPPER, 2)
    with pytest.raises(error.ResetNeeded, match=r"call reset\(\) before step\(\)"):
        env.step(np.zeros((2, 3), np.float32))
    env.reset()
    with pytest.raises(ValueError, match=r"Hopper takes actions of shape \(2, 3\), not \(3,\)"):
        env.step(np.zeros(3, np.float32))
    env.close()
    with pytest.raises(error.ClosedEnvironmentError):
        env.step(np.zeros((2, 3), np.float32))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seeding": "fats"}, "unknown seeding 'fats': did you mean 'fast'?"),
        ({"autoreset_mode": "SameStp"}, "unknown autoreset mode 'SameStp': did you mean 'SameStep'?"),
        ({"render_mode": "human"}, "unknown render mode 'human': choose among rgb_array"),
        ({"dtype": "int32"}, "unknown observation dtype 'int32': choose among float64, float32"),
        ({"max_episode_steps": 0}, "max_episode_steps must be positive, or -1 for no limit, not 0"),
    ],
)
def test_bad_settings_are_answered_in_one_sentence(settings: dict[str, Any], message: str) -> None:
    """Unknown names and impossible numbers."""
    with pytest.raises(ValueError) as caught:
        PoolVectorEnv(HOPPER, 2, **settings)
    assert str(caught.value) == message


def test_rendering() -> None:
    """All worlds, or one; without a render mode only when asked for one."""
    env = PoolVectorEnv(HOPPER, 2, render_mode="rgb_array", width=64, height=48)
    env.reset(seed=0)
    try:
        pictures = env.render()
    except RenderingUnavailable as reason:
        pytest.skip(str(reason))
    assert pictures is not None
    assert [picture.shape for picture in pictures] == [(48, 64, 3)] * 2
    assert same(env.render_world(1), pictures[1])
    env.close()
    silent = PoolVectorEnv(HOPPER, 1)
    silent.reset(seed=0)
    with pytest.warns(UserWarning, match="draws nothing"):
        assert silent.render() is None
    assert silent.render_world(0).shape == (480, 480, 3)
    silent.close()
