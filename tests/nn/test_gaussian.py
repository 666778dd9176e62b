"""The density of a Gaussian."""

import math

import pytest
import torch

from prefgym.nn.gaussian import gaussian_nll


def test_against_torch() -> None:
    """Torch's own Normal says the same of each number."""
    mean, log_std, action = torch.tensor([0.0, 1.0]), torch.tensor([0.5, -1.0]), torch.tensor([[0.3, 0.7], [2.0, 1.0]])
    known = torch.distributions.Normal(mean, log_std.exp()).log_prob(action)
    torch.testing.assert_close(gaussian_nll((action - mean) / log_std.exp(), log_std), -known)


def test_by_hand() -> None:
    """At the mean, with a deviation of 1, it is log(2 pi) / 2 = 0.9189."""
    assert float(gaussian_nll(torch.zeros(1), torch.zeros(1))) == pytest.approx(0.5 * math.log(2 * math.pi))
    # one deviation away, with a deviation of e: 1 / 2 + 1 + 0.9189 = 2.4189
    assert float(gaussian_nll(torch.ones(1), torch.ones(1))) == pytest.approx(2.4189385)
