"""The bridge to Stable-Baselines3, with its own algorithms, wrappers and callbacks."""

import re
from pathlib import Path
from typing import Any, cast

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.callbacks import (
    BaseCallback,
    CheckpointCallback,
    EvalCallback,
    StopTrainingOnMaxEpisodes,
)
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecMonitor, VecNormalize

import prefgym.agents
from prefgym.agents.sb3 import Sb3Agent
from prefgym.sim.flat import flat_vector
from prefgym.wrappers.sb3 import ReplayBuffer, VecEnv

AGENTS: dict[str, dict[str, Any]] = {
    "ppo": {"num_steps": 16, "minibatch_size": 32, "hidden": (8,)},
    "sac": {"num_steps": 16, "random_steps": 32, "batch_size": 8, "hidden": (8,)},
    "pebble": {"num_steps": 16, "random_steps": 32, "batch_size": 8, "hidden": (8,)},
    "sb3-ppo": {"settings": '{"n_steps": 16, "batch_size": 32}'},
    "sb3-sac": {"settings": '{"learning_starts": 32, "batch_size": 8, "policy_kwargs": {"net_arch": [8]}}'},
}


def make_env(name: str = "Hopper", num_envs: int = 2, **settings: Any) -> VectorEnv[Any, Any, Any]:  # noqa: ANN401
    """Make environments that give the task reward, seeded with 0."""
    settings = {"reward": "task", "autoreset_mode": AutoresetMode.SAME_STEP, **settings}
    env = gym.make_vec(f"prefgym/{name}-v0", num_envs, **settings)
    env.reset(seed=0)
    return env


def make_agent(name: str) -> Any:  # noqa: ANN401
    """Make a small agent."""
    return prefgym.agents.make(name, env=make_env(), seed=0, **AGENTS[name])


def test_steps_are_those_of_the_environment() -> None:
    """An episode of Reacher is cut off after 50 steps; falls of Hopper terminate."""
    for name in ("Reacher", "Hopper"):
        theirs, ours = make_env(name), cast(Any, VecEnv(make_env(name)))
        ours.seed(5)
        obs, same = theirs.reset(seed=5)[0], ours.reset()
        rng, num_ended = np.random.default_rng(0), 0
        for _ in range(120):
            assert np.array_equal(obs, same)
            action = rng.uniform(-1, 1, theirs.action_space.shape or ()).astype(np.float32)
            obs, reward, terminated, truncated, info = theirs.step(action)
            same, rewards, done, infos = ours.step(action)
            assert np.array_equal(reward.astype(np.float32), rewards)
            assert np.array_equal(done, terminated | truncated)
            assert [bool(told) for told in infos] == done.tolist()  # built only where an episode ended
            for index in np.flatnonzero(done):
                num_ended += 1
                assert np.array_equal(infos[index]["terminal_observation"], info["final_obs"][index])
                assert infos[index]["TimeLimit.truncated"] == (name == "Reacher")
        assert num_ended >= 4


def test_other_autoreset_modes_are_refused() -> None:
    with pytest.raises(ValueError, match="SameStep"):
        VecEnv(make_env(autoreset_mode=AutoresetMode.NEXT_STEP))


def test_theirs_wrappers_and_algorithms_run_on_our_envs() -> None:
    env = VecNormalize(VecMonitor(VecEnv(make_env())))
    model = PPO("MlpPolicy", env, n_steps=32, batch_size=32, n_epochs=1).learn(256)
    assert len(model.ep_info_buffer or ()) > 3
    assert env.obs_rms.mean.any()  # pyright: ignore[reportAttributeAccessIssue]
    mean, _ = evaluate_policy(model, VecMonitor(VecEnv(make_env())), n_eval_episodes=2)
    assert np.isfinite(mean)


