"""The preference model: antisymmetric, fitted to choices that no score explains, and what it gives by hand."""

from dataclasses import replace
from math import log
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from torch import Tensor

from prefgym.common.spaces import Spaces
from prefgym.core.preferences import Comparison, Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.rewards.fit import FitCfg
from prefgym.rewards.preference_model import PreferenceModel, PreferenceModelCfg, against, logit

ENV = Spaces(Box(-1, 1, (1,), np.float32), Box(-1, 1, (1,), np.float32))
SMALL = PreferenceModelCfg(
    num_members=2, hidden=(16,), fit=FitCfg(gradient_steps=400, learning_rate=1e-2, weight_decay=0)
)


def segments(obs: Tensor, length: Tensor | None = None, terminated: Tensor | None = None) -> Segments:
    """Make segments that see the same number all the time, and do nothing. Shape of `obs`: (..., T)."""
    batch = obs.shape[:-1]
    return Segments(
        obs=torch.cat([obs, obs[..., -1:]], -1).unsqueeze(-1),
        action=torch.zeros(*obs.shape, 1),
        length=torch.full(batch, obs.shape[-1]) if length is None else length,
        terminated=torch.zeros(batch, dtype=torch.bool) if terminated is None else terminated,
        truncated=torch.zeros(batch, dtype=torch.bool),
    )


def asked(kinds: Tensor, first_wins: Tensor) -> Preferences:
    """Make preferences between segments of 4 steps that see `kinds` (B, 2); the first one wins where it says so."""
    queries = Queries.of(segments(kinds.unsqueeze(-1).expand(-1, -1, 4)))
    return Preferences.of(queries, Comparison.of((~first_wins).long(), 2), RaterInfo(name="a test"))


def chance(model: PreferenceModel, a: Segments, b: Segments, member: int = 0) -> Tensor:
    """Return P(a > b) as a member has it; inputs of models that are not fitted are not standardised."""
    pairs = Segments.stack([a, b], dim=1)
    with torch.no_grad():
        return model.members.scores(member, model.inputs(pairs), pairs.mask).softmax(-1)[..., 0]


def test_it_is_antisymmetric() -> None:
    model = PreferenceModel(SMALL, ENV)
    a, b = (segments(torch.randn(7, 4)) for _ in range(2))
    assert torch.allclose(chance(model, a, b) + chance(model, b, a), torch.ones(7), atol=1e-6)
    assert torch.allclose(chance(model, a, a), torch.full((7,), 0.5))


def test_padding_does_not_count() -> None:
    model = PreferenceModel(SMALL, ENV)
    obs = torch.randn(5, 6)
    padded = obs.clone()
    padded[:, 4:] = 9.0
    length, other = torch.full((5,), 4), segments(torch.randn(5, 6))
    assert torch.equal(*(chance(model, segments(x, length), other) for x in (obs, padded)))


def test_what_terminated_has_less_and_what_was_cut_off_has_not() -> None:
    """Weights of 2 of 4 steps: a quarter each after a termination, a half each where the window was merely short."""
    obs, length = torch.zeros(2, 4), torch.tensor([2, 2])
    model = PreferenceModel(SMALL, ENV)
    model.observe_fragments(segments(obs, length, torch.tensor([True, False])))
    assert model.queue_weight.tolist() == [[0.25, 0.25, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0]]


def test_log_odds_by_hand() -> None:
    """Two steps, sums (1, 2, 4) and (0, 6, 3): 1 - 0 + (2 * 3 - 6 * 4) / 2 = -8."""
    a, b = torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0.0, 6.0, 3.0])
    assert logit(a, b, 2).item() == pytest.approx(-8.0)
    assert logit(b, a, 2).item() == pytest.approx(8.0)
    assert against(torch.tensor([5.0, 1.0, 2.0, 3.0, 4.0])).tolist() == [1.0, 3.0, 4.0, -1.0, -2.0]


