"""IQL, P-IQL and IPL: losses worked out by hand, slow references, and what they learn where the best is known."""

from collections.abc import Callable
from dataclasses import replace
from math import exp, log
from typing import Any

import pytest
import torch
from gymnasium.vector import VectorEnv
from torch import Tensor, nn

from prefgym.agents.ipl import IPL, IPLCfg
from prefgym.agents.iql import IQL
from prefgym.agents.p_iql import PIQL, PIQLCfg
from prefgym.buffers.replay import Batch
from prefgym.core.preferences import Preferences
from prefgym.nn.actor import ActorCfg
from prefgym.rewards.ensemble import EnsembleCfg
from prefgym.rewards.fit import FitCfg
from prefgym.rl.offline import OfflineData

MakeEnv = Callable[..., VectorEnv[Any, Any, Any]]

ACTOR = ActorCfg(hidden=(32,))
SMALL_PIQL = PIQLCfg(
    actor=ACTOR, hidden=(32,), learning_rate=3e-3, gamma=0.5, reward=EnsembleCfg(fit=FitCfg(gradient_steps=200))
)
SMALL_IPL = IPLCfg(actor=ACTOR, hidden=(32,), learning_rate=3e-3, gamma=0.5)


def say(agent: IQL, *, v: float, q: tuple[float, float], targets: tuple[float, float]) -> None:
    """Let values be the same in all states."""
    for net in (agent.v, agent.q, agent.targets):
        for parameter in net.parameters():
            nn.init.zeros_(parameter)
    last: Any = agent.v[-1]
    last.bias.data[:] = v
    agent.q.biases[-1].data[:] = torch.tensor(q)[:, None]
    agent.targets.biases[-1].data[:] = torch.tensor(targets)[:, None]


def batch(reward: Tensor, terminated: Tensor) -> Batch:
    """Make steps of which nothing else matters."""
    zeros = torch.zeros(len(reward), 1)
    return Batch(
        obs=zeros, action=zeros, next_obs=zeros, reward=reward, terminated=terminated, truncated=1 - terminated
    )


def test_critics_learn_that_time_limits_bootstrap_and_terminations_do_not(make_env: MakeEnv) -> None:
    """With gamma 1/2 and V = 4, a reward of 1 is worth 3, and 1 at a termination; critics say 0 and 1.

    (3^2 + 1^2) / 2 + (2^2 + 0^2) / 2 = 7.
    """
    agent = PIQL(SMALL_PIQL, make_env())
    say(agent, v=4.0, q=(0.0, 1.0), targets=(0.0, 0.0))
    loss = agent.critic_loss(batch(torch.ones(2), torch.tensor([0.0, 1.0])))
    assert loss.item() == pytest.approx(7.0)


@pytest.mark.parametrize(("value", "expected"), [(1.0, 0.7 * 2**2), (5.0, 0.3 * 2**2)])
def test_values_are_pulled_up_harder_than_down(make_env: MakeEnv, value: float, expected: float) -> None:
    """The smaller target says 3: V = 1 lies 2 below and counts 0.7, V = 5 lies 2 above and counts 0.3."""
    agent = PIQL(SMALL_PIQL, make_env())
    say(agent, v=value, q=(0.0, 0.0), targets=(3.0, 9.0))
    loss, mean, advantage = agent._improve_value(batch(torch.zeros(1), torch.zeros(1)))
    assert loss.item() == pytest.approx(expected)
    assert mean.item() == pytest.approx(value)
    assert advantage.item() == pytest.approx(3 - value)


def test_values_settle_at_the_expectile(make_env: MakeEnv, preferences: Preferences) -> None:
    """Of 0 and 1, equally often, the 0.9 expectile is 0.9: 0.9 (1 - v) = 0.1 v."""
    agent = PIQL(replace(SMALL_PIQL, expectile=0.9, learning_rate=1e-2), make_env())
    steps = batch(torch.zeros(2), torch.zeros(2))
    agent.target_values = lambda batch: torch.tensor([0.0, 1.0])  # pyright: ignore[reportAttributeAccessIssue]
    for _ in range(500):
        agent._improve_value(steps)
    assert agent.value(steps.obs)[0].item() == pytest.approx(0.9, abs=0.01)


def test_better_actions_weigh_more_up_to_a_limit(make_env: MakeEnv, preferences: Preferences) -> None:
    """With A = 1 and an inverse temperature of 3, the loss is -e^3 log pi, and -10 log pi if no weight exceeds 10."""
    losses: dict[float, float] = {}
    for most in (100.0, 10.0):
        agent = PIQL(replace(SMALL_PIQL, max_weight=most, learning_rate=1e-9), make_env())
        say(agent, v=2.0, q=(0.0, 0.0), targets=(3.0, 3.0))
        steps = batch(torch.zeros(1), torch.zeros(1))
        log_prob = agent.actor.log_prob(steps.obs, steps.action).item()
        losses[most] = agent._step(steps)[2].item() / -log_prob
    assert losses[100.0] == pytest.approx(exp(3), rel=1e-4)
    assert losses[10.0] == pytest.approx(10.0, rel=1e-4)


