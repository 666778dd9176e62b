"""The regret rater, against slow references written as the formulas stand."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from prefgym import raters
from prefgym.core.preferences import Status
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.raters.regret import RegretRater, RegretRaterCfg
from prefgym.testing import example_segments

GAMMA = 0.9
SEGMENTS = example_segments(40, 3, num_steps=6)


class Sage:
    """An expert for whom V(s) is the sum of the observation, and Q(s, a) that less the squared action."""

    gamma, horizon = GAMMA, 44

    def predict(
        self,
        observation: Any,  # noqa: ANN401
        /,
        state: Any = None,  # noqa: ANN401
        episode_start: Any = None,  # noqa: ANN401
        deterministic: bool = True,
    ) -> tuple[Any, None]:
        """Do nothing."""
        assert deterministic
        return np.zeros((len(observation), 2), np.float32), None

    def value(self, obs: Tensor) -> Tensor:
        """Return the sum of the observation."""
        return obs.sum(-1)

    def action_value(self, obs: Tensor, action: Tensor) -> Tensor:
        """Return that less the squared action."""
        return obs.sum(-1) - action.square().sum(-1)


class Ahead:
    """What follows gives the second number of the state, once."""

    def __init__(self, state: Any) -> None:  # noqa: ANN401
        self.reward = state[:, 1:2]

    def discounted(self, gamma: float) -> Any:  # noqa: ANN401
        """Return that."""
        assert gamma == GAMMA
        return self.reward[:, 0]


class Oracle:
    """A simulator of such worlds."""

    def play_on(self, state: Any, obs: Any, policy: Any, num_steps: int) -> Ahead:  # noqa: ANN401
        """Look as far ahead as the expert's values count."""
        assert num_steps == policy.horizon
        assert len(state) == len(obs)
        return Ahead(state)


def slow_regret(segment: Segments, first: float, last: float) -> float:
    """Minus regret of one segment: -(V(s_0) - (sum gamma^t r_t + gamma^L V(s_L))), where V = 0 behind a termination."""
    assert segment.reward is not None
    length = int(segment.length)
    returned = sum(GAMMA**t * float(segment.reward[t]) for t in range(length))
    return returned + (0.0 if segment.terminated else GAMMA**length * last) - first


def best(scores: list[list[float]]) -> list[int]:
    """Name the option that scores best in each query."""
    return [row.index(max(row)) for row in scores]


def test_the_deterministic_form_is_the_formula() -> None:
    """On segments of all lengths, with and without a termination, for three options."""
    assert SEGMENTS.terminated.any()
    assert not SEGMENTS.terminated.all()
    sage, by_hand = Sage(), list[list[float]]()
    for query in SEGMENTS:
        told = [(x, float(x.obs[0].sum()), float(x.obs[int(x.length)].sum())) for x in query]
        by_hand.append([slow_regret(*option) for option in told])
    rater = RegretRater(expert=sage)
    torch.testing.assert_close(rater.score(SEGMENTS), torch.tensor(by_hand, dtype=torch.float64), rtol=1e-5, atol=1e-5)
    assert rater(Queries.of(SEGMENTS)).answers.choice.argmax(-1).tolist() == best(by_hand)


def test_the_stochastic_form_is_the_formula() -> None:
    """sum_t gamma^t (Q(s_t, a_t) - V(s_t)), which is minus the discounted squared action here."""
    by_hand = [
        [-sum(GAMMA**t * float(x.action[t].square().sum()) for t in range(int(x.length))) for x in query]
        for query in SEGMENTS
    ]
    rater = RegretRater(RegretRaterCfg(form="stochastic"), expert=Sage())
    torch.testing.assert_close(rater.score(SEGMENTS), torch.tensor(by_hand, dtype=torch.float64), rtol=1e-5, atol=1e-5)


