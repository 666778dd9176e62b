"""CPL: its loss against numbers worked out by hand and a slow reference, and what it learns where the best is known."""

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from math import exp, log
from typing import Any

import pytest
import torch
from gymnasium.vector import VectorEnv
from torch import Tensor

from prefgym.agents.cpl import CPL, CPLCfg, choices, contrastive_loss, kl
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Ranking
from prefgym.core.likelihoods import PlackettLuce
from prefgym.core.preferences import Comparison, Preferences
from prefgym.nn.actor import ActorCfg
from prefgym.rl.offline import OfflineData

MakeEnv = Callable[..., VectorEnv[Any, Any, Any]]

SMALL = CPLCfg(
    actor=ActorCfg(head="deterministic", hidden=(32,)), learning_rate=3e-3, batch_size=64, alpha=1.0, num_queries=16
)


def slow(advantage: Tensor, choice: Tensor, lam: float) -> float:
    """Go through queries and options one by one."""
    total = 0.0
    for scores, shares in zip(advantage.tolist(), choice.tolist()):
        for k, share in enumerate(shares):
            others = sum(exp(lam * score) for j, score in enumerate(scores) if j != k)
            total -= share * log(exp(scores[k]) / (exp(scores[k]) + others))
    return total / len(choice)


@pytest.mark.parametrize("lam", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("num_options", [2, 3, 5])
def test_the_loss_is_that_of_the_slow_reference(num_options: int, lam: float) -> None:
    """Among the choices are ties and shares."""
    advantage = torch.randn(7, num_options, dtype=torch.float64)
    choice = torch.rand(7, num_options, dtype=torch.float64)
    choice[0] = 1.0
    choice[1] = torch.eye(num_options, dtype=torch.float64)[1]
    choice /= choice.sum(-1, keepdim=True)
    assert contrastive_loss(advantage, choice, lam).item() == pytest.approx(slow(advantage, choice, lam))


def test_numbers_by_hand() -> None:
    """Chosen at 1 against 2, lambda 1/2: softplus(1 - 1) = log 2. A tie at 0 and 0: log 2, whichever was chosen."""
    chosen, tie = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.5, 0.5]])
    assert contrastive_loss(torch.tensor([[1.0, 2.0]]), chosen, 0.5).item() == pytest.approx(log(2))
    assert contrastive_loss(torch.zeros(1, 2), tie, 0.5).item() == pytest.approx(log(2))
    # a tie at 1 and 2 with lambda 1: (log(1 + e) + log(1 + 1/e)) / 2
    expected = (log(1 + exp(1)) + log(1 + exp(-1))) / 2
    assert contrastive_loss(torch.tensor([[1.0, 2.0]]), tie, 1.0).item() == pytest.approx(expected)


def test_a_ranking_is_a_sequence_of_choices() -> None:
    """Advantages 0, log 2 and log 3, ranked in the order 2, 0, 1, by hand.

    lambda 1: first 3 among 3 + 1 + 2, then 1 among 1 + 2, then what is left: -log(3/6 * 1/3) = log 6.
    lambda 0 counts each other option as 1: -log(3/5 * 1/2) = log(10/3).
    Only option 2 ranked: -log(3/6) = log 2. Options 2 and 0 tied at the top, lambda 1: -log(3/6 * 1/6) = log 12.
    """
    advantage = torch.tensor([[0.0, log(2), log(3)]])
    answered = torch.zeros(1, dtype=torch.long)

    def loss(rank: list[int], lam: float) -> float:
        chosen, left = choices(Ranking(status=answered, rank=torch.tensor([rank])))
        return contrastive_loss(advantage, chosen, lam, left).item()

    assert loss([1, 2, 0], 1.0) == pytest.approx(log(6))
    assert loss([1, 2, 0], 0.0) == pytest.approx(log(10 / 3))
    assert loss([-1, -1, 0], 1.0) == pytest.approx(log(2))
    assert loss([0, 2, 0], 1.0) == pytest.approx(log(12))


def test_with_lambda_one_a_ranking_has_the_likelihood_of_plackett_and_luce() -> None:
    """Gradients too, though the last option has no others."""
    advantage = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    rank = torch.tensor([[0, 1, 2, 3], [3, 1, 0, 2], [0, -1, -1, 1], [0, 0, 2, 2], [2, 0, 1, -1]])
    ranking = Ranking(status=torch.zeros(5, dtype=torch.long), rank=rank)
    chosen, left = choices(ranking)
    ours = contrastive_loss(advantage, chosen.double(), 1.0, left)
    theirs = -PlackettLuce().log_prob(advantage, ranking, {}).mean()
    mine, reference = (torch.autograd.grad(one, advantage)[0] for one in (ours, theirs))
    assert torch.allclose(ours, theirs) and torch.allclose(mine, reference)


def test_rankings_are_learned_from(make_env: MakeEnv, preferences: Preferences) -> None:
    """Of two options, a ranking says what a choice does: the policies are the same to the bit, in any mix."""
    best = preferences.answers.choice.argmax(-1)
    ranking = Ranking.of(torch.stack([best, 1 - best], -1))
    ranked = Preferences.of(preferences.queries, ranking, preferences.raters[0])
    mixed = Feedback.cat([preferences[:32], ranked[32:]])
    metrics = [
        CPL(SMALL, make_env(), data=OfflineData(preferences=given)).advance(20, 0.5)
        for given in (preferences, ranked, mixed)
    ]
    assert metrics[0] == metrics[1] == metrics[2]


def test_with_lambda_one_it_is_bradley_terry() -> None:
    advantage, choice = torch.randn(5, 2), torch.eye(2)[torch.tensor([0, 1, 1, 0, 1])]
    expected = -(choice * advantage.log_softmax(-1)).sum(-1).mean()
    assert torch.allclose(contrastive_loss(advantage, choice, 1.0), expected, atol=1e-6)