def test_targets_follow_the_critics(make_env: MakeEnv) -> None:
    agent = PIQL(replace(SMALL_PIQL, tau=0.25, learning_rate=1e-9), make_env())
    say(agent, v=0.0, q=(4.0, 8.0), targets=(0.0, 0.0))
    agent._step(batch(torch.zeros(1), torch.zeros(1)))
    assert agent.targets.biases[-1].flatten().tolist() == pytest.approx([1.0, 2.0])


def test_all_steps_are_rewarded_by_the_reward_before_the_first_update(
    make_env: MakeEnv, preferences: Preferences
) -> None:
    agent = PIQL(SMALL_PIQL, make_env(), data=OfflineData(preferences=preferences))
    metrics = agent.improve(1)
    assert metrics["reward_model/train_accuracy"] > 0.8
    kept = agent.buffer.steps(0, len(agent.buffer))
    expected = agent.reward.reward(kept.segments()).mean(0)[..., 0]
    assert torch.allclose(kept.reward, expected)
    assert "reward_model/loss" not in agent.improve(1)


def test_the_reward_never_sees_the_truth(make_env: MakeEnv, preferences: Preferences) -> None:
    """With the task reward of the segments turned round, everything stays as it is."""
    options = preferences.queries.options
    assert options.reward is not None
    turned = replace(
        preferences, queries=replace(preferences.queries, options=replace(options, reward=-options.reward))
    )
    first, second = (PIQL(SMALL_PIQL, make_env(), data=OfflineData(preferences=x)) for x in (preferences, turned))
    first.improve(3)
    second.improve(3)
    assert all(torch.equal(x, y) for x, y in zip(first.weights().values(), second.weights().values()))


@torch.no_grad()
def implied(agent: IPL, obs: Tensor, action: Tensor, next_obs: Tensor, terminated: bool) -> Tensor:
    """Return what both critics say that one step was worth."""
    ahead = 0.0 if terminated else agent.cfg.gamma * agent.value(next_obs)
    return agent.values(agent.q, obs[None], action[None] / 2)[:, 0] - ahead


def test_the_loss_of_ipl_is_that_of_the_slow_reference(make_env: MakeEnv, preferences: Preferences) -> None:
    """Two options of different lengths, one that terminates, and a choice that is shared."""
    one = preferences[:1]
    options = replace(one.queries.options, length=torch.tensor([[8, 3]]), terminated=torch.tensor([[False, True]]))
    answers = replace(one.answers, choice=torch.tensor([[0.75, 0.25]]))
    data = OfflineData(preferences=replace(one, queries=replace(one.queries, options=options), answers=answers))
    agent = IPL(replace(SMALL_IPL, num_queries=1, regularization=0.3), make_env(), data=data)
    rewards = list[list[Tensor]]()
    for option, length in enumerate((8, 3)):
        obs, action = options.obs[0, option], options.action[0, option]
        rewards.append([implied(agent, obs[t], action[t], obs[t + 1], option == 1 and t == 2) for t in range(length)])
    steps = agent.sample()
    replayed = torch.stack(
        [implied(agent, *told, False) for told in zip(steps.obs, steps.action * 2, steps.next_obs)]
    )  # the third step of the second option is drawn, too
    replayed += (steps.terminated * agent.cfg.gamma * agent.value(steps.next_obs).detach())[:, None]
    expected = 0.0
    for critic in range(2):
        first, second = (sum(float(r[critic]) for r in option) for option in rewards)
        norm = log(exp(first) + exp(second))
        expected += -0.75 * (first - norm) - 0.25 * (second - norm)
        squares = [float(r[critic]) ** 2 for option in rewards for r in option]
        expected += 0.15 * (sum(squares) / len(squares) + float(replayed[:, critic].square().mean()))
    assert agent.critic_loss(steps).item() == pytest.approx(expected, rel=1e-4)


def test_targets_of_ipl_stay_within_what_rewards_can_come_to(make_env: MakeEnv) -> None:
    """C = 1/2 and gamma = 1/2: rewards of at most 2 come to at most 4."""
    agent = IPL(SMALL_IPL, make_env())
    for value, expected in ((9.0, 4.0), (-9.0, -4.0), (3.0, 3.0)):
        say(agent, v=0.0, q=(0.0, 0.0), targets=(value, value))
        assert agent.target_values(batch(torch.zeros(1), torch.zeros(1))).item() == pytest.approx(expected)


@pytest.mark.parametrize("name", ["p-iql", "ipl"])
def test_what_was_preferred_is_learned(name: str, make_env: MakeEnv, preferences: Preferences) -> None:
    """What was done repeats half of the observation on average, and is off by 0.075 in the mean square."""
    data = OfflineData(preferences=preferences)
    agent = PIQL(SMALL_PIQL, make_env(), data=data) if name == "p-iql" else IPL(SMALL_IPL, make_env(), data=data)
    agent.learn(400)
    obs = torch.linspace(-0.9, 0.9, 19)[:, None]
    error = float((torch.as_tensor(agent.predict(obs, deterministic=True)[0]) - obs).square().mean())
    assert error < 0.04