def test_simulated_values_are_those_of_both_ends() -> None:
    """With states of which the second number says what follows."""
    state = torch.randn(40, 3, 7, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    segments = replace(SEGMENTS, state=state)
    by_hand = [
        [slow_regret(x, float(x.state[0, 1]), float(x.state[int(x.length), 1])) for x in query if x.state is not None]
        for query in segments
    ]
    rater = RegretRater(RegretRaterCfg(values="simulation"), expert=Sage(), simulator=Oracle())
    torch.testing.assert_close(rater.score(segments), torch.tensor(by_hand, dtype=torch.float64), rtol=1e-6, atol=1e-6)


def test_both_forms_agree_where_the_env_has_no_chance() -> None:
    """With Q = r + gamma V(s') the advantages sum up to what the ends say."""

    class Consistent(Sage):
        def action_value(self, obs: Tensor, action: Tensor) -> Tensor:
            assert SEGMENTS.reward is not None
            last = torch.arange(6) == SEGMENTS.length.unsqueeze(-1) - 1
            goes_on = ~(SEGMENTS.terminated.unsqueeze(-1) & last)
            return SEGMENTS.reward + GAMMA * SEGMENTS.obs[..., 1:, :].sum(-1) * goes_on

    scores = [RegretRater(RegretRaterCfg(form=form), expert=Consistent()).score(SEGMENTS) for form in FORMS]
    torch.testing.assert_close(scores[0], scores[1], rtol=1e-5, atol=1e-5)


def test_an_expert_has_no_regret_however_long_a_segment_is() -> None:
    """In an environment that gives 1 for ever, V = 1 / (1 - gamma): segments of 1 to 6 steps are all equally good."""

    class Content(Sage):
        def value(self, obs: Tensor) -> Tensor:
            return torch.full(obs.shape[:-1], 1 / (1 - GAMMA), dtype=torch.float64)

    segments = example_segments(6, 2, num_steps=6)
    length = torch.stack([torch.arange(1, 7), torch.full((6,), 6)], -1)
    flag = torch.zeros(6, 2, dtype=torch.bool)
    rewarded = replace(segments, reward=torch.ones(6, 2, 6), length=length, terminated=flag)
    scores = RegretRater(expert=Content()).score(rewarded)
    torch.testing.assert_close(scores, torch.zeros(6, 2, dtype=torch.float64), rtol=0, atol=1e-14)


FORMS = ("deterministic", "stochastic")


def test_equal_regret_is_a_tie_and_noise_is_that_of_bradley_and_terry() -> None:
    """A tie without error; with beta = 1, an option that is better by 2 wins with probability 1 / (1 + e^-2)."""
    num = 4000
    segments = example_segments(num, 2, num_steps=2, equal_lengths=True)
    reward = torch.zeros(num, 2, 2)
    reward[:, 1, 0] = 2.0
    flag = torch.zeros(num, 2, dtype=torch.bool)
    apart = replace(segments, obs=torch.zeros_like(segments.obs), reward=reward, terminated=flag)
    alike = replace(apart, reward=torch.zeros_like(reward))
    assert RegretRater(expert=Sage())(Queries.of(alike)).answers.tie.all()
    answers = RegretRater(RegretRaterCfg(beta=1.0), seed=1, expert=Sage())(Queries.of(apart)).answers
    share, expected = float(answers.choice[:, 1].double().mean()), 1 / (1 + math.exp(-2))
    assert abs(share - expected) < 4.5 * math.sqrt(expected * (1 - expected) / num)
    assert (answers.status == Status.ANSWERED).all()


def test_what_cannot_be_judged_is_refused() -> None:
    """Each with a sentence that says what to do."""
    with pytest.raises(ValueError, match="there is no expert for this environment"):
        raters.make("regret")
    with pytest.raises(ValueError, match="use values=critic"):
        raters.make("regret", values="simulation", expert=Sage())
    with pytest.raises(ValueError, match="use form=deterministic"):
        raters.cfg("regret", values="simulation", form="stochastic")
    rater = RegretRater(RegretRaterCfg(values="simulation"), expert=Sage(), simulator=Oracle())
    with pytest.raises(ValueError, match="need physics states, and these segments carry none"):
        rater(Queries.of(replace(SEGMENTS, state=None)))
    with pytest.raises(ValueError, match="carry no task reward"):
        RegretRater(expert=Sage())(Queries.of(SEGMENTS.without_truth()))


def test_settings_are_told(tmp_path: Path) -> None:
    """As they come back from a file."""
    told = RegretRater(RegretRaterCfg(expert_file=tmp_path), expert=Sage())(Queries.of(SEGMENTS)).raters[0]
    assert told.name == "regret"
    assert told.settings["expert_file"] == str(tmp_path)
    assert told.settings["beta"] == "inf"
