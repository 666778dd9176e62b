"""Watch a child process: it may take so many seconds before it begins its work, and so much memory."""

import os
import signal
import time
from pathlib import Path

CPU_S = 10
"""CPU seconds after which a command that has not begun to train has hung."""
WALL_S = 60
"""The same for a command that waits; this machine may be busy."""
GROWTH_BYTES = 10**9
"""Bytes of resident memory that it may take beyond those of this process."""
STARTED = b"s"
"""What the child writes into a pipe when it begins."""


def watch(child: int, started: int) -> tuple[str, float, int]:
    """Wait for a child, and end it if it takes too long or too much.

    Args:
        child: Process id.
        started: Pipe into which it writes `STARTED` when it begins its work.

    Returns:
        `ran`, `refused` (exit code 2), `started`, or what is wrong; CPU seconds; bytes grown.
    """
    begun, before, grown, seconds = time.monotonic(), resident(os.getpid()), 0, 0.0
    os.set_blocking(started, False)
    has_started = False
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            grown = max(grown, usage.ru_maxrss * 1024 - before)
            seconds = usage.ru_utime + usage.ru_stime
            outcome = {0: "ran", 2: "refused"}.get(os.waitstatus_to_exitcode(status), f"EXIT {status}")
            break
        grown, seconds = max(grown, resident(child) - before), cpu_seconds(child)
        has_started = has_started or reads(started)
        outcome = ""
        if grown > GROWTH_BYTES:
            outcome = "MEMORY"
        elif seconds > CPU_S or time.monotonic() - begun > WALL_S:
            outcome = "started" if has_started else "HANGS"
        if outcome:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            break
        time.sleep(0.01)
    return ("MEMORY" if grown > GROWTH_BYTES else outcome), seconds, grown


def reads(pipe: int) -> bool:
    """Return whether there is something to read."""
    try:
        return os.read(pipe, 1) == STARTED
    except BlockingIOError:
        return False


def resident(process: int) -> int:
    """Return the resident memory of a process, in bytes; 0 if it has ended."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def cpu_seconds(process: int) -> float:
    """Return the CPU time of a process; 0 if it has ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
