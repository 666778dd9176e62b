"""Where the time of a run goes, part by part."""

import time
from collections import defaultdict
from collections.abc import Callable, Generator
from contextlib import contextmanager


class Stopwatch:
    """Sums up the time that parts take, each of which is waited for at its end."""

    def __init__(self, wait: Callable[[], None]) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._wait, self._running = wait, list[str]()

    @contextmanager
    def __call__(self, part: str) -> Generator[None]:
        """Count what happens within for a part, and no longer for the one around it."""
        self._wait()
        started, before = time.perf_counter(), sum(self.seconds.values())
        try:
            yield
        finally:
            self._wait()
            inner = sum(self.seconds.values()) - before
            self.seconds[part] += time.perf_counter() - started - inner

    def around(self, owner: object, name: str, part: str) -> None:
        """Count each call of a method for a part."""
        method: Callable[..., object] = getattr(owner, name)

        def timed(*args: object, **named: object) -> object:
            with self(part):
                return method(*args, **named)

        setattr(owner, name, timed)
