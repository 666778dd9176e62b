"""SAC: targets and log-probabilities worked out by hand, and learning on a task with a known best policy."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import VectorEnv
from torch.distributions import Normal, TanhTransform, TransformedDistribution

import prefgym.agents
from prefgym.agents.sac import SAC, SACCfg
from prefgym.buffers.replay import Batch
from prefgym.common.finite import NotFiniteError
from prefgym.common.spaces import Spaces
from prefgym.core.arrays import Env

MakeEnv = Callable[..., VectorEnv[Any, Any, Any]]

SMALL = SACCfg(num_envs=4, num_steps=4, random_steps=64, batch_size=32, hidden=(32,), learning_rate=3e-3, gamma=0.0)


def flat(agent: SAC) -> torch.Tensor:
    """Join all weights."""
    return torch.cat([value.double().flatten() for value in agent.weights().values()])


def test_log_probabilities_are_those_of_the_squashed_gaussian(make_env: MakeEnv) -> None:
    agent = SAC(SMALL, make_env())
    obs = torch.linspace(-1, 1, 5)[:, None]
    action, log_prob = agent.policy(obs)
    mean, log_std = agent.actor(obs).chunk(2, -1)
    squashed = TransformedDistribution(Normal(mean, log_std.exp()), [TanhTransform()])
    assert torch.allclose(log_prob, squashed.log_prob(action)[:, 0], atol=1e-5)


def test_targets_end_at_terminations_and_not_at_time_limits(make_env: MakeEnv) -> None:
    """With r = 1, gamma = 1/2, min(Q1', Q2') = 6, temperature 0: y = 1 + 6 / 2 = 4, and 1 at a termination."""
    agent = SAC(replace(SMALL, gamma=0.5, init_temperature=1e-30), make_env())
    for critics, value in ((agent.targets, 6.0), (agent.critics, 0.0)):
        for parameter in critics.parameters():
            torch.nn.init.zeros_(parameter)
        critics.biases[-1].data[:] = torch.tensor([[value], [value + 1]])
    zeros = torch.zeros(2, 1)
    batch = Batch(
        obs=zeros,
        action=zeros,
        next_obs=zeros,
        reward=torch.ones(2),
        terminated=torch.tensor([0.0, 1.0]),
        truncated=torch.tensor([1.0, 0.0]),
    )
    # critics say 0 and 1: ((0 - 4)^2 + (0 - 1)^2) / 4 + ((1 - 4)^2 + (1 - 1)^2) / 4 = 17/4 + 9/4
    loss = agent._improve_critics(batch, torch.tensor(0.0))
    assert float(loss) == pytest.approx(26 / 4)


def test_both_ways_to_run_the_critics_agree(make_env: MakeEnv) -> None:
    one_by_one, together = SAC(SMALL, make_env()), SAC(replace(SMALL, product=True), make_env())
    obs, action = torch.rand(5, 1), torch.rand(5, 1)
    assert torch.allclose(
        one_by_one._values(one_by_one.critics, obs, action), together._values(together.critics, obs, action)
    )


def test_it_learns_to_aim(make_env: MakeEnv) -> None:
    """The best policy repeats its observation, in the units of the task: actions reach from -2 to 2."""
    agent = SAC(replace(SMALL, init_temperature=0.01), make_env()).learn(2000)
    target = np.linspace(-0.9, 0.9, 7, dtype=np.float32)[:, None]
    assert np.abs(agent.predict(target, deterministic=True)[0] - target).max() < 0.2


MANY = {"layer_norm": True, "normalize_obs": True, "product": True}


@pytest.mark.slow  # 2000 steps of learning
def test_settings_for_many_envs_learn_to_aim_and_come_back(make_env: MakeEnv, tmp_path: Path) -> None:
    """Observations are normalised by what was seen, in files, too; critics one by one and together agree."""
    agent = SAC(replace(SMALL, init_temperature=0.01, **MANY), make_env()).learn(2000)
    target = np.linspace(-0.9, 0.9, 7, dtype=np.float32)[:, None]
    assert np.abs(agent.predict(target, deterministic=True)[0] - target).max() < 0.2
    seen = agent.buffer.steps(0, len(agent.buffer)).obs.double()
    assert torch.allclose(agent.obs_norm.mean, seen.mean(0), atol=1e-6)
    assert torch.allclose(agent.obs_norm.var, seen.var(0, correction=0), atol=1e-6)
    agent.save(tmp_path / "policy")
    loaded = SAC.load(tmp_path / "policy")
    assert np.array_equal(loaded.predict(target, deterministic=True)[0], agent.predict(target, deterministic=True)[0])
    obs, action = torch.rand(5, 1), torch.rand(5, 1)
    one_by_one = agent.critics.ask(torch.cat([agent.obs_norm(obs), action], -1))
    assert torch.allclose(agent._values(agent.critics, obs, action), one_by_one, atol=1e-5)


def test_first_steps_are_uniform_within_the_bounds(make_env: MakeEnv) -> None:
    agent = SAC(SMALL, make_env())
    agent.explore(agent.collect(agent.env))
    action = agent.buffer.steps(0, 16).action
    assert action.abs().max() <= 2 and action.abs().max() > 1
    assert torch.equal(agent.sample(torch.zeros(1, 1))[1], -torch.tensor([2.0]).log())
    assert not torch.equal(agent.act(torch.zeros(1, 1))[1], -torch.tensor([2.0]).log())  # a policy that was loaded


def test_unbounded_actions_are_refused() -> None:
    high = np.array([np.inf], np.float32)
    spaces = Spaces(gym.spaces.Box(-1, 1, (1,)), gym.spaces.Box(-high, high))
    with pytest.raises(ValueError, match="sac needs actions within finite bounds"):
        SAC(SMALL, cast(Env, spaces))


def test_two_agents_with_one_seed_are_equal_to_the_last_bit(make_env: MakeEnv) -> None:
    assert torch.equal(*(flat(SAC(SMALL, make_env(), seed=7).learn(256)) for _ in range(2)))


@pytest.mark.parametrize("options", [{}, MANY])
def test_it_goes_on_from_its_state(make_env: MakeEnv, options: dict[str, bool]) -> None:
    """Another agent takes over in the middle, in the same worlds."""
    cfg = replace(SMALL, **options)
    whole = SAC(cfg, make_env()).learn(128)
    env = make_env()
    first = SAC(cfg, env).learn(64)
    second = SAC(cfg, env, seed=5)
    second.load_state_dict(first.state_dict())
    second.learn(64, reset_num_timesteps=False)
    assert second.num_timesteps == 128
    assert torch.equal(flat(whole), flat(second))


def test_what_is_saved_comes_back(tmp_path: Path, make_env: MakeEnv) -> None:
    agent = prefgym.agents.make("sac", env=make_env(), hidden=(8,))
    agent.save(tmp_path / "policy")
    other = SAC.load(tmp_path / "policy")
    obs = np.array([[0.3], [-0.8]], np.float32)
    assert np.array_equal(agent.predict(obs, deterministic=True)[0], other.predict(obs, deterministic=True)[0])


def test_a_reward_that_is_not_finite_stops_it_before_a_weight_moves(make_env: MakeEnv) -> None:
    agent = SAC(SMALL, make_env()).learn(64)
    before = flat(agent)
    rollout = agent.collect(agent.env)
    with pytest.raises(NotFiniteError, match="the loss of the agent"):
        agent.update(rollout.with_reward(rollout.reward * np.nan), 0.0)
        agent.improve(50)  # until a batch holds one of the sixteen steps
    assert torch.isfinite(flat(agent)).all()
    assert before.shape == flat(agent).shape
