"""What holds for every agent that learns from records: verbs, files, going on where it was stopped, and guards."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from gymnasium.vector import VectorEnv
from stable_baselines3.common.callbacks import BaseCallback, CheckpointCallback

import prefgym.agents
from prefgym.buffers.recorder import Recorder
from prefgym.common.finite import NotFiniteError
from prefgym.common.states import flatten, unflatten
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Comparison, Thumbs
from prefgym.core.preferences import Preferences
from prefgym.core.segments import Segments
from prefgym.rewards.ensemble import EnsembleCfg
from prefgym.rewards.fit import FitCfg
from prefgym.rl.offline import OfflineAgent, OfflineData

MakeEnv = Callable[..., VectorEnv[Any, Any, Any]]
NAMES = ("bc", "sft", "cpl", "cpl-kl", "p-iql", "ipl")


def make(name: str, env: Any, preferences: Preferences | None = None, **given: Any) -> Any:  # noqa: ANN401
    """Make an agent with its own defaults but for the sizes, which are small."""
    data = None if preferences is None else OfflineData(preferences=preferences)
    cfg = prefgym.agents.cfg(name)
    actor = type(cfg.actor)(**{**vars(cfg.actor), "hidden": (16,)})
    small: dict[str, Any] = {"hidden": (16,)} if hasattr(cfg, "hidden") else {"batch_size": 32}
    if name == "p-iql":
        fit = type(cfg.reward.fit)(gradient_steps=20)
        small["reward"] = type(cfg.reward)(**{**vars(cfg.reward), "fit": fit, "hidden": (16,)})
    return prefgym.agents.make(name, env=env, data=data, actor=actor, **small, **given)


def test_the_list_is_complete() -> None:
    ours = [name for name in prefgym.agents.names() if issubclass(prefgym.agents.get(name), OfflineAgent)]
    assert sorted(NAMES) == ours


@pytest.mark.parametrize("name", NAMES)
def test_one_seed_learns_one_policy(name: str, make_env: MakeEnv, preferences: Preferences) -> None:
    first, second, other = (make(name, make_env(), preferences, seed=seed).learn(30) for seed in (1, 1, 2))
    assert first.is_second == (first.switch() < 1.0)
    same = [torch.equal(x, y) for x, y in zip(first.weights().values(), second.weights().values())]
    assert all(same)
    obs = np.linspace(-1, 1, 5, dtype=np.float32)[:, None]
    assert not np.array_equal(first.predict(obs, deterministic=True)[0], other.predict(obs, deterministic=True)[0])


@pytest.mark.parametrize("name", NAMES)
def test_it_goes_on_where_it_was_stopped(name: str, make_env: MakeEnv, preferences: Preferences) -> None:
    """Stopped once before and once after the first part of the training; what files hold is enough."""

    def advance(agent: OfflineAgent, last: int) -> None:
        while agent.num_timesteps < last:
            agent.advance(min(10, last - agent.num_timesteps), agent.num_timesteps / 60)

    never = make(name, make_env(), preferences)
    advance(never, 60)
    for stop in (20, 40):
        stopped = make(name, make_env(), preferences)
        advance(stopped, stop)
        arrays, plain = flatten(stopped.state_dict())
        gone_on = make(name, make_env(), preferences)
        gone_on.load_state_dict(unflatten({key: array.clone() for key, array in arrays.items()}, plain))
        advance(gone_on, 60)
        expected, told = (flatten(agent.state_dict())[0] for agent in (never, gone_on))
        assert expected.keys() == told.keys()
        assert all(torch.equal(expected[key], told[key]) for key in expected)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_saved_and_loaded(name: str, make_env: MakeEnv, preferences: Preferences, tmp_path: Path) -> None:
    agent = make(name, make_env(), preferences).learn(20)
    agent.save(tmp_path / "policy")
    loaded: Any = cast(Any, prefgym.agents.get(name)).load(tmp_path / "policy")
    obs = np.linspace(-1, 1, 5, dtype=np.float32)[:, None]
    action, _ = loaded.predict(obs, deterministic=True)
    assert np.array_equal(action, agent.predict(obs, deterministic=True)[0])
    assert action.shape == (5, 1)
    assert agent.predict(obs[0], deterministic=True)[0].shape == (1,)
    with pytest.raises(ValueError, match="nothing to learn from: pass data="):
        loaded.learn(1)


@pytest.mark.parametrize("name", NAMES)
def test_a_nan_in_what_it_learns_from_stops_it(name: str, make_env: MakeEnv, preferences: Preferences) -> None:
    """The policy is left as it was."""
    agent = make(name, make_env(), preferences)
    agent.learn(50)
    assert agent.is_second == (agent.switch() < 1.0)
    for parameter in agent.actor.net.parameters():
        parameter.data.fill_(torch.nan)
    with pytest.raises(NotFiniteError, match="the loss of the agent"):
        agent.learn(1, reset_num_timesteps=False)
    with pytest.raises(NotFiniteError, match=r"weight .*weight of the agent is not finite"):
        agent.state_dict()


@pytest.mark.parametrize("name", ["bc", "cpl", "p-iql"])
def test_one_that_is_interrupted_acts_without_dropout(
    name: str, make_env: MakeEnv, preferences: Preferences, stopped_at: Callable[..., AbstractContextManager[None]]
) -> None:
    agent = make(name, make_env(), preferences)
    with stopped_at(type(agent), "gradient_step"):
        agent.learn(10)
    assert not agent.actor.training


@pytest.mark.parametrize("name", NAMES)
def test_callbacks_are_told_of_each_update(
    name: str, make_env: MakeEnv, preferences: Preferences, tmp_path: Path
) -> None:
    class Stop(BaseCallback):
        def _on_step(self) -> bool:
            return self.n_calls < 7

    agent = make(name, make_env(), preferences)
    agent.learn(100, callback=[CheckpointCallback(3, str(tmp_path)), Stop()])
    assert agent.num_timesteps == 7
    assert len(list(tmp_path.glob("*.safetensors"))) == 2


def test_data_of_other_envs_are_refused(make_env: MakeEnv, preferences: Preferences) -> None:
    env: Any = make_env()
    env.single_observation_space = type(env.single_observation_space)(-1, 1, (3,), np.float32)
    with pytest.raises(ValueError, match=r"the preferences have \(1, 1\) numbers an observation and an action"):
        make("bc", env, preferences)
    fitting = Recorder(1, 3, 1)
    fitting.begin(np.zeros((1, 3)))
    fitting.add(np.zeros((1, 1)), np.zeros(1), np.zeros((1, 3)), np.array([True]), np.array([False]))
    with pytest.raises(ValueError, match=r"the preferences have \(1, 1\)"):  # demonstrations alone would do
        prefgym.agents.make("cpl", env=env, data=OfflineData(preferences=preferences, demos=fitting))
    prefgym.agents.make("bc", env=env, data=OfflineData(demos=fitting))
    with pytest.raises(ValueError, match="nothing to learn from: neither"):
        OfflineData()


def mixed(preferences: Preferences) -> Feedback:
    """Return the comparisons, and thumbs about their first options, of which half are seen to be good."""
    first = replace(preferences.queries, options=preferences.queries.options[:, :1])
    reaction = torch.where(preferences.answers.choice[:, 0] > 0.5, 1, -1)
    thumbs = Thumbs(status=preferences.answers.status, reaction=reaction)
    return Feedback((preferences, Preferences.of(first, thumbs, preferences.raters[0])))


@pytest.mark.parametrize("name", ["cpl", "sft", "ipl"])
def test_kinds_that_an_agent_does_not_fit_are_refused(name: str, make_env: MakeEnv, preferences: Preferences) -> None:
    sentence = f"{name} fits comparison(, ranking)?, and there are answers of comparison, thumbs: pass --agent p-iql"
    with pytest.raises(ValueError, match=sentence):
        prefgym.agents.make(name, env=make_env(), data=OfflineData(preferences=mixed(preferences)))


@pytest.mark.parametrize("name", ["bc", "p-iql"])
def test_other_agents_learn_from_any_mix(name: str, make_env: MakeEnv, preferences: Preferences) -> None:
    """Steps of all segments are there: 64 pairs and 64 segments of 8 steps."""
    data = OfflineData(preferences=mixed(preferences))
    small = {"reward": EnsembleCfg(num_members=2, hidden=(8,), fit=FitCfg(gradient_steps=2))} if name == "p-iql" else {}
    agent: Any = prefgym.agents.make(name, env=make_env(), data=data, **small)
    assert len(agent.buffer) == 3 * 64 * 8
    metrics = agent.improve(1)
    assert name == "bc" or "reward_model/thumbs_cross_entropy" in metrics


def test_queries_of_two_sizes(make_env: MakeEnv, preferences: Preferences) -> None:
    """Fine-tuning takes them, in which each step counts by itself."""
    options = preferences.queries.options
    four = replace(preferences.queries, options=Segments.cat([options, options], 1))
    answers = Comparison.of(preferences.answers.choice.argmax(-1), 4)
    both = OfflineData(preferences=Feedback((preferences, Preferences.of(four, answers, preferences.raters[0]))))
    for name in ("cpl", "ipl"):
        sizes = "queries of one size, and there are queries of 2 segments of 8 steps and 4 segments of 8 steps: pass"
        with pytest.raises(ValueError, match=sizes):
            prefgym.agents.make(name, env=make_env(), data=both)
    agent: Any = prefgym.agents.make("sft", env=make_env(), data=both)
    assert len(agent.weight) == 2 * 64 * 8  # one chosen segment a query


def test_superseded_answers_are_not_learned_from(make_env: MakeEnv, preferences: Preferences) -> None:
    first = Comparison.of(torch.tensor([0, 1]), 2)
    twice = preferences[torch.tensor([0, 0])]
    changed = replace(twice, answers=first, revision=torch.tensor([0, 1]))
    agent: Any = prefgym.agents.make("ipl", env=make_env(), data=OfflineData(preferences=changed))
    assert agent.choice.tolist() == [[0.0, 1.0]]
