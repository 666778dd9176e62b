"""PPO: advantages worked out by hand, and learning on a task with a known best policy."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv

import prefgym.agents
from prefgym.agents.ppo import PPO, PPOCfg
from prefgym.agents.sac import SAC
from prefgym.core.rollout import Rollout

SMALL = PPOCfg(num_envs=4, num_steps=64, minibatch_size=64, hidden=(16,), normalize_reward=False)


MakeEnv = Callable[..., VectorEnv[Any, Any, Any]]


class Wide(gym.Env[np.ndarray, np.ndarray]):
    """Environments with the spaces of the others, in double precision, in which nothing happens."""

    observation_space = gym.spaces.Box(-1, 1, (1,), np.float64)
    action_space = gym.spaces.Box(-2, 2, (1,), np.float64)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, Any]:
        """Start an episode."""
        super().reset(seed=seed)
        return np.zeros(1), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Give nothing."""
        return np.zeros(1), 0.0, False, False, {}


def make_rollout(terminated: list[bool], truncated: list[bool]) -> Rollout:
    """Make one environment of three steps, each rewarded 1."""
    zeros, ones = torch.zeros(3, 1, 1), torch.ones(3, 1)
    return Rollout(
        obs=zeros,
        action=zeros,
        executed=zeros,
        next_obs=zeros,
        reward=ones,
        terminated=torch.tensor(terminated)[:, None],
        truncated=torch.tensor(truncated)[:, None],
        log_prob=ones,
    )


@pytest.mark.parametrize(
    ("terminated", "truncated", "expected"),
    [
        # V = 2 everywhere, gamma = lambda = 1/2, r = 1: delta = 1 + 1/2 * 2 - 2 = 0, and 1 - 2 = -1 at a termination
        ([False] * 3, [False] * 3, [0.0, 0.0, 0.0]),
        # A_1 = -1; A_0 = 0 + 1/4 * (-1); A_2 belongs to the next episode
        ([False, True, False], [False] * 3, [-0.25, -1.0, 0.0]),
        # a time limit bootstraps: delta_1 = 0, and nothing of what comes after reaches back
        ([False, False, True], [False, True, False], [0.0, 0.0, -1.0]),
    ],
)
def test_advantages_by_hand(
    terminated: list[bool], truncated: list[bool], expected: list[float], make_env: MakeEnv
) -> None:
    """Terminations end the future, time limits bootstrap from the observation they cut off."""
    agent = PPO(replace(SMALL, gamma=0.5, gae_lambda=0.5), make_env())
    *weights, output_bias = agent.critic.parameters()
    for parameter in weights:
        torch.nn.init.zeros_(parameter)
    torch.nn.init.constant_(output_bias, 2.0)
    advantage, returns = agent.advantages(make_rollout(terminated, truncated))
    assert advantage[:, 0].tolist() == expected
    assert returns[:, 0].tolist() == [a + 2.0 for a in expected]


def test_reward_scaling_divides_by_the_deviation_of_the_discounted_return(make_env: MakeEnv) -> None:
    """Gamma = 1/2 and rewards 1, 1, 1: returns so far 1, 1.5, 1.75, variance 7/72; rewards become 1 / sqrt(7/72)."""
    agent = PPO(replace(SMALL, gamma=0.5, normalize_reward=True), make_env())
    agent.track_returns(make_rollout([False] * 3, [False] * 3))
    assert float(agent.return_norm.var) == pytest.approx(7 / 72)


def test_it_learns_to_aim(make_env: MakeEnv) -> None:
    """The best policy repeats its observation; after 8000 steps it is nearly that."""
    env = make_env()
    agent = PPO(replace(SMALL, learning_rate=3e-3, gamma=0.0), env).learn(8000)
    target = np.linspace(-0.9, 0.9, 7, dtype=np.float32)[:, None]
    assert np.abs(agent.predict(target, deterministic=True)[0] - target).max() < 0.15


def test_two_agents_with_one_seed_are_equal_to_the_last_bit(make_env: MakeEnv) -> None:
    """Weights and actions come from the agent's own generators."""
    weights: list[torch.Tensor] = []
    for _ in range(2):
        env = make_env()
        agent = PPO(SMALL, env, seed=7).learn(1024)
        weights.append(torch.cat([value.double().flatten() for value in agent.weights().values()]))
    assert torch.equal(*weights)


def test_what_is_saved_comes_back(tmp_path: Path, make_env: MakeEnv) -> None:
    """A loaded agent acts as the saved one did."""
    agent = prefgym.agents.make("ppo", env=make_env(), num_envs=4, hidden=(8,))
    agent.save(tmp_path / "policy")
    other = PPO.load(tmp_path / "policy")  # environments are needed to learn only
    obs = np.array([[0.3], [-0.8]], np.float32)
    assert np.array_equal(agent.predict(obs, deterministic=True)[0], other.predict(obs, deterministic=True)[0])


def test_another_autoreset_mode_is_refused(make_env: MakeEnv) -> None:
    """Autoreset steps would have to be dropped from the rollout."""
    with pytest.raises(ValueError, match="SameStep"):
        PPO(SMALL, make_env(AutoresetMode.NEXT_STEP)).learn(8)


def test_it_goes_on_in_other_envs_with_the_same_spaces(make_env: MakeEnv) -> None:
    """Another number of them, and another precision; other spaces are refused, when loading, too."""
    agent = PPO(replace(SMALL, normalize_reward=True), make_env()).learn(256)
    agent.set_env(SyncVectorEnv([Wide] * 2, autoreset_mode=AutoresetMode.SAME_STEP))
    agent.learn(128)
    with pytest.raises(ValueError, match="spaces"):
        agent.set_env(gym.make_vec("prefgym/Reacher-v0", 2))


def test_another_policy_is_refused(tmp_path: Path, make_env: MakeEnv) -> None:
    agent = PPO(SMALL, make_env())
    agent.save(tmp_path / "policy")
    with pytest.raises(ValueError, match="other spaces"):
        PPO.load(tmp_path / "policy", gym.make_vec("prefgym/Reacher-v0", 2))
    with pytest.raises(ValueError, match="holds ppo, not sac"):
        SAC.load(tmp_path / "policy")
