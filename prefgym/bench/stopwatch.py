"""Time of a run by part."""

import time
from collections import defaultdict
from collections.abc import Callable, Generator
from contextlib import contextmanager


class Stopwatch:
    """Sums up the time of parts; each synchronises with the device at its end."""

    def __init__(self, wait: Callable[[], None]) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._wait, self._running = wait, list[str]()

    @contextmanager
    def __call__(self, part: str) -> Generator[None]:
        """Count the time within the context for a part, and not for the surrounding one."""
        self._wait()
        started, before = time.perf_counter(), sum(self.seconds.values())
        try:
            yield
        finally:
            self._wait()
            inner = sum(self.seconds.values()) - before
            self.seconds[part] += time.perf_counter() - started - inner

    def around(self, owner: object, name: str, part: str) -> None:
        """Count the time of each call of a method for a part."""
        method: Callable[..., object] = getattr(owner, name)

        def timed(*args: object, **named: object) -> object:
            with self(part):
                return method(*args, **named)

        setattr(owner, name, timed)
