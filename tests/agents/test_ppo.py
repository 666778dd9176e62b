"""PPO: advantages worked out by hand, and learning on a task with a known best policy."""

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
from prefgym.buffers.rollout import Rollout

SMALL = PPOCfg(num_envs=4, num_steps=64, minibatch_size=64, hidden=(16,), normalize_reward=False)


class Aim(gym.Env[np.ndarray, np.ndarray]):
    """Pay how close the action is to the observation; an episode lasts 8 steps."""

    observation_space = gym.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gym.spaces.Box(-1, 1, (1,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, Any]:
        """Draw a first target."""
        super().reset(seed=seed)
        self._step = 0
        return self._draw(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Pay minus the squared error."""
        reward = -float((action[0] - self._target) ** 2)
        self._step += 1
        return self._draw(), reward, False, self._step == 8, {}

    def _draw(self) -> np.ndarray:
        self._target = self.np_random.uniform(-1, 1)
        return np.array([self._target], np.float32)


def make_env(mode: AutoresetMode = AutoresetMode.SAME_STEP) -> VectorEnv[Any, Any, Any]:
    """Make four worlds of it."""
    return SyncVectorEnv([Aim] * 4, autoreset_mode=mode)


def make_rollout(terminated: list[bool], truncated: list[bool]) -> Rollout:
    """Make one world of three steps, each paid 1."""
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
def test_advantages_by_hand(terminated: list[bool], truncated: list[bool], expected: list[float]) -> None:
    """Terminations end the future, time limits bootstrap from the observation they cut off."""
    agent = PPO(replace(SMALL, gamma=0.5, gae_lambda=0.5), make_env())
    *weights, output_bias = agent.critic.parameters()
    for parameter in weights:
        torch.nn.init.zeros_(parameter)
    torch.nn.init.constant_(output_bias, 2.0)
    advantage, returns = agent.advantages(make_rollout(terminated, truncated))
    assert advantage[:, 0].tolist() == expected
    assert returns[:, 0].tolist() == [a + 2.0 for a in expected]


def test_reward_scaling_divides_by_the_deviation_of_the_discounted_return() -> None:
    """Gamma = 1/2 and rewards 1, 1, 1: returns so far 1, 1.5, 1.75, variance 7/72; rewards become 1 / sqrt(7/72)."""
    agent = PPO(replace(SMALL, gamma=0.5, normalize_reward=True), make_env())
    agent.track_returns(make_rollout([False] * 3, [False] * 3))
    assert float(agent.return_norm.var) == pytest.approx(7 / 72)


def test_it_learns_to_aim() -> None:
    """The best policy repeats its observation; after 8000 steps it is nearly that."""
    env = make_env()
    env.reset(seed=0)
    agent = PPO(replace(SMALL, learning_rate=3e-3, gamma=0.0), env).learn(8000)
    target = np.linspace(-0.9, 0.9, 7, dtype=np.float32)[:, None]
    assert np.abs(agent.predict(target, deterministic=True)[0] - target).max() < 0.15


def test_two_agents_with_one_seed_are_equal_to_the_last_bit() -> None:
    """Weights and actions come from the agent's own generators."""
    weights: list[torch.Tensor] = []
    for _ in range(2):
        env = make_env()
        env.reset(seed=3)
        agent = PPO(SMALL, env, seed=7).learn(1024)
        weights.append(torch.cat([value.double().flatten() for value in agent.weights().values()]))
    assert torch.equal(*weights)


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    """A loaded agent acts as the saved one did."""
    agent = prefgym.agents.make("ppo", env=make_env(), num_envs=4, hidden=(8,))
    agent.save(tmp_path / "policy")
    other = PPO(PPOCfg(num_envs=4, hidden=(8,)), make_env(), seed=9).load(tmp_path / "policy")
    obs = np.array([[0.3], [-0.8]], np.float32)
    assert np.array_equal(agent.predict(obs, deterministic=True)[0], other.predict(obs, deterministic=True)[0])


def test_another_autoreset_mode_is_refused() -> None:
    """Autoreset steps would have to be dropped from the rollout."""
    with pytest.raises(ValueError, match="SameStep"):
        PPO(SMALL, make_env(AutoresetMode.NEXT_STEP)).learn(8)
