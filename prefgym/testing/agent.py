"""Compliance check of agents that act while they learn."""

import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import torch

from prefgym.common.spaces import single_spaces
from prefgym.common.states import Stateful
from prefgym.core.arrays import Env
from prefgym.core.protocols import Agent
from prefgym.core.rollout import Rollout
from prefgym.testing.common import global_generators_untouched, require, saved_state
from prefgym.testing.examples import example_env

Make = Callable[[Env], Agent]
NUM_OBS = 7


def check_agent(make: Make, make_env: Callable[[], Env] = example_env, *, resumable: bool = True) -> None:
    """Check that an agent works with the training loop, evaluation and checkpoints.

    Args:
        make: Function that makes an untrained agent for environments; each call makes the same one, seed included.
        make_env: Function that makes the environments, in SAME_STEP mode and reset; each call makes the same ones.
        resumable: Whether to check `state_dict` and `load_state_dict`, which resumed runs need.

    Raises:
        AssertionError: If it does not; the message names the rule.
    """
    with global_generators_untouched("an agent"):
        env, same_env = make_env(), make_env()
        agent, same_agent = make(env), make(same_env)
        require(agent, "an agent", "predict", "collect", "update", "save", "load")
        rollouts = agent.collect(env), same_agent.collect(same_env)
        _check_rollout(rollouts[0], env)
        same = torch.equal(rollouts[0].steps().action, rollouts[1].steps().action)
        assert same, "the same agent must act in the same way in the same environments"
        obs = _some_observations(env)
        _check_predictions(agent, env, obs)
        for progress in (0.0, 0.5):
            _learn(agent, agent.collect(env), progress)
            _check_predictions(agent, env, obs)
        _check_file(agent, env, obs)
        if resumable:
            _check_resumes(make, make_env, agent, obs)


def _some_observations(env: Env) -> np.ndarray:
    """Sample observations within bounds, or normal ones without bounds. Shape: (7, O), float32."""
    space, _ = single_spaces(env)
    drawn = np.random.default_rng(0).standard_normal((NUM_OBS, *space.shape))
    return drawn.clip(space.low, space.high).astype(np.float32)


def _check_predictions(agent: Agent, env: Env, obs: np.ndarray) -> None:
    _, space = single_spaces(env)
    for shown in (obs, obs[0]):
        wanted = (*shown.shape[:-1], *space.shape)
        for deterministic in (False, True):
            answer: object = agent.predict(shown, deterministic=deterministic)
            rule = "predict() must return actions and the state of a recurrent policy, None without one"
            assert isinstance(answer, tuple) and len(cast("tuple[object, ...]", answer)) == 2, rule
            action = answer[0]
            rule = f"predict() must return actions as an array, not {type(action).__name__}"
            assert isinstance(cast(object, action), np.ndarray), rule
            assert action.shape == wanted, f"actions must have shape {wanted} for these observations: {action.shape}"
            assert np.isfinite(action).all(), "actions must be finite"
            inside = (action >= space.low).all() and (action <= space.high).all()
            assert inside, "actions must lie within the bounds of the action space"
    same = np.array_equal(_decided(agent, obs), _decided(agent, obs))
    assert same, "predict(obs, deterministic=True) must return the same actions each time"


def _decided(agent: Agent, obs: np.ndarray) -> np.ndarray:
    return np.asarray(agent.predict(obs, deterministic=True)[0])


def _check_rollout(rollout: Rollout, env: Env) -> None:
    rule = f"collect() must return a Rollout, not {type(rollout).__name__}"
    assert isinstance(cast(object, rollout), Rollout), rule
    shape = tuple(rollout.reward.shape)
    rule = f"a rollout must have reward of shape (T, {env.num_envs}), a step or more, not {shape}"
    assert len(shape) == 2 and shape[0] and shape[1] == env.num_envs, rule
    steps = rollout.steps()
    arrays = (rollout.reward, rollout.action, steps.obs, steps.action)
    assert all(bool(array.isfinite().all()) for array in arrays), "what collect() returns must be finite"
    _, space = single_spaces(env)
    executed = steps.action.cpu().numpy()
    rule = "rollout.executed must lie within the bounds of the action space: it holds the actions that were executed"
    assert ((executed >= space.low) & (executed <= space.high)).all(), rule
    rule = "a rollout must follow each environment: each observation must be the next_obs of the step before"
    ended = (rollout.terminated | rollout.truncated)[:-1]
    assert torch.equal(rollout.next_obs[:-1][~ended], rollout.obs[1:][~ended]), rule


def _learn(agent: Agent, rollout: Rollout, progress: float) -> None:
    """Update the agent with other rewards than those of the environment, as the training loop does."""
    metrics = agent.update(rollout.with_reward(rollout.reward.neg()), progress)
    for name, value in metrics.items():
        assert math.isfinite(value), f"metrics of update() must be finite, and {name} is {value}"


def _check_file(agent: Agent, env: Env, obs: np.ndarray) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "policy"
        agent.save(path)
        other = type(agent).load(path, env)
    same = np.array_equal(_decided(agent, obs), _decided(other, obs))
    assert same, "load(path) must restore the policy that save(path) wrote, bit for bit"


def _check_resumes(make: Make, make_env: Callable[[], Env], agent: Agent, obs: np.ndarray) -> None:
    envs = make_env(), make_env()
    state, other = saved_state(agent, "an agent"), make(envs[1])
    cast(Stateful, other).load_state_dict(state)
    same = np.array_equal(_decided(agent, obs), _decided(other, obs))
    assert same, "load_state_dict(state_dict()) must restore the policy, bit for bit"
    rollouts = agent.collect(envs[0]), other.collect(envs[1])
    same = torch.equal(rollouts[0].steps().action, rollouts[1].steps().action)
    assert same, "an agent that resumes from state_dict() must act in the same way: the generator is part of it"
    _learn(agent, rollouts[0], 0.5)
    _learn(other, rollouts[1], 0.5)
    same = np.array_equal(_decided(agent, obs), _decided(other, obs))
    assert same, "an agent that resumes from state_dict() must learn the same: the optimiser is part of it"
