"""Runs a policy in environments, and keeps its state between steps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from prefgym.common.states import State
from prefgym.core import contact
from prefgym.core.arrays import Array, PolicyState
from prefgym.core.protocols import Policy

Act = Callable[[Array, Array], Array]
"""Function from observations (N, O) and starts of episodes (N,) to actions (N, A)."""


@dataclass(frozen=True)
class FunctionPolicy:
    """Any function of observations, as a policy."""

    function: Callable[[Array], Array]
    """Shapes: (N, O) to (N, A)."""

    def predict(
        self,
        observation: Array,
        /,
        state: PolicyState = None,
        episode_start: Array | None = None,
        deterministic: bool = False,
    ) -> tuple[Array, PolicyState]:
        """Call the function, which has no state."""
        del episode_start, deterministic
        return self.function(observation), state


class PolicyRunner:
    """Runs a policy in N environments; recurrent policies and those that plan ahead have a state, as in SB3."""

    def __init__(self, policy: Policy, *, deterministic: bool = True) -> None:
        """Start without a state.

        Args:
            policy: The policy.
            deterministic: Whether to return the most likely actions.
        """
        self.policy, self.deterministic = policy, deterministic
        self._memory: PolicyState = None

    def act(self, obs: Array, begins: Array) -> Array:
        """Return actions, and keep the state of the policy.

        Args:
            obs: Observations. Shape: (N, O).
            begins: Whether an episode begins. Shape: (N,), bool.

        Returns:
            Shape: (N, A).
        """
        action, self._memory = contact.predict(self.policy, obs, self._memory, begins, self.deterministic)
        return action

    def peek(self, obs: Array) -> Array:
        """Return actions for the observations after a step, without a change of the state. Shapes: (N, O) to (N, A)."""
        begins = np.zeros(len(obs), np.bool_)
        return contact.predict(self.policy, obs, self._memory, begins, self.deterministic)[0]

    def follow(self, obs: Array) -> Array:
        """Return actions at each step of recorded episodes. Shapes: (D, T, O) to (D, T, A)."""
        steps = range(obs.shape[1])
        return np.stack([self.act(obs[:, step], np.full(len(obs), step == 0)) for step in steps], 1)

    def forget(self) -> None:
        """Drop the state of the policy."""
        self._memory = None

    def state_dict(self) -> State:
        """Return the state to resume from."""
        return {"memory": None if self._memory is None else {str(i): x for i, x in enumerate(self._memory)}}

    def load_state_dict(self, state: State) -> None:
        """Restore the state that `state_dict` returned."""
        memory: Mapping[str, torch.Tensor] | None = state["memory"]
        kept = None if memory is None else [torch.as_tensor(memory[str(i)]).numpy() for i in range(len(memory))]
        self._memory = None if kept is None else tuple(kept)


def in_turn(acts: Sequence[Act]) -> Act:
    """Assign policies to environments in turn: the first to environment 0, the next to 1, and so on, cyclically."""

    def act(obs: Array, begins: Array) -> Array:
        index = np.arange(len(obs))
        return np.stack([one(obs, begins) for one in acts])[index % len(acts), index]

    return act
