"""Signals that end a process: raised as exceptions, so that work is kept, and held back while it is written."""

import signal
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from types import FrameType

_ENDING = (signal.SIGTERM, signal.SIGHUP)


class Terminated(KeyboardInterrupt):
    """The process was told to end, by SIGTERM, or by SIGHUP as its terminal closed.

    Args:
        number: Number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number

    @property
    def exit_code(self) -> int:
        """Return the exit code by which shells tell that a signal ended a process."""
        return 128 + self.number

    def __reduce__(self) -> tuple[type["Terminated"], tuple[int]]:
        """Send it to another process by its number."""
        return Terminated, (self.number,)


@contextmanager
def terminable() -> Generator[None]:
    """Raise `Terminated` in the main thread at a signal that would end the process without a word.

    Handlers that somebody else has set stay.
    """

    def end(number: int, frame: FrameType | None) -> None:
        del frame
        raise Terminated(number)

    with _handled(end, [number for number in _ENDING if signal.getsignal(number) == signal.SIG_DFL]):
        yield


@contextmanager
def held_back() -> Generator[None]:
    """Let Ctrl-C and signals that end the process pass without effect, while what was learned is written."""

    def ignore(number: int, frame: FrameType | None) -> None:
        del number, frame

    with _handled(ignore, [number for number in (signal.SIGINT, *_ENDING) if signal.getsignal(number) is not None]):
        yield


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None], numbers: Iterable[int]) -> Generator[None]:
    if threading.current_thread() is not threading.main_thread():  # only this one may set handlers
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
