"""A policy in environments: it acts step after step, and what it remembers is kept between the steps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch

from prefgym.common.states import State
from prefgym.core.protocols import Policy

Array = npt.NDArray[Any]
Act = Callable[[Array, Array], Array]
"""Observations (N, O), and where episodes begin (N,), to actions (N, A)."""


@dataclass(frozen=True)
class FunctionPolicy:
    """Any function of observations, as a policy."""

    function: Callable[[Array], Array]
    """Shapes: (N, O) to (N, A)."""

    def predict(
        self,
        observation: Any,  # noqa: ANN401
        /,
        state: Any = None,  # noqa: ANN401
        episode_start: Any = None,  # noqa: ANN401
        deterministic: bool = False,
    ) -> tuple[Array, Any]:
        """Ask the function; it remembers nothing, and may draw what it likes."""
        del episode_start, deterministic
        return self.function(observation), state


class PolicyRunner:
    """A policy that acts in N envs; recurrent ones, and those that plan ahead, remember what SB3 calls a state."""

    def __init__(self, policy: Policy, *, deterministic: bool = True) -> None:
        """Begin without a memory.

        Args:
            policy: Whoever acts.
            deterministic: Whether the most likely actions are chosen.
        """
        self.policy, self.deterministic = policy, deterministic
        self._memory: tuple[Array, ...] | None = None

    def act(self, obs: Array, begins: Array) -> Array:
        """Choose actions, and remember what it takes to go on.

        Args:
            obs: Shape: (N, O).
            begins: Where an episode begins. Shape: (N,), bool.

        Returns:
            Shape: (N, A).
        """
        action, self._memory = self.policy.predict(obs, self._memory, begins, deterministic=self.deterministic)
        return np.asarray(action)

    def peek(self, obs: Array) -> Array:
        """Choose actions for where the last ones have led to, and remember nothing. Shapes: (N, O) to (N, A)."""
        begins = np.zeros(len(obs), np.bool_)
        return np.asarray(self.policy.predict(obs, self._memory, begins, deterministic=self.deterministic)[0])

    def follow(self, obs: Array) -> Array:
        """Choose actions at each step of recorded episodes, whatever was done there. Shapes: (D, T, O) to (D, T, A)."""
        steps = range(obs.shape[1])
        return np.stack([self.act(obs[:, step], np.full(len(obs), step == 0)) for step in steps], 1)

    def forget(self) -> None:
        """Remember nothing."""
        self._memory = None

    def state_dict(self) -> State:
        """Return what is remembered."""
        return {"memory": None if self._memory is None else {str(i): x for i, x in enumerate(self._memory)}}

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
        memory = cast("dict[str, Any] | None", state["memory"])
        kept = None if memory is None else [torch.as_tensor(memory[str(i)]).numpy() for i in range(len(memory))]
        self._memory = None if kept is None else tuple(kept)


def in_turn(acts: Sequence[Act]) -> Act:
    """Let each act in the envs of its turn: the first in environment 0, the next in environment 1, and round again."""

    def act(obs: Array, begins: Array) -> Array:
        index = np.arange(len(obs))
        return np.stack([one(obs, begins) for one in acts])[index % len(acts), index]

    return act
