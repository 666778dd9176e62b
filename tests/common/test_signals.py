"""Signals as exceptions, and held back."""

import copy
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefgym.common.signals import Terminated, held_back, terminable
from prefgym.training.stop import StoppedError


@pytest.fixture(autouse=True)
def signals_as_in_a_terminal() -> Iterator[None]:
    """Whatever the process of the tests was begun with: `nohup`, say, or a job in the background of a script."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_raised(number: signal.Signals) -> None:
    """And does what it did before, afterwards; one that somebody handles is left to them."""
    with pytest.raises(Terminated, match=number.name) as told, terminable():
        os.kill(os.getpid(), number)
    assert told.value.exit_code == 128 + number
    assert signal.getsignal(number) == signal.SIG_DFL
    seen: list[int] = []
    before = signal.signal(number, lambda received, frame: seen.append(received))
    with terminable():
        os.kill(os.getpid(), number)
    signal.signal(number, before)
    assert seen == [number]


def test_signals_are_held_back() -> None:
    with held_back():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(os.getpid(), number)
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler


def test_they_are_sent_between_processes() -> None:
    """As processes of seeds do, which take them apart as a copy does."""
    sent = copy.copy(Terminated(signal.SIGTERM))
    assert (type(sent), str(sent), sent.exit_code) == (Terminated, "SIGTERM", 143)
    error = copy.copy(StoppedError("It is gone.", Path("run")))
    assert (str(error), error.path) == ("It is gone.", Path("run"))
