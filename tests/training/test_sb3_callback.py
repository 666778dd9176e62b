"""Models of Stable-Baselines3 learn from preferences: what they are rewarded for, and what is recorded."""

from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

import prefgym
from prefgym.common.errors import UserError
from prefgym.core.preferences import Comparison, Preferences, RaterInfo
from prefgym.core.queries import Queries

pytest.importorskip("stable_baselines3")
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack, VecNormalize
from tiny import tiny_reward, tiny_sampler

from prefgym.core.relabel import learned_reward
from prefgym.data.tables import load_preferences
from prefgym.sb3 import PreferenceCallback
from prefgym.training.budget import ScheduleCfg
from prefgym.wrappers.sb3 import steps_of
from prefgym.wrappers.sb3_learned import LearnedRewardVecEnv

POLE = "InvertedPendulum-v5"


def small() -> dict[str, Any]:
    """Return settings of a small model; SB3 writes into them."""
    return {"policy_kwargs": {"net_arch": [8]}, "device": "cpu", "seed": 0}


def callback(**changes: Any) -> PreferenceCallback:  # noqa: ANN401
    """Configure two sessions of ten queries about segments of five steps."""
    settings: dict[str, Any] = {
        **{"budget": 20, "reward": tiny_reward(), "sampler": tiny_sampler(3), "schedule": ScheduleCfg(num_sessions=2)},
        **changes,
    }
    return PreferenceCallback(**settings)


def pole(limit: int = 20) -> gym.Env[Any, Any]:
    """Make an environment whose episodes also end by a time limit."""
    return Monitor(gym.make(POLE, max_episode_steps=limit))


def sac(**changes: Any) -> Any:  # noqa: ANN401
    """Make a small SAC."""
    return SAC("MlpPolicy", DummyVecEnv([pole, pole]), learning_starts=1000, **small(), **changes)


def test_a_replay_buffer_holds_the_learned_reward() -> None:
    """That of the last fit in all of it; of the task reward, which is 1 a step, nothing is left, but Monitor has it."""
    model, feedback = sac(), callback()
    model.learn(400, callback=feedback)
    buffer = model.replay_buffer
    assert isinstance(buffer, ReplayBuffer) and buffer.size() == 200
    expected = learned_reward(feedback.reward, steps_of(buffer, slice(0, 200)).segments())
    np.testing.assert_allclose(buffer.rewards[:200], expected.numpy(), rtol=1e-5, atol=1e-6)
    assert len(np.unique(buffer.rewards[:200])) > 100
    returns = [episode["r"] for episode in model.ep_info_buffer]
    lengths = [episode["l"] for episode in model.ep_info_buffer]
    assert all(length - steps in (0, 1) for length, steps in zip(lengths, returns))  # a last step that fails has 0
    assert (feedback.budget.num_asked, feedback.budget.num_answered) == (20, 20)


def test_segments_are_those_of_the_environments() -> None:
    """With the task reward of 1 for all but a last step that terminates, for the rater; none goes beyond an episode."""
    feedback = callback(sampler=tiny_sampler(4, name="uniform"))
    sac().learn(400, callback=feedback)
    preferences = feedback.preferences
    assert preferences is not None and [info.name for info in preferences.raters] == ["oracle"]
    options = preferences.queries.options
    assert options.reward is not None
    last = torch.nn.functional.one_hot(options.length - 1, 4).bool() & options.terminated[..., None]
    assert torch.equal(options.reward, (options.mask & ~last).float())
    assert bool(options.terminated.any()) and int(options.length.min()) >= 1
    moved = (options.obs[..., 1:, :] != options.obs[..., :-1, :]).any(-1)
    assert bool(moved[options.mask].all())


@pytest.mark.parametrize("normalized", [False, True])
def test_a_rollout_is_rewarded_before_it_is_learned_from(normalized: bool) -> None:
    """At the end of each rollout, its buffer has the learned reward, and advantages of it."""
    env: Any = DummyVecEnv([pole, pole])
    env = VecNormalize(env) if normalized else env
    model, feedback = PPO("MlpPolicy", env, n_steps=50, batch_size=50, n_epochs=1, **small()), callback()
    rollouts: list[tuple[Any, ...]] = []
    train = model.train

    def look(*_: Any) -> None:  # noqa: ANN401
        buffer = model.rollout_buffer
        rollouts.append((buffer.rewards.copy(), buffer.advantages.copy(), buffer.values.copy()))
        train()

    model.train = look
    model.learn(400, callback=feedback)
    assert len(rollouts) == 4
    for reward, advantage, value in rollouts:
        assert np.isfinite(advantage).all()
        assert len(np.unique(reward)) > 20  # learned from the first rollout on, since a session is due at 6 steps
        assert not np.allclose(advantage, -value)
    inner = model.get_env()
    assert inner is not None
    while not isinstance(inner, LearnedRewardVecEnv):
        inner = inner.venv  # pyright: ignore[reportAttributeAccessIssue]
    assert inner.learner is feedback.reward
    assert isinstance(model.get_env(), VecNormalize) == normalized