def test_a_plain_script_learns_from_preferences() -> None:
    """Without our loop: SB3's SAC asks, is given the learned reward, and relabels what it remembers."""
    env = gym.make_vec("prefgym/Hopper-v0", 2, autoreset_mode=AutoresetMode.SAME_STEP)
    model = SAC(
        "MlpPolicy", VecEnv(env), replay_buffer_class=ReplayBuffer, learning_starts=100, buffer_size=400, seed=0
    )
    model.learn(200)
    buffer: Any = model.replay_buffer
    assert not buffer.rewards.any()  # nothing is installed
    wrapper: Any = env
    answers = prefgym.raters.make("oracle")(wrapper.sample_queries(10, length=10))
    reward = prefgym.rewards.make("ensemble", env=env)
    reward.fit(answers)
    wrapper.install_reward(reward)
    buffer.relabel(reward)
    model.learn(100, reset_num_timesteps=False)
    rewards = buffer.rewards[:150].copy()
    assert np.count_nonzero(rewards) == 300
    buffer.relabel(reward)  # what was rewarded at the time is what relabelling says, but for rounding in other batches
    assert np.allclose(buffer.rewards[:150], rewards, atol=1e-5)


class Counting(BaseCallback):
    """Counts what it is told of."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def _on_training_start(self) -> None:
        self.told.append("training")

    def _on_rollout_start(self) -> None:
        self.told.append("rollout")

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        self.told.append("end")


@pytest.mark.filterwarnings("ignore:rich is experimental")  # says the progress bar
@pytest.mark.parametrize("name", AGENTS)
def test_their_callbacks_work_with_all_agents(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Checkpoint, evaluation, progress bar, and one that is asked at every step."""
    agent, counting = make_agent(name), Counting()
    evaluating = EvalCallback(
        VecEnv(make_env()),
        eval_freq=16,
        n_eval_episodes=2,
        best_model_save_path=str(tmp_path / "best"),
        log_path=str(tmp_path / "log"),
        verbose=0,
        warn=False,
    )
    saving = CheckpointCallback(save_freq=16, save_path=str(tmp_path), name_prefix="agent")
    agent.learn(128, callback=[counting, evaluating, saving], progress_bar=True)
    assert agent.num_timesteps == 128
    assert counting.n_calls == 64  # steps of two environments
    assert counting.told[0] == "training" and counting.told[-1] == "end" and "rollout" in counting.told
    assert evaluating.best_mean_reward > -np.inf
    assert len(np.load(tmp_path / "log" / "evaluations.npz")["timesteps"]) == 4
    assert "128/128" in capsys.readouterr().out
    obs = np.zeros((1, 11), np.float32)
    if not isinstance(agent, Sb3Agent):  # SB3's model saves itself, as SB3 does
        saved = type(agent).load(tmp_path / "agent_128_steps")
        assert saved.predict(obs, deterministic=True)[0].shape == (1, 3)


@pytest.mark.parametrize("name", ["ppo", "sac"])
def test_a_callback_may_end_the_training(name: str) -> None:
    agent = make_agent(name).learn(10_000, callback=StopTrainingOnMaxEpisodes(max_episodes=1))
    assert agent.num_timesteps < 200
    assert make_agent(name).learn(10_000, callback=lambda known, _: bool(known["dones"].sum() < 0)).num_timesteps == 2


def test_verbs_have_their_signatures(tmp_path: Path) -> None:
    """Positions and names of SB3's arguments, and counting on."""
    agent = make_agent("ppo")
    agent.verbose, agent.tensorboard_log = 0, str(tmp_path)
    agent.learn(32, None, 1, "named", True, False)
    agent.learn(total_timesteps=32, reset_num_timesteps=False)
    assert agent.num_timesteps == 64
    assert [path.name for path in tmp_path.iterdir()] == ["named_1"]
    action, state = agent.predict(np.zeros(11), None, None, True)
    assert action.shape == (3,) and state is None
    agent.set_env(make_env(), force_reset=True)
    with pytest.raises(ValueError, match="spaces"):
        agent.set_env(make_env("Walker2d"))
    mean, _ = evaluate_policy(agent, VecMonitor(VecEnv(make_env())), n_eval_episodes=2)
    assert np.isfinite(mean)
    assert torch.equal(agent.act(torch.zeros(1, 11), True)[0], agent.act(torch.zeros(1, 11), True)[0])


