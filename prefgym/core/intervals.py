"""95 % intervals of shares."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Share:
    """A part of so many, with its 95 % interval."""

    hits: float
    """How many count; a tie may count as a half."""
    num: int
    """Of how many; at least 1."""

    @property
    def value(self) -> float:
        """Return the share."""
        return self.hits / self.num

    @property
    def interval(self) -> tuple[float, float]:
        """Return the 95 % interval; see `wilson`."""
        return share_interval(self.hits, self.num)

    def is_off(self, expected: float) -> bool:
        """Return whether the interval, and not just the share, lies beside an expected one."""
        low, high = self.interval
        return not low <= expected <= high


def wilson(share: Floats, num: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return the 95 % interval of shares of so many (Wilson, 1927). Shapes as given."""
    # (f + z²/2n ± z sqrt(f(1-f)/n + z²/4n²)) / (1 + z²/n)
    z = 1.96
    middle = (share + z**2 / (2 * num)) / (1 + z**2 / num)
    half = z * np.sqrt(share * (1 - share) / num + z**2 / (4 * num**2)) / (1 + z**2 / num)
    return np.minimum(middle - half, share), np.maximum(middle + half, share)


def share_interval(part: float, num: int) -> tuple[float, float]:
    """Return the 95 % interval of one share, `part` of `num`; see `wilson`."""
    low, high = wilson(np.array([part / num]), np.array([num]))
    return float(low[0]), float(high[0])
