"""Token buckets: how many requests somebody may make."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

_MOST_KEPT = 20_000
"""Buckets that are kept; the one that was asked least recently is forgotten first."""


class Buckets:
    """One bucket a key: it holds `burst` requests at first, and `rate` more a second up to that.

    >>> clock = iter([0.0, 0.0, 0.0, 0.5])
    >>> buckets = Buckets(rate=2.0, burst=2.0, clock=lambda: next(clock))
    >>> [buckets.take("me") for _ in range(4)]
    [0.0, 0.0, 0.5, 0.0]
    """

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str, cost: float = 1.0) -> float:
        """Take requests out of a bucket.

        Returns:
            0 if they were there; otherwise nothing is taken, and it is the seconds until they will be.
        """
        with self._lock:
            held, now = self._look(key)
            wait = max(cost - held, 0.0) / self._rate
            self._held[key] = (held if wait else held - cost), now
        return wait

    def charge(self, key: str, cost: float) -> None:
        """Take requests out of a bucket that may hold fewer: then it is in debt."""
        with self._lock:
            held, now = self._look(key)
            self._held[key] = held - cost, now

    def _look(self, key: str) -> tuple[float, float]:
        """Return what a bucket holds, and the time; it is the one that was asked most recently then."""
        now = self._clock()
        held, at = self._held.pop(key, (self._burst, now))
        if len(self._held) >= _MOST_KEPT:
            self._held.popitem(last=False)
        return min(self._burst, held + self._rate * max(now - at, 0.0)), now
