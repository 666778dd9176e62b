"""Residual learning: targets worked out by hand, bases of all kinds, and a base that is corrected."""

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import RecordEpisodeStatistics
from residual import SMALL, MakeEnv, biased, flat, recorded
from stable_baselines3.common.callbacks import BaseCallback

from prefgym import agents
from prefgym.agents.residual import Residual
from prefgym.buffers.replay import Batch
from prefgym.common.finite import NotFiniteError
from prefgym.common.states import flatten, unflatten
from prefgym.core.preferences import Preferences
from prefgym.nn.actor import ActorCfg
from prefgym.rl.offline import OfflineData
from prefgym.wrappers.preference import PreferenceEnv, PreferenceVectorEnv


def test_it_begins_as_its_base(make_env: MakeEnv) -> None:
    agent = Residual(SMALL, make_env(), base_policy=biased)
    obs = np.linspace(-1, 1, 5, dtype=np.float32)[:, None]
    np.testing.assert_allclose(agent.predict(obs, deterministic=True)[0], biased(obs), rtol=1e-6)
    assert agent.predict(obs[0], deterministic=True)[0].shape == (1,)
    noisy = agent.predict(np.zeros((4000, 1)))[0]
    assert noisy.std() == pytest.approx(2 * SMALL.noise, rel=0.05)  # of half the bounds
    assert np.abs(noisy - 0.5).max() <= 2 * SMALL.noise_clip + 1e-6


def test_targets_by_hand(make_env: MakeEnv) -> None:
    """Two steps ahead: y = r + gamma^2 min(Q1', Q2'), with Q' = 6 or 7 among the judges, and r at a termination."""
    agent = Residual(replace(SMALL, num_critics=2, gamma=0.5), make_env(), base_policy=biased)
    for critics, value in ((agent.targets, 6.0), (agent.critics, 0.0)):
        torch.nn.init.zeros_(critics.weights[-1])
        critics.biases[-1].data[:] = torch.tensor([[value], [value + 1]])
    zeros, ones = torch.zeros(2, 1), torch.ones(2)
    seen = torch.zeros(2, 2)
    ended = {"terminated": torch.tensor([0.0, 1.0]), "truncated": torch.tensor([1.0, 0.0])}
    batch = Batch(obs=seen, action=zeros, next_obs=seen, reward=ones, **ended)
    # y = 1 + 6 / 4 and 1; critics say 0 and 1: (2.5^2 + 1) / 4 + (1.5^2 + 0) / 4
    loss, value = agent._improve_critics(batch, torch.tensor([0.25, 0.25]))
    assert float(loss) == pytest.approx((6.25 + 1 + 2.25) / 4)
    assert float(value) == pytest.approx(0.5)


def test_the_actor_climbs_the_mean_of_all_critics(make_env: MakeEnv) -> None:
    """Against the difference quotient of -mean_i Q_i in the actor's last bias, in doubles."""
    agent = Residual(SMALL, make_env(), base_policy=biased)
    for net in (agent.actor, agent.critics):
        net.double()
    seen = torch.rand(3, 2, dtype=torch.double)
    last: Any = agent.actor[-1]

    def loss_at(bias: float) -> float:
        torch.nn.init.constant_(last.bias, bias)
        with torch.no_grad():
            action = (seen[:, 1:] + SMALL.scale * agent.actor(agent.obs_norm(seen)).tanh()).clamp(-1, 1)
            return -float(torch.stack([agent.values(agent.critics, seen, action)[i].mean() for i in range(3)]).mean())

    slope = (loss_at(1e-4) - loss_at(-1e-4)) / 2e-4
    torch.nn.init.zeros_(last.bias)
    gradient: list[float] = []
    last.bias.register_hook(lambda grad: gradient.append(float(grad)))
    zeros = dict.fromkeys(("action", "reward", "terminated", "truncated"), torch.zeros(3))
    loss, correction = agent._improve_actor(Batch(obs=seen, next_obs=seen, **zeros))
    assert gradient == [pytest.approx(slope, rel=1e-4)]
    assert float(correction) == 0.0
    assert all(parameter.grad is None for parameter in agent.critics.parameters())
    assert np.isfinite(float(loss))


