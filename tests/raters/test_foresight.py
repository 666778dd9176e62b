"""Foresight: returns and predictions by hand, and the shipped expert against what it does in simulation."""

from dataclasses import replace
from typing import Any

import gymnasium as gym
import pytest
import torch
from torch import Tensor

from prefgym import raters
from prefgym.core.queries import Queries
from prefgym.envs import TASKS, expert
from prefgym.raters.foresight import ForesightRater, ForesightRaterCfg
from prefgym.raters.hindsight import HindsightRater, HindsightRaterCfg
from prefgym.sim.continuation import Simulator
from prefgym.testing import check_rater, example_segments

HOPPER = "prefgym/Hopper-v0"


class Heights:
    """An expert that values a state by ten times its first number."""

    gamma, horizon = 0.9, 10

    def value(self, obs: Tensor) -> Tensor:
        """Return V. Shapes: (..., O) to (...,)."""
        return 10 * obs[..., 0]

    def action_value(self, obs: Tensor, action: Tensor) -> Tensor:
        """Return V, whatever the action is."""
        del action
        return self.value(obs)

    def predict(self, *_: Any, **__: Any) -> Any:  # noqa: ANN401
        """Raise: nobody acts."""
        raise NotImplementedError


def asked() -> Queries:
    """Ask one query of two options of 3 and 2 valid steps.

    Rewards 1 1 1 and 1 1 (5): returns 3 and 2. First numbers of the states after the last steps: 0.2 and 0.4.
    """
    segments = example_segments(1, 2, num_steps=3, equal_lengths=True)
    obs = torch.zeros_like(segments.obs)
    obs[0, 0, 3, 0], obs[0, 1, 2, 0], obs[0, 1, 3, 0] = 0.2, 0.4, 9.0
    reward = torch.tensor([[[1.0, 1.0, 1.0], [1.0, 1.0, 5.0]]])
    return Queries.of(replace(segments, obs=obs, reward=reward, length=torch.tensor([[3, 2]])))


def test_the_prediction_is_added_to_the_return() -> None:
    """3 + 10 * 0.2 = 5 against 2 + 10 * 0.4 = 6; after a termination of the second, 5 against 2."""
    queries, rater = asked(), ForesightRater(expert=Heights())
    assert rater.score(queries.options).flatten().tolist() == pytest.approx([5.0, 6.0])
    assert rater(queries).answers.choice.tolist() == [[0.0, 1.0]]
    fallen = Queries.of(replace(queries.options, terminated=torch.tensor([[False, True]])))
    assert rater.score(fallen.options)[0].tolist() == pytest.approx([5.0, 2.0])
    assert rater(fallen).answers.choice.tolist() == [[1.0, 0.0]]


def test_the_critic_predicts_what_the_expert_does() -> None:
    """It agrees with simulated continuations by the expert with its discount, but not exactly: r is 0.90 here."""
    env: Any = gym.make_vec(HOPPER, 4, num_threads=1, autoreset_mode="SameStep")
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(60):
        env.step(env.action_space.sample())
    options = env.sample_queries(40, length=6).options
    who = expert(HOPPER)
    cfg = HindsightRaterCfg(policy="expert", num_steps=who.horizon, gamma=who.gamma)
    simulated = HindsightRater(cfg, expert=who, simulator=Simulator(TASKS["Hopper"], num_worlds=80, num_threads=1))
    predicted, came = (rater.score(options).flatten() for rater in (ForesightRater(expert=who), simulated))
    assert float(torch.corrcoef(torch.stack([predicted, came]))[0, 1]) > 0.8
    assert not torch.allclose(predicted, came)


def test_it_complies_and_goes_on_where_it_was_stopped() -> None:
    check_rater(lambda: ForesightRater(ForesightRaterCfg(beta=0.5), seed=2, expert=Heights()))
    queries = Queries.of(example_segments(64, 2))
    one, other = (ForesightRater(ForesightRaterCfg(beta=0.5), seed=seed, expert=Heights()) for seed in (1, 2))
    one(queries)
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(queries).answers.choice, other(queries).answers.choice)


def test_what_cannot_be_judged_is_one_sentence() -> None:
    with pytest.raises(ValueError, match="there is no expert for this environment"):
        raters.make("foresight")
    with pytest.raises(ValueError, match="judges by the task reward, and this environment has none"):
        ForesightRater(expert=Heights(), has_reward=False)
    with pytest.raises(ValueError, match="carry no task reward"):
        ForesightRater(expert=Heights())(asked().without_truth())
