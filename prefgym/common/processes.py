"""Calls of functions in processes of their own, some at a time."""

import os
import signal
import threading
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from multiprocessing import connection, get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any, Generic, TypeVar

from prefgym.common.errors import UserError

Key = TypeVar("Key")
Result = TypeVar("Result")

GLANCE_S = 0.5
"""Seconds between two looks at other processes."""


class ProcessDiedError(UserError):
    """A process ended without an answer, such as one that was killed."""

    def __init__(self, code: int | None) -> None:
        how = f"was killed by {signal.Signals(-code).name}" if code and code < 0 else f"ended with code {code}"
        if code == 1:  # before it came to the function, whose errors are answers
            how = 'could not begin, as printed above; a script of your own needs if __name__ == "__main__":'
        super().__init__(f"its process {how}")


def in_processes(
    tasks: Mapping[Key, Callable[[], Result]], jobs: int, watch: Callable[[], None] = lambda: None
) -> Iterator[tuple[Key, Future[Result]]]:
    """Call functions in processes of their own, some at a time; yield each when it has ended.

    After Ctrl-C no other function is begun, those that run get one SIGINT each, and are yielded when they have ended;
    then KeyboardInterrupt is raised. Processes whose caller has died get a SIGINT, too.

    Args:
        tasks: Functions that can be pickled, such as partials of functions of a module.
        jobs: Processes at the same time; with 0 the functions are called here, one after the other.
        watch: Called about twice a second while processes run.
    """
    if not jobs:
        yield from ((key, _here(task)) for key, task in tasks.items())
        return
    waiting, running = list(tasks.items()), dict[Connection, tuple[Key, _Call[Result]]]()
    stopped: KeyboardInterrupt | None = None
    try:
        while running or (waiting and not stopped):
            ended: list[Any] = []
            try:
                while waiting and len(running) < jobs and not stopped:
                    key, task = waiting.pop(0)
                    call = _Call(task)
                    running[call.answer] = key, call
                ended = connection.wait(list(running), GLANCE_S)
                watch()
            except KeyboardInterrupt as interrupt:
                stopped = interrupt
                _interrupt(call for _, call in running.values())
            for answer in ended:
                key, call = running.pop(answer)
                yield key, call.future()
        if stopped:
            raise stopped
    finally:  # if the caller has left the loop
        _interrupt(call for _, call in running.values())
        for _, call in running.values():
            call.process.join()


def can_be_sent(task: object) -> bool:
    """Return whether another process can be handed an object."""
    try:
        ForkingPickler.dumps(task)
    except Exception:  # an object's own __reduce__ may raise anything
        return False
    return True


class _Call(Generic[Result]):
    """A call in a process of its own."""

    def __init__(self, task: Callable[[], Result]) -> None:
        context = get_context("spawn")
        self.answer, sender = context.Pipe(duplex=False)
        self.process = context.Process(target=_answer, args=(task, sender))
        resource_tracker.ensure_running()  # unblocks SIGINT when it starts
        with _sigint_blocked():
            self.process.start()
        sender.close()

    def future(self) -> Future[Result]:
        """Return the result or the error, after the end."""
        future = Future[Result]()
        try:
            answer: Any = self.answer.recv()
        except EOFError:
            self.process.join()
            answer = None, ProcessDiedError(self.process.exitcode)
        self.process.join()
        result, error = answer
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
        return future


@contextmanager
def _sigint_blocked() -> Generator[None]:
    """Block SIGINT, here and in processes that are started, until these unblock it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _interrupt(calls: "Iterable[_Call[Any]]") -> None:
    for call in calls:
        if call.process.pid is not None and call.process.is_alive():
            os.kill(call.process.pid, signal.SIGINT)


def _answer(task: Callable[[], object], sender: Connection) -> None:
    """Call a function, and send its result or its error."""
    os.setsid()  # Ctrl-C of the terminal reaches the caller alone, which passes it on, once
    threading.Thread(target=_end_with_caller, daemon=True).start()
    try:
        # a shell ignores SIGINT in what it starts in the background, and processes inherit that
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        answer: tuple[object, BaseException | None] = task(), None
    except BaseException as error:  # the caller is told every error
        error.add_note(traceback.format_exc())
        answer = None, error if can_be_sent(error) else RuntimeError(f"{type(error).__name__}: {error}")
    sender.send(answer)


def _end_with_caller() -> None:
    caller = parent_process()
    assert caller is not None
    connection.wait([caller.sentinel])
    os.kill(os.getpid(), signal.SIGINT)


def _here(task: Callable[[], Result]) -> Future[Result]:
    future = Future[Result]()
    try:
        future.set_result(task())
    except Exception as error:  # kept for the caller, as that of another process is
        future.set_exception(error)
    return future