def test_time_limits_bootstrap_in_a_relabelled_rollout() -> None:
    """In the rollout of the last fit, a step cut by the time limit has r + gamma V(s'); the others have r."""
    model = PPO("MlpPolicy", DummyVecEnv([partial(pole, 4)]), n_steps=60, batch_size=60, n_epochs=1, **small())
    feedback = callback(budget=5, schedule=ScheduleCfg(num_sessions=1, first=0.5, last=0.5))
    seen: list[Any] = []
    model.train = lambda *_: seen.append(model.rollout_buffer.rewards.copy())
    model.learn(60, callback=feedback)
    buffer = model.rollout_buffer
    recorder = feedback.env.recorder
    steps = recorder.segments(recorder.starts(1), 1)
    plain = learned_reward(feedback.reward, steps)[:, None].numpy()
    with torch.no_grad():
        value = model.policy.predict_values(steps.obs[:, 1]).numpy()
    truncated = steps.truncated[:, None].numpy()
    assert truncated.sum() >= 1
    np.testing.assert_allclose(seen[0], plain + model.gamma * value * truncated, rtol=1e-4, atol=1e-5)
    assert buffer.full


def test_a_function_is_a_rater_and_answers_are_kept(tmp_path: Path) -> None:
    """As written, whenever answers arrive; a second `learn` goes on with the same budget and the same wrapper."""

    def first(queries: Queries) -> Preferences:
        chosen = torch.zeros(len(queries), dtype=torch.long)
        return Preferences.of(queries, Comparison.of(chosen, 2), RaterInfo(name="first"))

    model, feedback = sac(), callback(rater=first, preferences=tmp_path / "answers")
    model.learn(100, callback=feedback)
    env = model.get_env()
    model.learn(100, callback=feedback, reset_num_timesteps=False)
    assert model.get_env() is env and isinstance(env, LearnedRewardVecEnv)
    model.set_env(DummyVecEnv([pole, pole]))
    model.learn(20, callback=feedback, reset_num_timesteps=False)
    assert model.get_env() is feedback.env is not env and feedback.env.learner is feedback.reward
    assert len(load_preferences(tmp_path / "answers")) == feedback.budget.num_answered == 20


def test_what_cannot_be_learned_from_is_refused() -> None:
    class Dicts(gym.ObservationWrapper[Any, Any, Any]):
        """Return a dictionary."""

        def __init__(self) -> None:
            super().__init__(gym.make(POLE))
            self.observation_space = gym.spaces.Dict({"x": self.env.observation_space})

        def observation(self, observation: Any) -> Any:  # noqa: ANN401
            """Return it under a name."""
            return {"x": observation}

    with pytest.raises(UserError, match=r"put gymnasium\.wrappers\.FlattenObservation around each"):
        PPO("MultiInputPolicy", Dicts(), n_steps=8, batch_size=8, **small()).learn(8, callback=callback())
    stacked = VecFrameStack(DummyVecEnv([pole]), 2)
    with pytest.raises(UserError, match="a wrapper changes the shape of the observations"):
        SAC("MlpPolicy", stacked, **small()).learn(8, callback=callback())
    memory = {"optimize_memory_usage": True, "replay_buffer_kwargs": {"handle_timeout_termination": False}}
    with pytest.raises(UserError, match="pass optimize_memory_usage=False"):
        sac(**memory).learn(8, callback=callback())
    with pytest.raises(UserError, match="compares whole rollouts: pass reward='ensemble'"):
        sac().learn(8, callback=callback(reward="win-rate"))
    for env in (gym.make("prefgym/Reacher-v0"), prefgym.PreferenceEnv(gym.make(POLE))):
        with pytest.raises(UserError, match="these environments hide their task reward already"):
            SAC("MlpPolicy", env, **small()).learn(8, callback=callback())
    with pytest.raises(UserError, match="without a rater there is nothing to learn from"):
        callback(rater="none")
    with pytest.raises(UserError, match="people are asked by prefgym train --rater human"):
        callback(rater="human")
    with pytest.raises(UserError, match="there is no reward before learn"):
        _ = callback().reward


def test_nothing_answered_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """A training that is over before a segment is long enough."""
    sac().learn(4, callback=callback())
    assert "nothing was learned: 0 queries were asked, and none was answered" in capsys.readouterr().err


@pytest.mark.parametrize(("kind", "num_options"), [("ranking", 4), ("rating", 1), ("thumbs", 1), ("mark", 1)])
def test_feedback_of_other_kinds_trains_a_model(kind: str, num_options: int) -> None:
    """Queries have as many segments as the kind is about, and the answers are saved."""
    feedback = callback(rater=prefgym.raters.cfg("partial-return", gives=kind), preferences="answers")
    sac().learn(200, callback=feedback)
    kept = load_preferences(Path("answers"))
    assert [part.answers.kind for part in kept.parts] == [kind]
    assert (kept.parts[0].queries.num_options, kept.num_answered) == (num_options, 20)
    assert feedback.reward.is_fitted


def test_a_kind_that_the_learner_does_not_fit_is_refused() -> None:
    """Before the first query."""
    rater = prefgym.raters.cfg("partial-return", gives="thumbs")
    with pytest.raises(UserError, match="gives thumbs, and reward learner"):
        sac().learn(200, callback=callback(rater=rater, reward=OnlyChoices()))


class OnlyChoices:
    """A learner without a declaration, which gets comparisons."""

    is_fitted = False

    def fit(self, preferences: Preferences) -> Any:  # noqa: ANN401
        """Learn nothing."""
        raise AssertionError(preferences)

    def reward(self, segments: Any) -> torch.Tensor:  # noqa: ANN401
        """Give nothing."""
        return torch.zeros(1, *segments.action.shape[:-1])

    def weights(self) -> dict[str, torch.Tensor]:
        """Return nothing."""
        return {}

    def load_weights(self, weights: Any) -> None:  # noqa: ANN401
        """Take nothing."""
