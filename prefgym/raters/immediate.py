"""Raters that answer at once: all simulated ones."""

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, ClassVar, cast

import torch

from prefgym.common.errors import UserError
from prefgym.common.states import State, Stateful
from prefgym.core import contact
from prefgym.core.capabilities import Capability, capabilities_of
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Statement
from prefgym.core.preferences import Preferences
from prefgym.core.protocols import Rater
from prefgym.core.queries import Queries

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


Answerer = Callable[[Queries], Feedback | Preferences[Statement]]
"""What can be a rater that answers at once."""


def in_words(cfg: "DataclassInstance") -> dict[str, object]:
    """Convert the settings of a rater to JSON values: tuples to lists, paths and infinity to strings."""
    settings: dict[str, object] = json.loads(json.dumps(asdict(cfg), default=str))
    return {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in settings.items()
    }


def require_reward(has_reward: bool) -> None:
    """Raise if there is no task reward to judge by.

    Raises:
        ValueError: If there is none.
    """
    if not has_reward:
        raise ValueError("it judges by the task reward, and this environment has none")


class ImmediateRater(ABC):
    """A rater that is called with queries and returns the answers; submitted queries are answered at once."""

    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.IMMEDIATE})

    def __init__(self) -> None:
        self._answered: list[Feedback] = []

    @abstractmethod
    def __call__(self, queries: Queries) -> Feedback | Preferences[Statement]:
        """Answer at once.

        Raises:
            ValueError: If the queries lack the data that the rater judges by.
        """

    def submit(self, queries: Queries) -> None:
        """Answer the queries; `collect` returns the answers.

        Raises:
            UserError: If the rater returns anything but one answer to each query.
            ValueError: If the queries lack the data that the rater judges by.
        """
        self._answered.append(contact.answer(self, queries))

    def collect(self) -> Feedback | None:
        """Return the answers to the queries submitted since the last call, or None."""
        answered, self._answered = self._answered, []
        return Feedback.cat(answered) if answered else None


class SeededRater(ImmediateRater):
    """A rater whose only state is a random number generator of its own."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(seed)

    def state_dict(self) -> State:
        """Return the state to resume from; first collect the submitted queries."""
        return {"generator": self.generator.get_state()}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned."""
        self.generator.set_state(state["generator"])


PromptRater = ImmediateRater  # the name of 0.1, kept for one release


class CallableRater(ImmediateRater):
    """A function, or an object with `__call__`, as a rater that answers at once; its state is that of the object."""

    def __init__(self, answer: Answerer) -> None:
        super().__init__()
        self.answer = answer

    def __call__(self, queries: Queries) -> Feedback:
        """Answer at once.

        Raises:
            UserError: If the callable returns anything but one answer to each query.
        """
        return contact.answer(self.answer, queries)

    def state_dict(self) -> State:
        """Return the state of the object; a function has none."""
        return cast(Stateful, self.answer).state_dict() if self._has_state else {}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned."""
        if self._has_state:
            cast(Stateful, self.answer).load_state_dict(state)

    @property
    def _has_state(self) -> bool:
        return Capability.STATEFUL in capabilities_of(self.answer)


def as_rater(rater: Rater | Answerer) -> Rater:
    """Return a rater as it is, and a plain callable as a rater that answers at once.

    Raises:
        UserError: If it is neither.
    """
    if isinstance(rater, Rater):
        return rater
    if callable(rater):
        return CallableRater(rater)
    raise UserError(f"{type(rater).__name__} is no rater: it is not callable, and has no submit() and collect()")