def test_both_ways_to_run_the_critics_agree(make_env: MakeEnv) -> None:
    one_by_one, together = (Residual(replace(SMALL, product=x), make_env(), base_policy=biased) for x in (False, True))
    seen, action = torch.rand(5, 2), torch.rand(5, 1)
    for members in (None, torch.tensor([2, 0])):
        ours = one_by_one.values(one_by_one.critics, seen, action, members)
        assert ours.shape == (3 if members is None else 2, 5)
        torch.testing.assert_close(ours, together.values(together.critics, seen, action, members))


def test_critics_do_not_see_what_the_base_would_do(make_env: MakeEnv) -> None:
    agent = Residual(SMALL, make_env(), base_policy=biased)
    seen, other = torch.tensor([[0.1, 0.2]]), torch.tensor([[0.1, -0.9]])
    action = torch.zeros(1, 1)
    assert torch.equal(agent.values(agent.critics, seen, action), agent.values(agent.critics, other, action))


@pytest.mark.parametrize("with_demos", [False, True])
def test_it_corrects_its_base(with_demos: bool, make_env: MakeEnv) -> None:
    """Half a unit is a quarter of the way from the middle to the bounds; corrections reach 0.4."""
    demos = recorded() if with_demos else None
    agent = Residual(replace(SMALL, scale=0.4), make_env(), base_policy=biased, demonstrations=demos).learn(1500)
    target = np.linspace(-0.9, 0.9, 7, dtype=np.float32)[:, None]
    assert np.abs(agent.predict(target, deterministic=True)[0] - target).max() < 0.2


def test_what_is_remembered_says_what_the_base_did(make_env: MakeEnv) -> None:
    """At each step, where the step led before any reset, and in the demonstrations; all in -1..1."""
    agent = Residual(SMALL, make_env(), base_policy=biased, demonstrations=recorded())
    agent.explore(agent.collect(agent.env))
    agent.explore(agent.collect(agent.env))
    agent.explore(agent.collect(agent.env))  # an episode has 8 steps
    for buffer, size in ((agent.memory.tried, 48), (agent.memory.demos, 48)):
        steps = buffer.steps(0, len(buffer))
        assert len(steps.obs) == size
        for seen in (steps.obs, steps.next_obs):
            torch.testing.assert_close(seen[:, 1], (seen[:, 0] + 0.5) / 2)
    assert agent.memory.demos.steps(0, 48).truncated.sum() == 6
    torch.testing.assert_close(agent.memory.demos.steps(0, 48).action, agent.memory.demos.steps(0, 48).obs[:, :1])
    corrected = agent.memory.tried.steps(0, 48).action / 2 - agent.memory.tried.steps(0, 48).obs[:, 1:]
    assert SMALL.scale / 2 < corrected.abs().max() <= SMALL.scale + 1e-6


def test_where_the_reward_is_hidden_demonstrations_hide_it_too(make_env: MakeEnv) -> None:
    told = Residual(SMALL, make_env(), base_policy=biased, demonstrations=recorded())
    hidden = Residual(SMALL, PreferenceVectorEnv(make_env()), base_policy=biased, demonstrations=recorded())
    assert told.memory.demos.steps(0, 48).reward.unique().tolist() == [7.0]
    assert hidden.memory.demos.steps(0, 48).reward.unique().tolist() == [0.0]


def test_wherever_the_reward_is_hidden(make_env: MakeEnv) -> None:
    """Beneath another wrapper, in each environment by itself, and in environments that come later."""
    around = RecordEpisodeStatistics(PreferenceVectorEnv(make_env()))
    aim = type(cast(Any, make_env()).envs[0])
    each = SyncVectorEnv([lambda: PreferenceEnv(aim())] * 4, autoreset_mode=AutoresetMode.SAME_STEP)
    for env in (around, each):
        agent = Residual(SMALL, env, base_policy=biased, demonstrations=recorded())
        assert not agent.memory.demos.steps(0, 48).reward.any()
    agent = Residual(SMALL, make_env(), base_policy=biased, demonstrations=recorded())
    assert agent.memory.demos.steps(0, 48).reward.all()
    agent.set_env(around)
    assert not agent.memory.demos.steps(0, 48).reward.any()


