"""Sources: the recorded steps from which segments are sampled."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from prefgym.common.limits import Count, check
from prefgym.core.protocols import Recorder


class Source(Protocol):
    """A rule for the recorded steps at which a segment may start."""

    def __call__(self, recorder: Recorder, length: int, *, keep_short: bool) -> Tensor:
        """List the starts of segments of at most `length` steps. Shape: (M,), int64."""
        ...


@dataclass(frozen=True)
class AllSteps:
    """All recorded steps."""

    def __call__(self, recorder: Recorder, length: int, *, keep_short: bool) -> Tensor:
        """List the starts of segments of at most `length` steps. Shape: (M,), int64."""
        return recorder.starts(length, keep_short=keep_short)


@dataclass(frozen=True)
class RecentSteps:
    """The most recent steps, so that queries show the agent's present behaviour.

    Raises:
        ValueError: If `num_steps` is below 1.
    """

    num_steps: Count
    """Number of the most recent steps, counted over all environments."""

    __post_init__ = check

    def __call__(self, recorder: Recorder, length: int, *, keep_short: bool) -> Tensor:
        """List the starts of segments of at most `length` steps. Shape: (M,), int64."""
        return recorder.starts(length, keep_short=keep_short, last_steps=self.num_steps)