class Telling(gym.Env[Any, Any]):
    """Episodes of two steps, of a table, that tell text, nothing and lists beside numbers."""

    observation_space: gym.Space[Any] = gym.spaces.Box(-9, 9, (3, 2), np.float32)
    action_space: gym.Space[Any] = gym.spaces.Box(
        np.array([[0.5, -1.0]], np.float32), np.array([[0.5, 1.0]], np.float32)
    )

    def __init__(self) -> None:
        self.taken: list[Any] = []

    def reset(self, **given: Any) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401
        super().reset(**given)
        self.step_number = 0
        return np.zeros((3, 2), np.float32), {"map": "a cave"}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:  # noqa: ANN401
        assert self.action_space.contains(action)
        self.taken.append(action)
        self.step_number += 1
        told = {"said": "ho" * self.step_number, "who": None, "list": [1, "two"], "deep": {"text": "x", "n": 1.5}}
        return np.ones((3, 2), np.float32), 1.0, False, self.step_number == 2, {**told, "count": self.step_number}


def telling(num_envs: int = 2) -> Any:  # noqa: ANN401
    """Make such environments."""
    return SyncVectorEnv([Telling] * num_envs, autoreset_mode=AutoresetMode.SAME_STEP)


def test_whatever_an_environment_tells_comes_through() -> None:
    env = cast(Any, VecEnv(telling()))
    assert env.reset().shape == (2, 6) and [info["map"] for info in env.reset_infos] == ["a cave"] * 2
    still = np.tile(np.array([[0.5, 0.0]], np.float32), (2, 1))
    env.step(still)
    *_, infos = env.step(still)
    told = {name: infos[0][name] for name in ("said", "who", "list", "deep", "count")}
    assert told == {"said": "hoho", "who": None, "list": [1, "two"], "deep": {"text": "x", "n": 1.5}, "count": 2}
    assert infos[1]["terminal_observation"].tolist() == [1.0] * 6


@pytest.mark.parametrize("name", ["sb3-ppo", "sb3-sac"])
def test_a_component_of_an_action_that_has_one_value_keeps_it(name: str) -> None:
    """SB3 divides by the difference of the bounds, which is 0; tables are flattened, and given back as tables."""
    venv = telling()
    agent: Any = prefgym.agents.make(name, env=flat_vector(venv), seed=0, **AGENTS[name])
    rollout = agent.collect(agent.env)
    assert rollout.executed.shape[2:] == (2,) and (rollout.executed[..., 0] == 0.5).all()
    assert rollout.executed[..., 1].unique().numel() > 4
    agent.learn(64)
    model = SAC(
        "MlpPolicy", cast(Any, VecEnv(telling())), learning_starts=8, batch_size=8, replay_buffer_class=ReplayBuffer
    )
    model.learn(24)
    buffer = cast(ReplayBuffer, model.replay_buffer)
    assert torch.allclose(buffer.steps(slice(0, 8)).action[..., 0], torch.tensor(0.5), atol=1e-5)


@pytest.mark.parametrize(
    ("env_id", "settings", "words"),
    [
        ("prefgym/Hopper-v0", {"autoreset_mode": "SameStep"}, 'autoreset_mode="SameStep"'),
        (
            *("Hopper-v5", {"vector_kwargs": {"autoreset_mode": "SameStep"}}),
            'vector_kwargs={"autoreset_mode": "SameStep"}',
        ),
    ],
)
def test_environments_of_another_mode_are_refused_with_the_call_that_does_it(
    env_id: str, settings: dict[str, Any], words: str
) -> None:
    made, call = gym.make_vec(env_id, 2), re.escape(f"gymnasium.make_vec({env_id!r}, num_envs=2, {words})")
    with pytest.raises(ValueError, match=f"^Stable-Baselines3 needs environments of {call}$"):
        VecEnv(cast(Any, made))
    with pytest.raises(ValueError, match=f"^ppo acts in environments of {call}$"):
        prefgym.agents.make("ppo", env=cast(Any, make_env())).collect(cast(Any, made))
    VecEnv(cast(Any, gym.make_vec(env_id, num_envs=2, **settings)))
