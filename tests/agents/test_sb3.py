"""SB3's algorithms in our loop: with nothing to give they are SB3's, to the last bit."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.vector import VectorEnv
from stable_baselines3 import PPO, SAC, TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.noise import NormalActionNoise

import prefgym.agents
from prefgym.agents.sb3 import Sb3Agent, Sb3Cfg
from prefgym.common.errors import UserError
from prefgym.core.capabilities import Capability, capabilities_of
from prefgym.wrappers.sb3 import ReplayBuffer, VecEnv
from prefgym.wrappers.sb3_learned import reward_on_policy

MakeEnv = Callable[..., VectorEnv[Any, Any, Any]]

ON_POLICY = '{"n_steps": 16, "batch_size": 16, "policy_kwargs": {"net_arch": [8]}}'
OFF_POLICY = '{"learning_starts": 32, "batch_size": 16, "buffer_size": 240, "policy_kwargs": {"net_arch": [8]}}'
CFGS = {
    "ppo": Sb3Cfg(algorithm="stable_baselines3:PPO", settings=ON_POLICY, num_envs=4),
    "sac": Sb3Cfg(algorithm="stable_baselines3:SAC", settings=OFF_POLICY, num_envs=4, num_steps=1),
    "td3": Sb3Cfg(algorithm="stable_baselines3:TD3", settings=OFF_POLICY, num_envs=4, num_steps=1, action_noise=0.1),
}
NETS: dict[str, Any] = {"net_arch": [8]}
THEIRS: dict[str, Callable[[VecEnv], BaseAlgorithm]] = {
    "ppo": lambda env: PPO("MlpPolicy", env, n_steps=16, batch_size=16, policy_kwargs=dict(NETS), seed=3),
    "sac": lambda env: SAC(
        "MlpPolicy", env, learning_starts=32, batch_size=16, buffer_size=240, policy_kwargs=dict(NETS), seed=3
    ),
    "td3": lambda env: TD3(
        "MlpPolicy",
        env,
        learning_starts=32,
        batch_size=16,
        buffer_size=240,
        policy_kwargs=dict(NETS),
        seed=3,
        action_noise=NormalActionNoise(np.zeros(1), np.full(1, 0.1)),
    ),
}


def flat(policy: Any) -> torch.Tensor:  # noqa: ANN401
    """Join all weights."""
    return torch.cat([value.double().flatten() for value in policy.state_dict().values()])


def train(agent: Sb3Agent, num_rollouts: int, scale: float = 1.0) -> None:
    """Run our loop; `scale` times what the environments give."""
    for _ in range(num_rollouts):
        rollout = agent.collect(agent.env)
        agent.update(rollout.with_reward(rollout.reward * scale), 0.0)


@pytest.mark.parametrize("name", CFGS)
def test_our_loop_does_what_theirs_does(name: str, make_env: MakeEnv) -> None:
    """320 steps, in which episodes of 8 steps are cut off by their time limit."""
    ours = Sb3Agent(CFGS[name], make_env(), seed=3)
    # the learning rate is constant, so that the share of the training that is done does not matter
    train(ours, 5 if name == "ppo" else 80)
    theirs = THEIRS[name](VecEnv(make_env())).learn(320)
    assert torch.equal(flat(ours.model.policy), flat(theirs.policy))


@pytest.mark.parametrize(("name", "expected"), [("ppo", False), ("sac", True), ("td3", True)])
def test_what_an_algorithm_can_do_depends_on_the_algorithm(name: str, expected: bool, make_env: MakeEnv) -> None:
    assert (Capability.OFF_POLICY in capabilities_of(Sb3Agent(CFGS[name], make_env()))) == expected


def test_what_is_rewarded_later_is_as_if_it_had_been_rewarded_at_once(make_env: MakeEnv) -> None:
    """PPO bootstraps at time limits from the value of what they cut off; ours adds it after the rollout."""
    agent = Sb3Agent(CFGS["ppo"], make_env(), seed=3)
    rollout = agent.collect(agent.env)
    other = Sb3Agent(CFGS["ppo"], make_env(), seed=3)
    same = other.collect(other.env)
    reward_on_policy(agent.model, rollout)  # what SB3 has done already
    assert rollout.truncated.sum() == 8
    assert np.allclose(agent.model.rollout_buffer.returns, other.model.rollout_buffer.returns, atol=1e-6)
    agent.update(rollout.with_reward(2 * same.reward), 0.0)
    other.update(same, 0.0)
    assert not torch.equal(flat(agent.model.policy), flat(other.model.policy))


class Worth:
    """Thinks a step is worth its observation and a hundred times its action."""

    def reward(self, segments: Any) -> torch.Tensor:  # noqa: ANN401
        """Return the worth of each step. Shape: (1, ..., T)."""
        return (segments.obs[..., :-1, 0] + 100 * segments.action[..., 0])[None]


def test_the_past_is_relabelled_exactly_also_after_the_buffer_wrapped(make_env: MakeEnv) -> None:
    """240 of 320 steps are kept; give by relabelling equals give at the time, action by action."""
    agent, rewards = Sb3Agent(CFGS["sac"], make_env(), seed=3), list[torch.Tensor]()
    for _ in range(80):
        rollout = agent.collect(agent.env)
        rewards.append(Worth().reward(rollout.steps())[0, ..., 0])
        agent.update(rollout, 0.0)
    agent.relabel(Worth())  # pyright: ignore[reportArgumentType]
    buffer: ReplayBuffer = agent.model.replay_buffer
    assert buffer.full and buffer.pos == 20
    oldest_first = np.roll(buffer.rewards, -buffer.pos, axis=0)
    assert np.array_equal(oldest_first, torch.cat(rewards)[-60:].numpy())


def test_time_limits_are_no_terminations_in_the_buffer(make_env: MakeEnv) -> None:
    agent = Sb3Agent(CFGS["sac"], make_env(), seed=3)
    train(agent, 8)
    buffer: ReplayBuffer = agent.model.replay_buffer
    steps = buffer.steps(slice(0, len(buffer)))
    assert steps.truncated.sum() == 4 and steps.terminated.sum() == 0
    # what a time limit cut off is kept, not the first observation of the next episode
    assert torch.equal(steps.next_obs[:-1][steps.truncated[:-1] == 0], steps.obs[1:][steps.truncated[:-1] == 0])


def test_relabelling_needs_what_a_step_led_to(make_env: MakeEnv) -> None:
    env = VecEnv(make_env())
    with pytest.raises(ValueError, match="optimize_memory_usage=False"):
        SAC(
            "MlpPolicy",
            env,
            replay_buffer_class=ReplayBuffer,
            replay_buffer_kwargs={"handle_timeout_termination": False},
            optimize_memory_usage=True,
        )


@pytest.mark.parametrize("name", CFGS)
def test_it_goes_on_from_its_state(name: str, make_env: MakeEnv) -> None:
    """Another agent takes over in the middle, in the same envs, after the shared generators were used by others."""
    rounds = 2 if name == "ppo" else 20
    whole = Sb3Agent(CFGS[name], make_env(), seed=3)
    train(whole, 2 * rounds)
    env = make_env()
    first = Sb3Agent(CFGS[name], env, seed=3)
    train(first, rounds)
    state = first.state_dict()
    second = Sb3Agent(CFGS[name], env, seed=8)
    second.load_state_dict(state)
    train(second, rounds)
    assert torch.equal(flat(whole.model.policy), flat(second.model.policy))
    assert random.getstate()[0] == 3  # the version of the state that is written


@pytest.mark.parametrize(("train_freq", "gradient_steps", "updates"), [(1, 1, 8), (4, 2, 4), (2, -1, 32), (1, 0, 0)])
def test_it_takes_as_many_updates_as_they_would(
    train_freq: int, gradient_steps: int, updates: int, make_env: MakeEnv
) -> None:
    """In one block of 8 steps of 4 environments; -1 is as many as there were steps."""
    settings = {"learning_starts": 0, "batch_size": 4, "train_freq": train_freq, "gradient_steps": gradient_steps}
    agent = Sb3Agent(Sb3Cfg(algorithm="stable_baselines3:SAC", num_steps=8, settings=json.dumps(settings)), make_env())
    train(agent, 1)
    assert agent.model._n_updates == updates


def test_it_goes_on_in_other_envs(make_env: MakeEnv) -> None:
    agent = Sb3Agent(CFGS["sac"], make_env())
    train(agent, 3)
    agent.set_env(make_env())
    train(agent, 3)
    assert agent.num_timesteps == 24


def test_what_is_saved_comes_back(tmp_path: Path, make_env: MakeEnv) -> None:
    agent = prefgym.agents.make("sb3-sac", env=make_env(), settings='{"policy_kwargs": {"net_arch": [8]}}')
    agent.save(tmp_path / "policy")
    other = Sb3Agent.load(tmp_path / "policy", make_env())
    obs = np.array([[0.3], [-0.8]], np.float32)
    assert np.array_equal(agent.predict(obs, deterministic=True)[0], other.predict(obs, deterministic=True)[0])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"algorithm": "stable_baselines3:PPQ"}, "cannot be imported"),
        ({"algorithm": "stable_baselines4:PPO"}, "cannot be imported"),
        ({"algorithm": "pathlib:Path"}, "is not an on- or off-policy algorithm"),
        ({"settings": '{"gama": 0.9}'}, "gama"),
        ({"settings": "gamma=0.9"}, "Expecting value"),
        ({"algorithm": "stable_baselines3:SAC", "settings": '{"train_freq": 5}'}, "a multiple of train_freq"),
        ({"algorithm": "stable_baselines3:SAC", "settings": '{"train_freq": 0}'}, "a multiple of train_freq 0"),
        ({"algorithm": "stable_baselines3:SAC", "settings": '{"train_freq": [1, "episode"]}'}, "must be an integer"),
    ],
)
def test_bad_settings_end_in_one_sentence(settings: dict[str, str], said: str, make_env: MakeEnv) -> None:
    with pytest.raises(UserError, match=said):
        Sb3Agent(Sb3Cfg(**settings), make_env())  # pyright: ignore[reportArgumentType]
