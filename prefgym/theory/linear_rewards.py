"""Linear rewards learned from preferences over tabular segments, under two models of human preferences.

Partial return (Christiano et al., arXiv:1706.03741): P(1 over 2) = logistic(sum r_1 - sum r_2).
Regret (Knox et al., arXiv:2206.02231): P(1 over 2) = logistic(regret_2 - regret_1), whose V* is a
soft maximum over the values of some policies, V(s) = sum_i softmax_i(psi_i(s) w / T) psi_i(s) w, with psi_i their
successor features.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from prefgym.common.limits import Count, Positive, check
from prefgym.theory.mdp import FloatArray, TabularMDP, TabularSegments, discounts

Score = Callable[[Tensor], Tensor]
"""From weights (F,) to the score of each segment (N,)."""


@dataclass(frozen=True, kw_only=True)
class LinearCfg:
    """Settings of the fit of the weights."""

    learning_rate: Positive = 0.5
    """Learning rate of Adam on all pairs at once; it falls linearly to 0."""
    gradient_steps: Count = 3000
    """Largest number of steps of Adam."""
    patience: Count = 1000
    """Steps without a relative improvement of the loss of 1e-8 after which the fit stops."""
    temperature: Positive = 0.001
    """Temperature of the soft maximum over policies, in units of return."""
    num_policies: Count = 300
    """Number of random rewards whose best policies enter the soft maximum."""

    __post_init__ = check


def score_partial_return(segments: TabularSegments, gamma: float) -> Score:
    """Score by sum_t gamma^t phi_t w."""
    phi = torch.as_tensor(discounted(segments, gamma))
    return lambda weights: phi @ weights


def score_regret(segments: TabularSegments, psi: FloatArray, gamma: float, temperature: float) -> Score:
    """Score by minus the deterministic regret: sum_t gamma^t phi_t w + gamma^T V(s_T) - V(s_0).

    Args:
        segments: Segments from a deterministic environment.
        psi: Successor features of some policies. Shape: (I, S, F).
        gamma: Discount per step.
        temperature: Temperature of the soft maximum.
    """
    phi, known = torch.as_tensor(discounted(segments, gamma)), torch.as_tensor(psi)
    first, last = torch.as_tensor(segments.states[:, 0]), torch.as_tensor(segments.states[:, -1])
    rest = gamma ** segments.actions.shape[1]

    def score(weights: Tensor) -> Tensor:
        values = known @ weights  # (I, S)
        value = ((values / temperature).softmax(0) * values).sum(0)
        return phi @ weights + rest * value[last] - value[first]

    return score


def discounted(segments: TabularSegments, gamma: float) -> FloatArray:
    """Sum features over the steps: sum_t gamma^t phi_t. Shape: (N, F)."""
    return np.einsum("ntf,t->nf", segments.features, discounts(segments, gamma))


def fit_weights(score: Score, num_features: int, pairs: Tensor, choice: Tensor, cfg: LinearCfg) -> FloatArray:
    """Maximise the likelihood of choices between segments.

    Args:
        score: Score of the segments under given weights.
        num_features: F.
        pairs: Indices of the compared segments. Shape: (B, 2).
        choice: Share of the choice on the first; a tie has 1/2. Shape: (B,).
        cfg: Settings of the optimiser.

    Returns:
        The weights of the lowest loss. Shape: (F,).
    """
    weights = torch.zeros(num_features, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([weights], lr=cfg.learning_rate)
    best, lowest, last_gain = weights.detach().clone(), float("inf"), 0
    for step in range(cfg.gradient_steps):
        optimizer.param_groups[0]["lr"] = cfg.learning_rate * (1 - step / cfg.gradient_steps)
        scores = score(weights)[pairs]
        # -log P, summed over both options
        loss = torch.nn.functional.binary_cross_entropy_with_logits(scores[:, 0] - scores[:, 1], choice)
        if (value := float(loss.detach())) < lowest * (1 - 1e-8):
            best, lowest, last_gain = weights.detach().clone(), value, step
        if step - last_gain > cfg.patience:
            break
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()  # pyright: ignore[reportUnknownMemberType]
    return best.numpy()


def policies_for_random_rewards(mdp: TabularMDP, num: int, generator: np.random.Generator) -> FloatArray:
    """Solve an environment for random rewards of several orders of magnitude, independent of its true reward.

    Returns:
        Successor features of the distinct policies. Shape: (I, S, F), I at most `num`.
    """
    size = (num, len(mdp.weights))
    weights = generator.choice([-1.0, 1.0], size) * 10 ** generator.uniform(-1, 2, size)
    policies = np.unique([mdp.with_reward(row).solve().policy for row in weights], axis=0)
    return np.stack([mdp.successor_features(policy) for policy in policies])
