"""The policy of agents that learn from records: likelihoods against torch's own, and noise of its own."""

import pytest
import torch
from torch.distributions import Normal

from prefgym.nn.actor import Actor, ActorCfg


def make(seed: int = 0, **settings: object) -> Actor:
    """Make a small one for 3 observations and 2 actions."""
    cfg = ActorCfg(hidden=(16,), **settings)  # pyright: ignore[reportArgumentType]
    return Actor(cfg, 3, 2, torch.Generator().manual_seed(0), torch.Generator().manual_seed(seed))


def test_a_gaussian_is_as_likely_as_torch_says() -> None:
    actor, obs, action = make(log_std_init=-0.5), torch.randn(5, 4, 3), torch.rand(5, 4, 2) * 2 - 1
    expected = Normal(actor(obs), torch.tensor(-0.5).exp()).log_prob(action).sum(-1)
    assert torch.allclose(actor.log_prob(obs, action), expected, atol=1e-5)


def test_a_deterministic_policy_is_as_likely_as_it_is_near() -> None:
    """Of an untrained policy that does nothing, the action (0.3, -0.4) is 0.25 away."""
    actor = make(head="deterministic")
    for parameter in actor.net.parameters():
        torch.nn.init.zeros_(parameter)
    assert actor.log_prob(torch.ones(1, 3), torch.tensor([[0.3, -0.4]])).item() == pytest.approx(-0.25)
    assert not actor.log_std.requires_grad


def test_the_likelihood_of_what_was_drawn_is_told() -> None:
    actor, obs = make(), torch.randn(6, 3)
    action, log_prob = actor.sample(obs)
    assert torch.allclose(log_prob, actor.log_prob(obs, action).detach(), atol=1e-5)
    assert torch.equal(actor.sample(obs, deterministic=True)[0], actor(obs))


def test_noise_and_dropout_come_from_the_generator_alone() -> None:
    obs = torch.randn(6, 3)

    def draw() -> tuple[torch.Tensor, torch.Tensor]:
        actor = make(seed=3, dropout=0.5)
        torch.rand(1)  # the generator that all share plays no part
        return actor.train()(obs), actor.eval().sample(obs)[0]

    assert all(torch.equal(a, b) for a, b in zip(draw(), draw()))


def test_dropout_leaves_out_its_share_only_while_training() -> None:
    """Of 16 hidden units, each is left out in a quarter of 4000 rows; the mean of the sums stays."""
    actor, obs = make(dropout=0.25), torch.randn(1, 3).expand(4000, 3)
    kept = actor.net[:-1](actor.obs_norm(obs))
    active = actor.eval().net[:-1](actor.obs_norm(obs[:1]))[0] > 0
    share = (kept[:, active] == 0).float().mean(0)
    assert ((share - 0.25).abs() < 0.05).all()
    assert torch.allclose(kept.mean(0), actor.net[:-1](actor.obs_norm(obs[:1]))[0], rtol=0.1)
    assert torch.equal(actor(obs[:1]), actor(obs[:1]))


def test_the_likelihood_has_the_gradient_that_differences_say() -> None:
    actor = make(dropout=0.0, activation="tanh").double()
    obs, action = torch.randn(3, 3).double(), torch.randn(3, 2).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda a: actor.log_prob(obs, a), (action,))