def test_the_order_of_the_options_does_not_matter() -> None:
    advantage, choice = torch.randn(4, 3), torch.tensor([[0.2, 0.3, 0.5]]).expand(4, 3)
    losses = [contrastive_loss(advantage[:, order], choice[:, order], 0.7) for order in permutations(range(3))]
    assert torch.allclose(torch.stack(losses), losses[0].expand(6))


def test_it_has_the_gradient_that_differences_say() -> None:
    choice = torch.tensor([[0.5, 0.5], [1.0, 0.0], [0.2, 0.8]]).double()
    advantage = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a: contrastive_loss(a, choice, 0.5), (advantage,))


def test_an_update_goes_down_the_loss_of_discounted_log_probabilities(
    make_env: MakeEnv, preferences: Preferences
) -> None:
    """With one query and no dropout, the loss is that of sum_t gamma^t alpha log pi, summed step by step."""
    cfg = replace(SMALL, num_queries=1, gamma=0.5, alpha=0.3, cloning=0.0)
    one = preferences[:1]
    agent = CPL(cfg, make_env(), data=OfflineData(preferences=one))
    scores = list[float]()
    for option in range(2):
        obs, action = one.queries.options.obs[0, option, :-1], one.queries.options.action[0, option]
        distance = (action / 2 - agent.actor(obs)).square().sum(-1).tolist()  # actions of -2..2 are halved
        scores.append(sum(-0.3 * 0.5**step * far for step, far in enumerate(distance)))
    expected = slow(torch.tensor([scores]), one.answers.choice, 0.5)
    assert agent.advance(1, 0.0)["train/contrastive_loss"] == pytest.approx(expected, rel=1e-4)


def test_what_was_preferred_is_learned(make_env: MakeEnv, preferences: Preferences) -> None:
    """Cloning repeats half of the observation, as was done on average; contrasting is much nearer to all of it."""
    obs = torch.linspace(-0.9, 0.9, 19)[:, None]
    error: dict[float, float] = {}
    for cloning in (1.0, 0.4):
        agent = CPL(replace(SMALL, cloning=cloning), make_env(), data=OfflineData(preferences=preferences))
        agent.learn(500)
        error[cloning] = float((torch.as_tensor(agent.predict(obs, deterministic=True)[0]) - obs).square().mean())
    assert error[1.0] == pytest.approx(0.25 * float(obs.square().mean()), rel=0.3)
    assert error[0.4] < 0.5 * error[1.0]


@pytest.mark.parametrize("total", [1, 7, 150, 1000])
@pytest.mark.parametrize("callback", [None, lambda *_: True])
def test_it_clones_first_and_then_contrasts_for_good(
    total: int,
    callback: Callable[..., bool] | None,
    make_env: MakeEnv,
    preferences: Preferences,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two fifths of the updates clone, rounded up, however many are taken at once; those of a second `learn` do not."""
    agent = CPL(SMALL, make_env(), data=OfflineData(preferences=preferences))
    parts = list[str]()
    zero = torch.zeros(2)
    monkeypatch.setattr(agent, "_clone", lambda: parts.append("clone") or zero[0])
    monkeypatch.setattr(agent, "_contrast", lambda: parts.append("contrast") or zero)
    num_cloned = -(-2 * total // 5)
    agent.learn(total, callback=callback)
    assert parts == ["clone"] * num_cloned + ["contrast"] * (total - num_cloned)
    if total > num_cloned:
        agent.learn(3)
        assert parts[total:] == ["contrast"] * 3


def test_kl_measures_from_the_cloned_policy(make_env: MakeEnv, preferences: Preferences) -> None:
    """At the switch the advantages are 0, whatever was chosen: the loss is log 2 for each query."""
    cfg = replace(kl(), actor=SMALL.actor, num_queries=8)
    agent = CPL(cfg, make_env(), data=OfflineData(preferences=preferences))
    agent.improve(20)
    assert agent.advance(1, 0.5)["train/contrastive_loss"] == pytest.approx(log(2), abs=1e-5)
    assert float(agent.reference.abs().sum()) > 0
    assert agent.advance(50, 0.5)["train/contrastive_loss"] < log(2)


def test_ties_alone_can_be_learned_from(make_env: MakeEnv, preferences: Preferences) -> None:
    """There is no accuracy then, and no NaN in the policy."""
    num = len(preferences)
    answers = Comparison.of(torch.zeros(num, dtype=torch.long), 2, torch.ones(num, dtype=torch.bool))
    agent = CPL(SMALL, make_env(), data=OfflineData(preferences=replace(preferences, answers=answers)))
    metrics = agent.advance(3, 0.9)
    assert metrics["train/accuracy"] != metrics["train/accuracy"]
    assert all(value.isfinite().all() for value in agent.weights().values())


def test_what_cannot_be_learned_from_is_refused(make_env: MakeEnv, preferences: Preferences) -> None:
    skipped = Comparison.of(torch.zeros(64, dtype=torch.long), 2, skipped=torch.ones(64, dtype=torch.bool))
    with pytest.raises(ValueError, match="none that were answered"):
        CPL(SMALL, make_env(), data=OfflineData(preferences=replace(preferences, answers=skipped)))
    options = preferences.queries.options
    length = options.length.clone()
    length[3, 1] = 5
    shorter = replace(preferences, queries=replace(preferences.queries, options=replace(options, length=length)))
    with pytest.raises(ValueError, match="all segments must be of one length"):
        CPL(SMALL, make_env(), data=OfflineData(preferences=shorter))