@pytest.mark.parametrize("num_cycles", [0, 1, 2])
def test_a_circle_is_learned_with_cycles_and_not_without(num_cycles: int) -> None:
    """-1 beats 0, 0 beats 1, 1 beats -1; a score is right about two thirds at best."""
    kinds = torch.tensor([-1.0, 0.0, 1.0])
    pairs = torch.randint(3, (300, 2), generator=torch.Generator().manual_seed(0))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    first_wins = (pairs[:, 1] - pairs[:, 0]) % 3 == 1
    model = PreferenceModel(replace(SMALL, num_cycles=num_cycles), ENV)
    report = model.fit(asked(kinds[pairs], first_wins))
    assert report.accuracy > 0.95 if num_cycles else report.accuracy < 0.8
    assert report.num_preferences == len(pairs)


def test_ties_are_learned_as_such() -> None:
    kinds = torch.rand(100, 2, generator=torch.Generator().manual_seed(0))
    told = asked(kinds, torch.ones(100, dtype=torch.bool))
    ties = Comparison.of(torch.zeros(100, dtype=torch.long), 2, torch.ones(100, dtype=torch.bool))
    model = PreferenceModel(SMALL, ENV)
    report = model.fit(replace(told, answers=ties))
    assert report.loss == pytest.approx(log(2), abs=0.02)
    assert report.calibration_error < 0.1


def test_reward_sums_to_the_log_odds_against_the_queue() -> None:
    """Of 5 fragments the queue keeps the latest 3; sums of rewards differ as the mean log odds against these do."""
    model = PreferenceModel(replace(SMALL, queue=3), ENV)
    fragments = segments(torch.randn(5, 4))
    model.observe_fragments(fragments[:2])
    model.observe_fragments(fragments[2:])
    others = segments(torch.randn(6, 4))
    for member in range(2):
        odds = [chance(model, others, fragment[None].map(lambda x: x.repeat(6, *[1] * (x.dim() - 1))), member).logit()
                for fragment in (fragments[i] for i in (2, 3, 4))]  # fmt: skip
        expected = torch.stack(odds).mean(0)
        rewards = model.reward(others)[member].sum(-1)  # not normalised before a fit
        assert torch.allclose(rewards - rewards[0], expected - expected[0], atol=1e-4)


def test_pairs_are_scored_as_choices_were_fitted() -> None:
    """Whoever is met: the softmax of the scores is P(a > b), of a single pair, too."""
    model = PreferenceModel(SMALL, ENV)
    pairs = segments(torch.randn(3, 5, 2, 4))
    flat = pairs.map(lambda x: x.flatten(0, 1))
    expected = [chance(model, flat[:, 0], flat[:, 1], member) for member in range(2)]
    scores = model.score(pairs)
    assert torch.allclose(scores.softmax(-1)[..., 0], torch.stack(expected).view(2, 3, 5))
    assert torch.allclose(model.score(pairs[0, 0]), scores[:, 0, 0])
    with pytest.raises(ValueError, match="show two at a time"):
        model.score(pairs[:, 0, 0])


def test_all_members_in_one_product_are_each_by_itself() -> None:
    model = PreferenceModel(SMALL, ENV)
    pairs = segments(torch.randn(5, 2, 4), torch.tensor([[4, 2]] * 5))
    inputs = model.inputs(pairs)
    together = model.members.scores(None, inputs.expand(2, *inputs.shape), pairs.mask.expand(2, *pairs.mask.shape))
    alone = torch.stack([model.members.scores(e, inputs, pairs.mask) for e in range(2)])
    assert torch.allclose(together, alone, atol=1e-6)


@pytest.mark.parametrize("num_cycles", [0, 1, 2])
def test_one_answer_is_enough(num_cycles: int) -> None:
    """Members 1 and 2 hold nothing out."""
    told = asked(torch.tensor([[0.0, 1.0]]), torch.ones(1, dtype=torch.bool))
    model = PreferenceModel(replace(SMALL, num_members=3, num_cycles=num_cycles), ENV)
    model.fit(told)
    assert model.reward(told.queries.options).isfinite().all()


