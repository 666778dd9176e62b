"""Sources: which recorded steps segments are drawn from."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from prefgym.common.limits import Count, check
from prefgym.core.protocols import Recorder


class Source(Protocol):
    """Which recorded steps a segment may start at."""

    def __call__(self, recorder: Recorder, length: int, *, keep_short: bool) -> Tensor:
        """List the starts of segments of at most `length` steps. Shape: (M,), int64."""
        ...


@dataclass(frozen=True)
class AllSteps:
    """Everything that is still recorded."""

    def __call__(self, recorder: Recorder, length: int, *, keep_short: bool) -> Tensor:
        """List the starts of segments of at most `length` steps. Shape: (M,), int64."""
        return recorder.starts(length, keep_short=keep_short)


@dataclass(frozen=True)
class RecentSteps:
    """What the agent did lately, so that queries show its present behaviour.

    Raises:
        ValueError: If there is no step to draw from.
    """

    num_steps: Count
    """How many of the most recent steps, counted over all environments."""

    __post_init__ = check

    def __call__(self, recorder: Recorder, length: int, *, keep_short: bool) -> Tensor:
        """List the starts of segments of at most `length` steps. Shape: (M,), int64."""
        return recorder.starts(length, keep_short=keep_short, last_steps=self.num_steps)