def test_what_does_not_follow_is_not_summed(make_env: MakeEnv) -> None:
    """After a reset, after a callback has stopped it, and in demonstrations of which one goes on."""

    class Stop(BaseCallback):
        def _on_step(self) -> bool:
            return False

    agent = Residual(SMALL, make_env(), base_policy=biased)
    for first in (True, False):
        agent.learn(16, reset_num_timesteps=first)
    assert not agent.memory.tried.steps(0, 32).truncated[:28].any()
    agent.learn(16, callback=Stop())  # resets, and stops after a step that is not remembered
    agent.learn(16, reset_num_timesteps=False)
    ended = agent.memory.tried.steps(0, 48).truncated.view(-1, 4)
    assert ended[:, 0].tolist() == [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    venv = PreferenceVectorEnv(make_env())
    venv.reset()
    for _ in range(11):
        venv.step(np.zeros((4, 1), np.float32))
    demos = Residual(SMALL, make_env(), base_policy=biased, demonstrations=venv.recorder).memory.demos.steps(0, 44)
    assert demos.truncated.nonzero().squeeze(-1).tolist() == [7, 10, 18, 21, 29, 32, 40, 43]


def test_other_envs_are_as_many(make_env: MakeEnv) -> None:
    agent = Residual(SMALL, make_env(), base_policy=biased).learn(16)
    other = SyncVectorEnv([type(cast(Any, make_env()).envs[0])] * 3, autoreset_mode=AutoresetMode.SAME_STEP)
    with pytest.raises(ValueError, match="the replay buffer has steps of 4 environments: pass as many, not 3"):
        agent.set_env(other)
    agent.set_env(make_env())


def test_a_base_that_plans_ahead_is_asked_as_it_acts(make_env: MakeEnv, preferences: Preferences) -> None:
    """What it would do next, the correction aside, is what it does next; where episodes begin, it plans anew."""
    data = OfflineData(preferences=preferences)
    base: Any = agents.make("bc", env=make_env(), data=data, chunk=3, actor=ActorCfg(hidden=(8,)))
    base.learn(50)
    agent = Residual(replace(SMALL, num_steps=20), make_env(), base_policy=base)
    rollout = agent.collect(agent.env)
    bases, next_bases = agent.base_runner.rollout()
    goes_on = ~(rollout.terminated | rollout.truncated)[:-1]
    assert torch.equal(next_bases[:-1][goes_on], bases[1:][goes_on])
    assert not torch.equal(next_bases[:-1][~goes_on], bases[1:][~goes_on])
    # an episode has 8 steps: plans are made in steps 0, 3, 6 of it, and in no other
    plan = agent._unit(base.executed(base.plan(rollout.obs[3], deterministic=True)[0]).detach().numpy())
    torch.testing.assert_close(bases[3:6], plan.transpose(0, 1))
    anew = agent._unit(base.predict(rollout.obs[8].numpy(), deterministic=True)[0])
    torch.testing.assert_close(bases[8], anew)


def test_it_goes_on_where_it_was_stopped(make_env: MakeEnv, preferences: Preferences) -> None:
    """Through files, in the middle of a plan of its base; the demonstrations come from the files as well."""
    data = OfflineData(preferences=preferences)
    base: Any = agents.make("bc", env=make_env(), data=data, chunk=3, actor=ActorCfg(hidden=(8,)))
    base.learn(20)
    whole = Residual(SMALL, make_env(), base_policy=base, demonstrations=recorded()).learn(160)
    env = make_env()
    first = Residual(SMALL, env, base_policy=base, demonstrations=recorded()).learn(80)
    arrays, plain = flatten(first.state_dict())
    second = Residual(SMALL, env, base_policy=base, demonstrations=recorded(), seed=5)
    second.load_state_dict(unflatten({key: array.clone() for key, array in arrays.items()}, plain))
    second.learn(80, reset_num_timesteps=False)
    expected, told = (flatten(agent.state_dict())[0] for agent in (whole, second))
    assert expected.keys() == told.keys()
    assert all(torch.equal(expected[key], told[key]) for key in expected)


def test_a_reward_that_is_not_finite_stops_it_before_a_weight_moves(make_env: MakeEnv) -> None:
    agent = Residual(SMALL, make_env(), base_policy=biased).learn(64)
    rollout = agent.collect(agent.env)
    with pytest.raises(NotFiniteError, match="the loss of the agent"):
        agent.update(rollout.with_reward(rollout.reward * np.nan), 0.0)
        agent.improve(50)  # until a batch holds one of the sixteen steps
    assert torch.isfinite(flat(agent)).all()
