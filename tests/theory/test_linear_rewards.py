"""Linear rewards: what the two models make of preferences by regret."""

import numpy as np
import pytest
import torch

from prefgym.envs.grid import grid_mdp
from prefgym.theory.linear_rewards import (
    LinearCfg,
    discounted,
    fit_weights,
    policies_for_random_rewards,
    score_partial_return,
    score_regret,
)
from prefgym.theory.mdp import TabularSegments, partial_return, regret

WEIGHTS = np.array([-1.0, 10.0, -50.0, 1.0, -1.0, -2.0])
BOARD = np.array([[0, 0, 3, 0], [5, 2, 6, 6], [0, 0, 0, 1]])
MDP = grid_mdp(BOARD, WEIGHTS)


def test_scores_are_what_they_say() -> None:
    """Partial return is the sum; with the best policy among those known, the other score is minus the regret."""
    segments = MDP.segments(50, 3, np.random.default_rng(0))
    weights = torch.as_tensor(WEIGHTS)
    returns = score_partial_return(segments, MDP.gamma)(weights).numpy()
    assert returns == pytest.approx(partial_return(segments, WEIGHTS, MDP.gamma))
    best = MDP.successor_features(MDP.solve().policy)
    other = MDP.successor_features(MDP.uniform)
    scores = score_regret(segments, np.stack([other, best]), MDP.gamma, temperature=1e-3)(weights).numpy()
    assert -scores == pytest.approx(regret(segments, MDP.solve(), MDP.gamma), abs=1e-6)


def test_features_are_discounted() -> None:
    """1, 2 and 4 at gamma = 1/2: 1 + 1 + 1."""
    states, actions = np.zeros((1, 4), np.int64), np.zeros((1, 3), np.int64)
    segments = TabularSegments(states=states, actions=actions, features=np.array([[[1.0], [2.0], [4.0]]]))
    assert discounted(segments, 0.5).tolist() == [[3.0]]


def test_policies_know_nothing_of_the_true_reward() -> None:
    """Another reward of the same environment draws the same policies; each is there once."""
    one = policies_for_random_rewards(MDP, 40, np.random.default_rng(1))
    other = policies_for_random_rewards(MDP.with_reward(-WEIGHTS), 40, np.random.default_rng(1))
    assert np.array_equal(one, other)
    assert 5 < len(one) <= 40
    assert one.shape[1:] == (12, 6)


def test_both_learn_from_preferences_of_their_own_kind() -> None:
    """And the best policy for what was learned is nearly the best."""
    generator = np.random.default_rng(2)
    segments = MDP.segments(2000, 3, generator)
    psi = policies_for_random_rewards(MDP, 100, generator)
    pairs = torch.arange(2000).view(-1, 2)
    for score, better in (
        (score_partial_return(segments, MDP.gamma), partial_return(segments, WEIGHTS, MDP.gamma)),
        (score_regret(segments, psi, MDP.gamma, 1e-3), -regret(segments, MDP.solve(), MDP.gamma)),
    ):
        difference = better[0::2] - better[1::2]
        choice = torch.as_tensor(np.where(np.abs(difference) < 1e-9, 0.5, difference > 0))
        weights = fit_weights(score, 6, pairs, choice, LinearCfg(gradient_steps=300))
        assert MDP.scaled_return(MDP.with_reward(weights).solve().policy) > 0.9


def test_the_lowest_loss_counts() -> None:
    """One feature, chosen in 3 of 4 pairs: the weight is log 3, however far the last step overshoots."""
    phi = torch.tensor([[1.0], [0.0]] * 4, dtype=torch.float64)
    choice = torch.tensor([1.0, 1.0, 1.0, 0.0], dtype=torch.float64)
    cfg = LinearCfg(learning_rate=0.05, gradient_steps=500)
    weights = fit_weights(lambda w: phi @ w, 1, torch.arange(8).view(-1, 2), choice, cfg)
    assert weights == pytest.approx([np.log(3)], abs=1e-3)


def test_settings_have_ranges() -> None:

    with pytest.raises(ValueError, match="learning_rate must be above 0"):
        LinearCfg(learning_rate=0.0)
