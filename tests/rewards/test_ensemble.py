"""The reward ensemble: what it gives, and why its zero matters where episodes terminate."""

from dataclasses import replace

import gymnasium as gym
import pytest
import torch

from prefgym.common.spaces import Spaces
from prefgym.core.preferences import Comparison, Preferences, RaterInfo, Status
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.rewards.ensemble import Ensemble, EnsembleCfg
from prefgym.rewards.fit import FitCfg
from prefgym.rewards.shaping import Shaping

ENV = Spaces(gym.spaces.Box(-1, 1, (2,)), gym.spaces.Box(-1, 1, (1,)))
CFG = EnsembleCfg(hidden=(16, 16), fit=FitCfg(learning_rate=1e-2))


def make_preferences(num: int, step_reward: float = 0.0, cut: bool = False) -> Preferences:
    """Choose the higher return of windows of 6 steps whose steps are worth action + `step_reward`."""
    generator = torch.Generator().manual_seed(0)
    action = torch.randn(num, 2, 6, 1, generator=generator)
    length = torch.randint(1, 7, (num, 2), generator=generator) if cut else torch.full((num, 2), 6)
    reward = (action[..., 0] + step_reward) * (torch.arange(6) < length[..., None])
    flag = torch.zeros(num, 2, dtype=torch.bool)
    options = Segments(
        obs=torch.zeros(num, 2, 7, 2),
        action=action,
        length=length,
        terminated=length < 6,
        truncated=flag,
        reward=reward,
    )
    answers = Comparison.of(reward.sum(-1).argmax(-1), 2)
    return Preferences.of(Queries.of(options), answers, RaterInfo(name="test"))


def test_one_product_gives_what_one_by_one_does() -> None:
    """The same weights, asked in both ways, about segments of several batch axes."""
    one_by_one = Ensemble(CFG, ENV)
    preferences = make_preferences(20, cut=True)
    one_by_one.fit(preferences)
    together = Ensemble(replace(CFG, product="batched"), ENV)
    together.load_weights(one_by_one.weights())
    options = preferences.queries.options.without_truth()
    torch.testing.assert_close(together.reward(options), one_by_one.reward(options))
    torch.testing.assert_close(together.score(options), one_by_one.score(options))


def mean_reward(ensemble: Ensemble, action: float) -> float:
    """Ask what one step with this action is worth."""
    flag = torch.zeros(1, dtype=torch.bool)
    step = Segments(
        obs=torch.zeros(1, 2, 2),
        action=torch.full((1, 1, 1), action),
        length=torch.ones(1, dtype=torch.long),
        terminated=flag,
        truncated=flag,
    )
    return float(ensemble.reward(step).mean())


@pytest.mark.parametrize(
    "cfg",
    [CFG, replace(CFG, next_obs=True), replace(CFG, fit=replace(CFG.fit, crop=0.5))],
    ids=["", "next obs", "crop"],
)
def test_the_reward_rises_with_what_was_preferred(cfg: EnsembleCfg) -> None:
    """Larger actions were preferred, so they give more; the deviation over the labelled steps is 1."""
    ensemble = Ensemble(cfg, ENV)
    preferences = make_preferences(300)
    report = ensemble.fit(preferences)
    assert mean_reward(ensemble, 1.0) > mean_reward(ensemble, 0.0) > mean_reward(ensemble, -1.0)
    assert report.accuracy > 0.85
    rewards = ensemble.reward(preferences.queries.options)
    torch.testing.assert_close(rewards.flatten(1).std(1), torch.ones(3), atol=1e-3, rtol=0)


def test_what_members_see() -> None:
    """The observation a step was taken from, the one it led to if asked for, and the action."""
    flag = torch.zeros(1, dtype=torch.bool)
    obs, action = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]), torch.tensor([[[5.0]]])
    step = Segments(obs=obs, action=action, length=torch.ones(1, dtype=torch.long), terminated=flag, truncated=flag)
    assert Ensemble(CFG, ENV).inputs(step).tolist() == [[[1.0, 2.0, 5.0]]]
    assert Ensemble(replace(CFG, next_obs=True), ENV).inputs(step).tolist() == [[[1.0, 2.0, 3.0, 4.0, 5.0]]]


@pytest.mark.parametrize("living", [2.0, -2.0])
def test_cut_windows_tell_whether_living_pays(living: float) -> None:
    """With windows of unequal length the worth of an average step gets its sign; with equal ones it cannot."""
    cut = Ensemble(CFG, ENV)
    cut.fit(make_preferences(400, living, cut=True))
    assert mean_reward(cut, 0.0) * living > 0
    # two learners of equal windows see the same choices whatever living is worth
    blind = [Ensemble(CFG, ENV), Ensemble(CFG, ENV)]
    for ensemble, value in zip(blind, (living, -living)):
        ensemble.fit(make_preferences(100, value))
    assert mean_reward(blind[0], 0.0) == pytest.approx(mean_reward(blind[1], 0.0))


@pytest.mark.parametrize(("offset", "expected"), [("centre", 0.0), ("survival-bonus", 2.0)])
def test_named_alternatives_move_the_zero(offset: Shaping, expected: float) -> None:
    """Centred rewards average 0 over the labelled steps, a survival bonus makes it 2 deviations."""
    ensemble = Ensemble(EnsembleCfg(hidden=(8,), offset=offset), ENV)
    preferences = make_preferences(50)
    ensemble.fit(preferences)
    means = ensemble.reward(preferences.queries.options).flatten(1).mean(1)
    torch.testing.assert_close(means, torch.full((3,), expected), atol=1e-3, rtol=0)


def test_only_answered_queries_are_fitted() -> None:
    """Ten of forty queries were skipped: thirty are fitted."""
    preferences = make_preferences(40)
    status, choice = preferences.answers.status.clone(), preferences.answers.choice.clone()
    status[:10], choice[:10] = int(Status.SKIPPED), 0.0
    answers = Comparison(status=status, choice=choice, tie=preferences.answers.tie)
    told = Preferences.of(preferences.queries, answers, RaterInfo(name="test"))
    assert Ensemble(CFG, ENV).fit(told).num_preferences == 30


def test_the_task_reward_is_not_looked_at() -> None:
    """The same choices beside another recorded reward give the same learner to the last bit."""
    preferences = make_preferences(60)
    one, other = Ensemble(CFG, ENV), Ensemble(CFG, ENV)
    one.fit(preferences)
    other.fit(preferences.without_truth())
    assert mean_reward(one, 0.3) == mean_reward(other, 0.3)


def test_weights_come_back() -> None:
    """A learner that takes over another's state gives the same."""
    one, other = Ensemble(CFG, ENV, seed=0), Ensemble(CFG, ENV, seed=1)
    one.fit(make_preferences(40))
    other.load_weights(one.weights())
    assert mean_reward(one, 0.7) == mean_reward(other, 0.7)
    assert other.is_fitted
