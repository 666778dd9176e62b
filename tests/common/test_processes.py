"""Calls in processes of their own: results, errors, deaths, and Ctrl-C."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from prefgym.common.errors import UserError
from prefgym.common.processes import ProcessDiedError, can_be_sent, in_processes


def fail(words: str) -> None:
    """Fail with a sentence."""
    raise UserError(words)


def kill_itself() -> None:
    """Die as a process does when the memory is full."""
    os.kill(os.getpid(), signal.SIGKILL)


def wait_for_ctrl_c(begun: Path, kept: Path) -> str:
    """Wait for Ctrl-C, as a training does, and keep a file then."""
    try:
        begun.touch()
        threading.Event().wait(60)
    except KeyboardInterrupt:
        kept.touch()
        return "stopped"
    return "waited"


@pytest.mark.slow
def test_each_call_has_a_process_and_each_error_comes_back() -> None:
    """One that is killed takes no other with it."""
    tasks: dict[str, Callable[[], object]] = {
        "pid": os.getpid,
        "exits": partial(os._exit, 3),
        "killed": kill_itself,
        "fails": partial(fail, "it does not like that"),
    }
    ended = dict(in_processes(tasks, 2))
    assert ended["pid"].result() != os.getpid()
    assert isinstance(ended["fails"].exception(), UserError)
    assert str(ended["fails"].exception()) == "it does not like that"
    for name, words in (("exits", "its process ended with code 3"), ("killed", "its process was killed by SIGKILL")):
        died = ended[name].exception()
        assert isinstance(died, ProcessDiedError) and str(died) == words


def test_no_jobs_call_here_and_keep_errors() -> None:
    ended = dict(in_processes({1: os.getpid, 2: partial(fail, "no")}, 0))
    assert ended[1].result() == os.getpid()
    assert str(ended[2].exception()) == "no"


@pytest.mark.slow
def test_ctrl_c_stops_every_process_and_waits_for_what_they_keep(tmp_path: Path) -> None:
    """The two that run are interrupted once and keep a file; the third is not begun."""
    tasks = {n: partial(wait_for_ctrl_c, tmp_path / f"begun-{n}", tmp_path / f"kept-{n}") for n in range(3)}

    def press_ctrl_c() -> None:
        if len(list(tmp_path.glob("begun-*"))) == 2 and not pressed:
            pressed.append(True)
            os.kill(os.getpid(), signal.SIGINT)

    pressed: list[bool] = []
    ended: dict[int, str] = {}
    with pytest.raises(KeyboardInterrupt):
        for key, future in in_processes(tasks, 2, press_ctrl_c):
            ended[key] = future.result()
    assert ended == {0: "stopped", 1: "stopped"}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["begun-0", "begun-1", "kept-0", "kept-1"]


@pytest.mark.slow
def test_processes_end_with_a_caller_that_leaves(tmp_path: Path) -> None:
    """An error of the caller leaves no process behind."""
    tasks: dict[int, Callable[[], object]] = {
        0: partial(wait_for_ctrl_c, tmp_path / "begun", tmp_path / "kept"),
        1: os.getpid,
    }

    def look() -> None:
        if (tmp_path / "begun").exists():
            raise RuntimeError("the caller fails")

    with pytest.raises(RuntimeError, match="the caller fails"):
        list(in_processes(tasks, 1, look))
    assert (tmp_path / "kept").exists()


@pytest.mark.slow
def test_a_script_without_a_guard_is_told_what_it_needs(tmp_path: Path) -> None:
    """Each process imports the script anew, and would start processes itself."""
    script = tmp_path / "script.py"
    lines = [
        "import os",
        "from prefgym.common.processes import in_processes",
        "ended = dict(in_processes({0: os.getpid}, 1))",
    ]
    script.write_text("\n".join([*lines, "print(ended[0].exception())"]))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert "a script of your own needs if __name__" in done.stdout, done.stderr


def test_lambdas_cannot_be_sent() -> None:
    assert can_be_sent(fail)
    assert not can_be_sent(lambda: 0)
