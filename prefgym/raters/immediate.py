"""Raters who answer at once: all that is simulated."""

import json
import math
from abc import ABC, abstractmethod
from dataclasses import asdict
from typing import Any

import torch

from prefgym.common.states import State
from prefgym.core.preferences import Preferences
from prefgym.core.queries import Queries


def in_words(cfg: Any) -> dict[str, Any]:  # noqa: ANN401
    """Write the settings of a rater as they come back from a file: tuples as lists, paths and infinity as words."""
    told: dict[str, Any] = json.loads(json.dumps(asdict(cfg), default=str))
    return {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in told.items()
    }


def require_reward(has_reward: bool) -> None:
    """Refuse to judge by a task reward where there is none.

    Raises:
        ValueError: If so.
    """
    if not has_reward:
        raise ValueError("it judges by the task reward, and this environment has none")


class ImmediateRater(ABC):
    """A rater who is called with queries and returns the answers; what is submitted is answered at once."""

    def __init__(self) -> None:
        self._answered: list[Preferences] = []

    @abstractmethod
    def __call__(self, queries: Queries) -> Preferences:
        """Answer at once.

        Raises:
            ValueError: If the queries carry nothing to judge by.
        """

    def submit(self, queries: Queries) -> None:
        """Answer the questions; `collect` hands the answers out.

        Raises:
            ValueError: If the queries carry nothing to judge by.
        """
        self._answered.append(self(queries))

    def collect(self) -> Preferences | None:
        """Return the answers to what was submitted since the last call, or None."""
        answered, self._answered = self._answered, []
        return Preferences.cat(answered) if answered else None


class SeededRater(ImmediateRater):
    """A rater whose only state is a generator, which is its own."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(seed)

    def state_dict(self) -> State:
        """Return the state to resume from, once what was submitted is collected."""
        return {"generator": self.generator.get_state()}

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
        self.generator.set_state(state["generator"])


PromptRater = ImmediateRater  # the name of 0.1, kept for one release
