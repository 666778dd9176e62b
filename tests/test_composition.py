"""Gymnasium's and SB3's wrappers with ours: the orders that make sense work, the others say why they do not."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.wrappers import NormalizeObservation, NormalizeReward, RecordEpisodeStatistics, RecordVideo
from gymnasium.wrappers import vector as wrap
from stable_baselines3 import SAC
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor, VecNormalize

import prefgym
from prefgym.agents.ppo import PPO, PPOCfg
from prefgym.sim.third_party import find
from prefgym.wrappers.sb3 import ReplayBuffer, VecEnv

SAME_STEP = AutoresetMode.SAME_STEP


def single(**settings: Any) -> gym.Env[Any, Any]:  # noqa: ANN401
    """Make an environment that gives the task reward."""
    return gym.make("prefgym/Reacher-v0", reward="task", **settings)


def vector(mode: AutoresetMode = SAME_STEP) -> VectorEnv[Any, Any, Any]:
    """Make two."""
    return gym.make_vec("prefgym/Reacher-v0", 2, reward="task", autoreset_mode=mode)


def play(env: Any, num_steps: int = 60) -> Any:  # noqa: ANN401
    """Take random steps, over the end of an episode."""
    env.reset(seed=0)
    env.action_space.seed(0)
    told = ()
    for _ in range(num_steps):
        told = env.step(env.action_space.sample())
        if isinstance(env, gym.Env) and told[3]:
            env.reset()
    return told


def install_reward_of_one(env: Any) -> Any:  # noqa: ANN401
    """Install a reward of 1 a step."""
    import torch

    class One:
        def reward(self, segments: Any) -> Any:  # noqa: ANN401
            return torch.ones(1, *segments.action.shape[:-1])

    env.install_reward(One())
    return env


def test_statistics_count_the_learned_return_around_and_the_true_one_beneath() -> None:
    """An episode of Reacher has 50 steps, each of which costs something."""
    around = RecordEpisodeStatistics(install_reward_of_one(prefgym.PreferenceEnv(single())))
    play(around)
    assert list(around.return_queue) == [50.0]
    beneath = RecordEpisodeStatistics(single())
    told = play(prefgym.PreferenceEnv(beneath))
    assert beneath.return_queue[0] < 0
    assert "episode" not in told[4]  # the true return stays hidden
    many = wrap.RecordEpisodeStatistics(install_reward_of_one(prefgym.PreferenceVectorEnv(vector())))
    play(many)
    assert list(many.return_queue) == [50.0, 50.0]


def test_observations_are_normalised_around_and_recorded_as_they_are() -> None:
    inner = prefgym.PreferenceEnv(single())
    env = NormalizeObservation(inner)
    obs, _ = env.reset(seed=0)
    raw, _ = single().reset(seed=0)
    assert not np.allclose(obs, raw)
    play(env)
    recorded = inner.recorder.segments(inner.recorder.starts(1), 1).obs[:, 0]
    assert np.allclose(recorded[0], raw, atol=1e-6)


def test_videos_can_be_recorded_on_both_sides(tmp_path: Path) -> None:
    for place, env in (
        ("around", RecordVideo(prefgym.PreferenceEnv(single(render_mode="rgb_array")), str(tmp_path / "around"))),
        ("beneath", prefgym.PreferenceEnv(RecordVideo(single(render_mode="rgb_array"), str(tmp_path / "beneath")))),
    ):
        play(env)
        env.close()
        assert list((tmp_path / place).glob("*.mp4"))


@pytest.mark.parametrize("wrapper", [NormalizeObservation, NormalizeReward, prefgym.PreferenceEnv])
def test_what_belongs_around_is_refused_beneath(wrapper: Any) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match=f"{wrapper.__name__} cannot be beneath"):
        prefgym.PreferenceEnv(wrapper(single()))
    inner = gym.vector.SyncVectorEnv([lambda: wrapper(single())], autoreset_mode=SAME_STEP)
    with pytest.raises(ValueError, match=f"{wrapper.__name__} cannot be beneath"):
        prefgym.PreferenceVectorEnv(inner)


@pytest.mark.parametrize("wrapper", [wrap.NormalizeObservation, wrap.NormalizeReward, prefgym.PreferenceVectorEnv])
def test_the_same_for_many_envs(wrapper: Any) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match=f"{wrapper.__name__} cannot be beneath"):
        prefgym.PreferenceVectorEnv(wrapper(vector(AutoresetMode.NEXT_STEP)))
    with pytest.raises(ValueError, match=f"{wrapper.__name__} cannot be beneath"):
        prefgym.PreferenceVectorEnv(wrap.RecordEpisodeStatistics(wrapper(vector(AutoresetMode.NEXT_STEP))))


def test_sb3s_environments_go_around() -> None:
    theirs: Any = VecEnv(vector())
    with pytest.raises(ValueError, match="go around"):
        prefgym.PreferenceVectorEnv(theirs)
    with pytest.raises(ValueError, match=r"acts in environments of gymnasium\.make_vec\("):
        PPO(PPOCfg(num_envs=2), theirs).learn(8)


def test_a_monitor_goes_on_both_sides() -> None:
    around, beneath = Monitor(prefgym.PreferenceEnv(single())), Monitor(single())
    play(around)
    play(prefgym.PreferenceEnv(beneath))
    assert around.get_episode_rewards() == [0.0]
    assert beneath.get_episode_rewards()[0] < 0
    model = SAC("MlpPolicy", DummyVecEnv([lambda: Monitor(prefgym.PreferenceEnv(single()))]), learning_starts=10)
    model.learn(60)
    assert [told["r"] for told in model.ep_info_buffer or ()] == [0.0]


def test_what_is_remembered_under_vec_normalize_is_relabelled_as_it_was_seen() -> None:
    """SB3 keeps observations and rewards as they were before normalisation; so does the recorder."""
    inner = prefgym.PreferenceVectorEnv(vector())
    env = VecNormalize(VecMonitor(VecEnv(inner)))
    model = SAC("MlpPolicy", env, replay_buffer_class=ReplayBuffer, learning_starts=20, buffer_size=200, seed=0)
    model.learn(100)
    buffer: Any = model.replay_buffer
    steps = buffer.steps(slice(0, 50))
    recorded = inner.recorder.segments(inner.recorder.starts(1), 1)
    assert len(recorded) == 100
    told, kept = recorded.obs[:, 0].tolist(), steps.obs.flatten(0, 1).tolist()
    assert sorted(told) == sorted(kept)
    install_reward_of_one(inner)
    learner: Any = inner._shared.learner
    buffer.relabel(learner)
    assert (buffer.rewards[:50] == 1).all()


@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
def test_a_goal_environment_is_flattened_and_recorded_with_its_states() -> None:
    """Dict observations are joined in the order of their keys; the state comes along, to be drawn."""
    find("FetchReach-v4")
    inner = gym.make("FetchReach-v4")
    env = prefgym.PreferenceEnv(inner)
    obs, _ = env.reset(seed=0)
    told, _ = inner.reset(seed=0)
    assert np.array_equal(obs, np.concatenate([told["achieved_goal"], told["desired_goal"], told["observation"]]))
    play(env)
    options = env.sample_queries(3, length=10).options
    assert options.state is not None
    assert options.state.shape[:3] == (3, 2, 11)
    assert options.obs.shape == (3, 2, 11, 16)
