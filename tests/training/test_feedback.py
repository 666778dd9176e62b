"""Strategies of feedback, each on its own: no feedback, sessions, and matches."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import tiny_cfg, tiny_reward, tiny_sampler

from prefgym import agents
from prefgym.common.errors import UserError
from prefgym.common.states import flatten
from prefgym.core.preferences import Preferences
from prefgym.core.queries import Queries
from prefgym.core.relabel import learned_reward
from prefgym.core.rollout import EpisodeReturns, Rollout
from prefgym.rewards.fit import FitCfg
from prefgym.training.budget import ScheduleCfg
from prefgym.training.config import TrainCfg
from prefgym.training.feedback import Feedback, NoFeedback, make_feedback
from prefgym.training.history import FeedbackHistory
from prefgym.training.matches import MatchFeedback
from prefgym.training.online import build
from prefgym.training.parts import Parts
from prefgym.training.sessions import SessionFeedback

SESSIONS: dict[str, Any] = {
    "sampler": tiny_sampler(4),
    "schedule": ScheduleCfg(num_sessions=2, first=0.4, last=0.8),
    "reward": tiny_reward(hidden=(4,), num_members=3, fit=FitCfg(gradient_steps=2)),
}

Made = tuple[TrainCfg, Parts, FeedbackHistory, Feedback]


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Made]:
    """Make what makes a strategy of feedback, and all that it needs."""

    def making(*, folder: str = "run", answering: object = None, **settings: Any) -> Made:  # noqa: ANN401
        cfg = tiny_cfg(steps=100, agent=agents.cfg("ppo", num_envs=2, num_steps=10, hidden=(4,)), **settings)
        parts = build(cfg)
        if answering is not None:
            parts = replace(parts, rater=answering)
        history = FeedbackHistory(tmp_path / folder, parts.budget, has_initial=False)
        return cfg, parts, history, make_feedback(cfg, parts, history, EpisodeReturns())

    return making


def collect(parts: Parts) -> Rollout:
    """Collect twenty steps."""
    return parts.agent.collect(parts.env)


class Silent:
    """A rater who never answers."""

    def submit(self, queries: Queries) -> None:
        """Lose them."""

    def collect(self) -> Preferences | None:
        """Return nothing."""
        return None


def test_no_feedback_leaves_the_task_reward(make: Callable[..., Made]) -> None:
    _, parts, _, feedback = make(rater="none")
    assert isinstance(feedback, NoFeedback)
    rollout = collect(parts)
    reward, metrics = feedback.after_rollout(rollout, 20)
    assert reward is rollout.reward and metrics == {}


def test_sessions_are_held_when_they_are_due(make: Callable[..., Made]) -> None:
    """After 40 and 80 of 100 steps, with half of the budget each; until the first there is no reward."""
    _, parts, history, feedback = make(**SESSIONS)
    assert isinstance(feedback, SessionFeedback)
    assert feedback.begin() == {}
    asked: list[object] = []
    for steps in range(20, 120, 20):
        rollout = collect(parts)
        reward, metrics = feedback.after_rollout(rollout, steps)
        asked.append(metrics.get("feedback/num_asked"))
        assert (reward is None) == (steps < 40)
        if reward is not None:
            assert torch.equal(reward, learned_reward(parts.learner, rollout.steps()))
    assert asked == [None, 5, None, 10, None]
    assert history.fit is not None and history.fit.num_preferences == 10
    assert [answer.used_at for answer in history.log.read()] == [40] * 5 + [80] * 5
    assert len(parts.shown_so_far) == 2


def test_sessions_go_on_from_a_state(make: Callable[..., Made]) -> None:
    _, parts, history, feedback = make(**SESSIONS)
    for steps in (20, 40):
        feedback.after_rollout(collect(parts), steps)
    _, other_parts, other_history, other = make(**SESSIONS, folder="other")
    other.load_state_dict(feedback.state_dict())
    other_history.load_state_dict(history.state_dict())
    for one, two in ((feedback, other), (history, other_history)):
        (arrays, plain), (same_arrays, same_plain) = flatten(one.state_dict()), flatten(two.state_dict())
        assert plain == same_plain and arrays.keys() == same_arrays.keys()
        assert all(torch.equal(array, same_arrays[name]) for name, array in arrays.items())
    assert len(other_parts.shown_so_far) == 1


def test_sessions_without_answers_teach_nothing(make: Callable[..., Made]) -> None:
    _, parts, history, feedback = make(**SESSIONS, answering=Silent())
    for steps in (20, 40):
        assert feedback.after_rollout(collect(parts), steps) == (None, {})
    assert (parts.budget.num_pending, history.preferences) == (5, None)


def test_matches_spread_the_budget_and_reward_fragments(make: Callable[..., Made]) -> None:
    """Ten queries in five rollouts: two each; steps of one fragment have one reward, a share of matches won."""
    _, parts, history, feedback = make(reward="win-rate")
    assert isinstance(feedback, MatchFeedback)
    for steps in (20, 40, 60):
        rollout = collect(parts)
        reward, metrics = feedback.after_rollout(rollout, steps)
        assert metrics["feedback/num_asked"] == steps / 10
        assert reward is not None and reward.shape == rollout.reward.shape
        assert ((reward >= 0) & (reward <= 1)).all()
        _, fragment = rollout.fragments()
        for number in range(int(fragment.max()) + 1):
            assert len(reward[fragment == number].unique()) == 1
    assert history.preferences is not None and len(history.preferences) == 6
    assert feedback.state_dict() == {}


def test_matches_need_answers_at_once(make: Callable[..., Made]) -> None:
    _, parts, _, feedback = make(reward="win-rate", answering=Silent())
    with pytest.raises(UserError, match="--reward win-rate needs a rater that answers at once, unlike oracle"):
        feedback.after_rollout(collect(parts), 20)


@pytest.mark.parametrize("strategy", [SessionFeedback, MatchFeedback])
def test_a_strategy_that_asks_needs_a_rater(make: Callable[..., Made], strategy: type) -> None:
    cfg, parts, history, _ = make(rater="none")
    with pytest.raises(ValueError, match="need a rater"):
        if strategy is SessionFeedback:
            SessionFeedback(parts, history, EpisodeReturns())
        else:
            MatchFeedback(cfg, parts, history)