def test_with_nobody_to_meet_the_score_is_rewarded() -> None:
    """Before anything was seen, r = u."""
    model = PreferenceModel(SMALL, ENV)
    seen = segments(torch.randn(3, 4))
    u = model.run(model.inputs(seen).flatten(0, 1)).view(2, 12, -1)[..., 0]
    assert torch.allclose(model.reward(seen), u.view(2, 3, 4))


def test_who_goes_round_is_rewarded_for_what_beats_the_queue() -> None:
    """-1 beats 0, 0 beats 1, 1 beats -1: against a queue of one kind, that which beats it is rewarded best."""
    kinds = torch.tensor([-1.0, 0.0, 1.0])
    pairs = torch.randint(3, (300, 2), generator=torch.Generator().manual_seed(0))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    model = PreferenceModel(SMALL, ENV)
    model.fit(asked(kinds[pairs], (pairs[:, 1] - pairs[:, 0]) % 3 == 1))
    for kind in range(3):
        model.observe_fragments(segments(kinds[kind].expand(64, 4)))
        rewards = model.reward(segments(kinds.unsqueeze(-1).expand(-1, 4))).mean((0, -1))
        assert rewards.argmax() == (kind - 1) % 3
        assert rewards.argmin() == (kind + 1) % 3


def test_the_truth_is_not_seen() -> None:
    told = asked(torch.rand(40, 2, generator=torch.Generator().manual_seed(0)), torch.ones(40, dtype=torch.bool))
    options = told.queries.options
    weights = list[dict[str, Any]]()
    for reward in (torch.zeros(options.action.shape[:-1]), torch.ones(options.action.shape[:-1])):
        model = PreferenceModel(SMALL, ENV)
        model.fit(replace(told, queries=replace(told.queries, options=replace(options, reward=reward))))
        weights.append(model.weights())
    assert all(torch.equal(x, y) for x, y in zip(weights[0].values(), weights[1].values()))


def test_it_goes_on_where_it_was_stopped() -> None:
    told = asked(torch.rand(40, 2, generator=torch.Generator().manual_seed(0)), torch.ones(40, dtype=torch.bool))
    never, stopped, gone_on = (PreferenceModel(SMALL, ENV) for _ in range(3))
    for model in (never, stopped):
        model.observe_fragments(segments(torch.ones(3, 4)))
        model.fit(told)
    gone_on.load_state_dict(stopped.state_dict())
    never.fit(told)
    gone_on.fit(told)
    assert all(torch.equal(x, y) for x, y in zip(never.weights().values(), gone_on.weights().values()))


def test_three_options_are_refused() -> None:
    queries = Queries.of(segments(torch.zeros(2, 3, 4)))
    told = Preferences.of(queries, Comparison.of(torch.zeros(2, dtype=torch.long), 3), RaterInfo(name="a test"))
    with pytest.raises(ValueError, match="ask about two at a time"):
        PreferenceModel(SMALL, ENV).fit(told)


def test_before_there_are_fragments_of_ones_own_it_compares_with_what_was_asked_about() -> None:
    """With that of the last fit, until somebody watches; then with nothing else."""
    told = asked(torch.rand(40, 2, generator=torch.Generator().manual_seed(0)), torch.ones(40, dtype=torch.bool))
    model = PreferenceModel(SMALL, ENV)
    model.fit(told)
    first = model.queue
    assert len(first) == 64  # of 80
    model.fit(told[:20])
    assert len(model.queue) == 40 and torch.equal(
        model.queue[-8:, 0, 0], told[:20].queries.options.obs[-4:, :, 0, 0].flatten()
    )
    before = model.reward(told.queries.options)
    model.observe_fragments(segments(torch.full((3, 4), 5.0)))  # another queue, and another reward
    assert len(model.queue) == 3
    assert not torch.allclose(model.reward(told.queries.options), before)
    model.fit(told)
    assert len(model.queue) == 3
