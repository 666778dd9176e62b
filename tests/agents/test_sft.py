"""Cloning, and cloning what was preferred."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from gymnasium.vector import VectorEnv

from prefgym.agents.bc import BC, BCCfg
from prefgym.agents.sft import SFT, SFTCfg
from prefgym.core.preferences import Comparison, Preferences
from prefgym.nn.actor import ActorCfg
from prefgym.rl.offline import OfflineData

MakeEnv = Callable[..., VectorEnv[Any, Any, Any]]

ACTOR = ActorCfg(head="deterministic", hidden=(32,))


def test_cloning_goes_down_the_distance_from_what_was_done(make_env: MakeEnv, preferences: Preferences) -> None:
    """One step, recorded again and again: the loss is its distance, and falls to nothing."""
    one = preferences[:1]
    options = one.queries.options
    options = replace(options, obs=torch.full_like(options.obs, 0.5), action=torch.full_like(options.action, 1.2))
    data = OfflineData(preferences=replace(one, queries=replace(one.queries, options=options)))
    agent = BC(BCCfg(actor=ACTOR, learning_rate=1e-2, batch_size=4), make_env(), data=data)
    first = agent.improve(1)["train/cloning_loss"]
    assert first == pytest.approx(0.6**2, abs=0.02)  # 1.2 of -2..2 is 0.6 of -1..1, and the first policy does nothing
    agent.improve(300)
    assert agent.predict([[0.5]], deterministic=True)[0].item() == pytest.approx(1.2, abs=0.05)


def test_a_gaussian_learns_how_far_what_was_done_lies_apart(make_env: MakeEnv, preferences: Preferences) -> None:
    agent = BC(BCCfg(actor=ActorCfg(hidden=(32,)), learning_rate=1e-2, batch_size=256), make_env(),
               data=OfflineData(preferences=preferences))  # fmt: skip
    agent.learn(600)
    steps = OfflineData(preferences=preferences).steps()
    residual = steps.action / 2 - agent.actor(steps.obs).detach()
    assert agent.actor.std.item() == pytest.approx(residual.std().item(), rel=0.1)


def test_only_what_was_preferred_is_cloned_in_the_end(make_env: MakeEnv, preferences: Preferences) -> None:
    """The chosen option always does 1, the other one -1; a tie counts half of each."""
    options, num = preferences.queries.options, len(preferences)
    action = torch.ones_like(options.action)
    action[:, 1] = -1.0
    queries = replace(preferences.queries, options=replace(options, action=action))
    first = Comparison.of(torch.zeros(num, dtype=torch.long), 2)
    tie = Comparison.of(torch.zeros(num, dtype=torch.long), 2, torch.ones(num, dtype=torch.bool))
    for answers, expected in ((first, 1.0), (tie, 0.0)):
        data = OfflineData(preferences=replace(preferences, queries=queries, answers=answers))
        agent = SFT(SFTCfg(actor=ACTOR, learning_rate=1e-2, batch_size=128), make_env(), data=data)
        agent.improve(100)
        assert agent.predict([[0.0]], deterministic=True)[0].item() == pytest.approx(0.0, abs=0.15)
        agent.advance(1, 0.4)
        agent.improve(199)
        assert agent.predict([[0.0]], deterministic=True)[0].item() == pytest.approx(expected, abs=0.15)


def test_shares_of_a_choice_weigh_the_steps(make_env: MakeEnv, preferences: Preferences) -> None:
    """One query of two steps: L = -(0.75 log pi(first) + 0.25 log pi(second)), each padded step left out."""
    one = preferences[:1]
    answers = replace(one.answers, choice=torch.tensor([[0.75, 0.25]]))
    options = replace(one.queries.options, length=torch.tensor([[3, 1]]))
    data = OfflineData(preferences=replace(one, queries=replace(one.queries, options=options), answers=answers))
    agent = SFT(SFTCfg(actor=ACTOR, cloning=0.0), make_env(), data=data)
    assert agent.weight.tolist() == [0.75, 0.75, 0.75, 0.25]
    assert len(agent.buffer) == 4
