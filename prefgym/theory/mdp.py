"""Tabular environments: exact values by dynamic programming, and segments as indices.

An environment has S states, A actions, M outcomes of each action, and F reward features; the reward of an outcome is
linear in its features. Terminal states lead to themselves and have no features.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self, cast

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False, kw_only=True)
class TabularMDP:
    """A tabular Markov decision process.

    Raises:
        ValueError: If shapes do not fit, probabilities do not sum to 1, or a terminal state can be left or
            has features.
    """

    next_state: IntArray
    """Next state of each outcome. Shape: (S, A, M)."""
    probability: FloatArray
    """Probability of each outcome. Shape: (S, A, M)."""
    features: FloatArray
    """Features of each outcome. Shape: (S, A, M, F)."""
    weights: FloatArray
    """Reward of each feature. Shape: (F,)."""
    is_terminal: BoolArray
    """Whether a state is terminal. Shape: (S,)."""
    is_start: BoolArray
    """Whether episodes may start in a state, each start being equally likely. Shape: (S,)."""
    gamma: float = 0.999
    """Discount per step."""

    def __post_init__(self) -> None:
        shape = self.next_state.shape
        if self.probability.shape != shape or self.features.shape != (*shape, *self.weights.shape):
            raise ValueError("outcomes, their probabilities and their features do not fit together")
        if not np.allclose(self.probability.sum(-1), 1.0):
            raise ValueError("the probabilities of the outcomes of an action must sum to 1")
        here = np.arange(self.num_states)
        stays = self.next_state == here[:, None, None]
        if not stays[self.is_terminal].all() or self.features[self.is_terminal].any():
            raise ValueError("a terminal state must lead to itself and have features of 0")
        if (self.is_start & self.is_terminal).any() or not self.is_start.any():
            raise ValueError("there must be states to start from, none of them terminal")

    @property
    def num_states(self) -> int:
        """Return S."""
        return self.next_state.shape[0]

    @property
    def num_actions(self) -> int:
        """Return A."""
        return self.next_state.shape[1]

    @cached_property
    def expected_features(self) -> FloatArray:
        """Return the expected features of each action. Shape: (S, A, F)."""
        return np.einsum("sam,samf->saf", self.probability, self.features)

    @cached_property
    def transition(self) -> FloatArray:
        """Return the probabilities of the next states. Shape: (S, A, S)."""
        p = np.zeros((self.num_states, self.num_actions, self.num_states))
        state, action, _ = np.indices(self.next_state.shape)
        np.add.at(p, (state, action, self.next_state), self.probability)
        return p

    @property
    def uniform(self) -> FloatArray:
        """Return the policy that takes each action equally often. Shape: (S, A)."""
        return np.full((self.num_states, self.num_actions), 1 / self.num_actions)

    def with_reward(self, weights: FloatArray) -> Self:
        """Return the same environment with another reward."""
        return replace(self, weights=np.asarray(weights, float))

    def successor_features(self, policy: FloatArray) -> FloatArray:
        """Return the expected discounted features of a policy: psi = phi + gamma P psi.

        Args:
            policy: Probability of each action. Shape: (S, A).

        Returns:
            The successor features of each state. Shape: (S, F).
        """
        p = np.einsum("sa,sat->st", policy, self.transition)
        phi = np.einsum("sa,saf->sf", policy, self.expected_features)
        return cast(FloatArray, np.linalg.solve(np.eye(self.num_states) - self.gamma * p, phi))

    def value(self, policy: FloatArray) -> FloatArray:
        """Return the discounted return of a policy from each state. Shape: (S,)."""
        return self.successor_features(policy) @ self.weights

    def action_value(self, value: FloatArray) -> FloatArray:
        """Return r(s, a) + gamma E[V(s')]. Shape: (S, A)."""
        with_reward: FloatArray = self.expected_features @ self.weights
        return with_reward + self.gamma * (self.transition @ value)

    def solve(self) -> "Solution":
        """Find the best policy, its values, and those of all actions, by policy iteration (Howard, 1960)."""
        states = np.arange(self.num_states)
        chosen = cast(IntArray, self.action_value(self.value(self.uniform)).argmax(-1))
        while True:
            policy = np.eye(self.num_actions)[chosen]
            value = self.value(policy)
            action_value = self.action_value(value)
            best = action_value.max(-1)
            # an action changes only for a gain beyond rounding errors, so that the iteration ends
            gains = best > action_value[states, chosen] + 1e-9 * np.maximum(1.0, np.abs(best))
            if not gains.any():
                return Solution(value=value, action_value=action_value, policy=policy)
            chosen = cast(IntArray, np.where(gains, action_value.argmax(-1), chosen))

    def mean_return(self, policy: FloatArray) -> float:
        """Return the discounted return of a policy, averaged over the starts."""
        return float(self.value(policy)[self.is_start].mean())

    def scaled_return(self, policy: FloatArray) -> float:
        """Return the return of a policy, scaled so that the uniform policy has 0 and the best one 1."""
        low, high = self.mean_return(self.uniform), self.mean_return(self.solve().policy)
        return (self.mean_return(policy) - low) / (high - low)

    def segments(self, num: int, length: int, generator: np.random.Generator) -> "TabularSegments":
        """Sample segments of uniformly random actions that begin in start states.

        Args:
            num: Number of segments.
            length: Actions of each segment; those after a terminal state have no effect.
            generator: Source of the random numbers.
        """
        states = np.zeros((num, length + 1), np.int64)
        states[:, 0] = generator.choice(np.flatnonzero(self.is_start), num)
        actions = generator.integers(self.num_actions, size=(num, length))
        features = np.zeros((num, length, len(self.weights)))
        for step in range(length):
            here = states[:, step], actions[:, step]
            outcome = (generator.random((num, 1)) > self.probability[here].cumsum(-1)[:, :-1]).sum(-1)
            states[:, step + 1] = self.next_state[(*here, outcome)]
            features[:, step] = self.features[(*here, outcome)]
        return TabularSegments(states=states, actions=actions, features=features)


@dataclass(frozen=True, eq=False, kw_only=True)
class Solution:
    """The optimal values and policy of an environment."""

    value: FloatArray
    """V*. Shape: (S,)."""
    action_value: FloatArray
    """Q*. Shape: (S, A)."""
    policy: FloatArray
    """A best policy, deterministic. Shape: (S, A)."""


@dataclass(frozen=True, eq=False, kw_only=True)
class TabularSegments:
    """N segments of T actions each."""

    states: IntArray
    """States, the last one included. Shape: (N, T+1)."""
    actions: IntArray
    """Actions. Shape: (N, T)."""
    features: FloatArray
    """Features of the outcomes. Shape: (N, T, F)."""

    def __len__(self) -> int:
        return len(self.states)


def discounts(segments: TabularSegments, gamma: float) -> FloatArray:
    """Return gamma^t for each step. Shape: (T,)."""
    steps = np.arange(int(segments.actions.shape[1]))
    return cast(FloatArray, gamma**steps)


def partial_return(segments: TabularSegments, weights: FloatArray, gamma: float) -> FloatArray:
    """Return sum_t gamma^t r_t. Shape: (N,)."""
    discount = discounts(segments, gamma)
    return (segments.features @ weights) @ discount


def regret(segments: TabularSegments, solution: Solution, gamma: float) -> FloatArray:
    """Return the regret of segments, compared with optimal actions (Knox et al., arXiv:2206.02231, eq. 4).

    regret = sum_t gamma^t [V*(s_t) - Q*(s_t, a_t)]; in a deterministic environment this is
    V*(s_0) - sum_t gamma^t r_t - gamma^T V*(s_T). Shape: (N,).
    """
    discount = discounts(segments, gamma)
    before = segments.states[:, :-1]
    return (solution.value[before] - solution.action_value[before, segments.actions]) @ discount
