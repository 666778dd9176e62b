"""Cloning several steps at once: what is planned, what counts, and who looks when."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.vector import VectorEnv

import prefgym.agents
from prefgym.agents.bc import BC, BCCfg
from prefgym.buffers.recorder import Recorder
from prefgym.core.preferences import Preferences
from prefgym.nn.actor import ActorCfg
from prefgym.rl.offline import OfflineData

MakeEnv = Callable[..., VectorEnv[Any, Any, Any]]
CFG = BCCfg(chunk=3, actor=ActorCfg(hidden=(16,)), batch_size=32)


def test_plans_end_where_segments_do(preferences: Preferences) -> None:
    """Of 8 steps, the last but one has two that were taken, the last one."""
    data = OfflineData(preferences=preferences)
    plan, taken = data.plans(3)
    steps = data.steps()
    assert plan.shape == (len(steps.obs), 3, 1)
    assert torch.equal(plan[:, 0], steps.action)
    assert taken[:8].sum(-1).tolist() == [3, 3, 3, 3, 3, 3, 2, 1]
    assert torch.equal(plan[0, :, 0], steps.action[:3, 0])
    assert torch.equal(plan[6, :2, 0], steps.action[6:8, 0])


def test_plans_end_where_demonstrations_do() -> None:
    """Two episodes of three and two steps, one after the other."""
    demos = Recorder(1, 1, 1)
    for first, length in ((0, 3), (10, 2)):
        demos.begin(np.array([[first]]))
        for step in range(length):
            ended = np.array([step == length - 1])
            number = np.array([[first + step]])
            demos.add(number / 100, np.zeros(1), number + 1, np.zeros(1, np.bool_), ended)
    data = OfflineData(demos=demos)
    plan, taken = data.plans(2)
    assert (100 * plan[..., 0]).round().int()[taken].tolist() == [0, 1, 1, 2, 2, 10, 11, 11]
    assert taken.tolist() == [[True, True], [True, True], [True, False], [True, True], [True, False]]
    assert torch.equal(plan[:, 0], data.steps().action)


def test_steps_that_were_not_taken_do_not_count(make_env: MakeEnv) -> None:
    """A Gaussian of deviation 1 around 0: -log pi of 1 and 2 is 1/2 + 2 + log 2 pi, of 1 alone 1/2 + log(2 pi) / 2."""
    agent = BC(replace(CFG, chunk=2), make_env())
    for parameter in agent.actor.parameters():
        torch.nn.init.zeros_(parameter)
    obs, action = torch.zeros(2, 1), torch.tensor([[1.0, 2.0], [1.0, 2.0]])
    known = torch.tensor([[True, True], [True, False]])
    log_prob = agent.actor.log_prob(obs, action, known)
    assert log_prob.tolist() == pytest.approx([-2.5 - math.log(2 * math.pi), -0.5 - 0.5 * math.log(2 * math.pi)])
    assert torch.equal(agent.actor.log_prob(obs, action)[:1], log_prob[:1])


def test_a_plan_is_carried_out_before_the_next_look(make_env: MakeEnv, preferences: Preferences) -> None:
    agent = BC(CFG, make_env(), data=OfflineData(preferences=preferences)).learn(20)
    obs = np.array([[0.5], [-0.5]], np.float32)
    plan = agent.executed(agent.plan(torch.as_tensor(obs), deterministic=True)[0]).detach().numpy()
    first, state = agent.predict(obs, None, np.ones(2, np.bool_), deterministic=True)
    elsewhere = obs + 0.3
    second, state = agent.predict(elsewhere, state, np.zeros(2, np.bool_), deterministic=True)
    assert np.array_equal(np.stack([first, second], 1), plan[:, :2])
    # the second environment begins an episode, and is looked at; the first one goes on
    third, state = agent.predict(elsewhere, state, np.array([False, True]), deterministic=True)
    assert np.array_equal(third[0], plan[0, 2])
    anew, _ = agent.predict(elsewhere, deterministic=True)
    np.testing.assert_allclose(third[1], anew[1], rtol=1e-6)
    fourth, _ = agent.predict(elsewhere, state, np.zeros(2, np.bool_), deterministic=True)
    np.testing.assert_allclose(fourth[0], anew[0], rtol=1e-6)  # its plan of three is done
    alone, state = agent.predict(obs[0], deterministic=True)
    assert alone.shape == (1,)
    assert agent.predict(obs[0], state, deterministic=True)[0].shape == (1,)


def test_plans_longer_than_what_is_recorded_are_refused(make_env: MakeEnv, preferences: Preferences) -> None:
    with pytest.raises(ValueError, match="plans of 9 steps cannot be learned: all that is recorded is shorter"):
        BC(replace(CFG, chunk=9), make_env(), data=OfflineData(preferences=preferences))


def test_a_plan_of_one_step_is_what_was_always_cloned(make_env: MakeEnv, preferences: Preferences) -> None:
    """Against cloning without plans: what SFT does in its first part."""
    data, settings = OfflineData(preferences=preferences), {"actor": ActorCfg(hidden=(16,)), "batch_size": 32}
    ours: Any = prefgym.agents.make("bc", env=make_env(), data=data, **settings)
    ours.learn(20)
    theirs: Any = prefgym.agents.make("sft", env=make_env(), data=data, cloning=1.0, **settings)
    theirs.improve(20)
    for name, weight in theirs.weights().items():
        torch.testing.assert_close(ours.weights()[name], weight)
