"""Running, stopped and finished are told apart by the lock."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from prefgym.common.errors import UserError
from prefgym.runs.activity import activity_of
from prefgym.runs.lock import has_open, lock, unlock

HOLDING = """
import sys
from pathlib import Path
from prefgym.runs.lock import lock
held = lock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_elsewhere(run: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Hold the lock of a run in another process; kill it at the end."""
    with subprocess.Popen([sys.executable, "-c", HOLDING, run], stdin=-1, stdout=-1) as other:
        assert other.stdout is not None and other.stdout.readline() == b"held\n"
        try:
            yield other
        finally:
            other.kill()


@pytest.fixture
def stopped(finished_run: Path, tmp_path: Path) -> Path:
    """Give a run that was killed shortly before its end."""
    run = Path(shutil.copytree(finished_run, tmp_path / "stopped"))
    (run / "manifest.json").unlink()
    return run


def test_a_finished_run_is_finished(finished_run: Path) -> None:
    """Its last sign is as old as its files, and no process is named."""
    told = activity_of(finished_run)
    assert (told.state, told.pid) == ("finished", None)
    metrics = datetime.fromtimestamp((finished_run / "metrics.jsonl").stat().st_mtime, UTC)
    assert metrics <= told.last_sign <= datetime.now(UTC)


def test_a_run_is_running_while_a_process_holds_its_lock(stopped: Path) -> None:
    """And stopped as soon as it is killed, although the file still names it."""
    assert activity_of(stopped).state == "stopped"
    with held_elsewhere(stopped) as other:
        told = activity_of(stopped)
        assert (told.state, told.pid) == ("running", other.pid)
        assert has_open(other.pid, stopped / ".lock") and not has_open(os.getpid(), stopped / ".lock")
    assert json.loads((stopped / ".lock").read_text())["pid"] == other.pid
    assert activity_of(stopped).state == "stopped"


def test_a_look_does_not_keep_a_run_from_beginning(stopped: Path) -> None:
    """Nor does it release the lock of one that runs."""
    held = lock(stopped)
    assert activity_of(stopped).pid == os.getpid()
    with pytest.raises(UserError, match="is being written by another process"):
        lock(stopped)
    unlock(held)
    assert activity_of(stopped).state == "stopped"


@pytest.mark.parametrize(("minutes", "state"), [(2, "running"), (20, "stopped")])
def test_a_run_elsewhere_is_told_by_its_last_sign(minutes: float, state: str, stopped: Path) -> None:
    """Where locks do not reach, as on some network disks."""
    (stopped / ".lock").write_text(json.dumps({"pid": 1, "host": f"not-{socket.gethostname()}"}))
    then = (datetime.now(UTC) - timedelta(minutes=minutes)).timestamp()
    for path in (stopped, *stopped.iterdir()):
        os.utime(path, (then, then))
    told = activity_of(stopped)
    assert told.state == state


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"pid": "x", "host": "y"}', "\xff" * 5000])
def test_a_lock_of_somebody_else_is_only_read(text: str, stopped: Path) -> None:
    """Whatever is in it; a link is refused, and the file behind it stays."""
    (stopped / ".lock").write_text(text, encoding="latin-1")
    assert activity_of(stopped).state == "stopped"
    (stopped / ".lock").unlink()
    assert activity_of(stopped).state == "stopped"
    precious = stopped.parent / "precious"
    precious.write_text("precious")
    for link in (os.symlink, os.link):
        link(precious, stopped / ".lock")
        for look in (activity_of, lock):
            with pytest.raises(UserError, match="remove it"):
                look(stopped)
        (stopped / ".lock").unlink()
    assert precious.read_text() == "precious"
