"""The display of a run fits a terminal of 80 columns, from the first second on."""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest
from commands import TINY
from rich.console import Console
from tiny import tiny_run

from prefgym.training import progress
from prefgym.training.budget import ScheduleCfg
from prefgym.training.callbacks import Callback
from prefgym.training.loop import Loop

LONG = "prefgym/HumanoidStandupNewton-v0"


def lines_of(output: str) -> list[str]:
    """Split what a terminal got into lines, without colours and movements of the cursor."""
    return [line for line in re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output)) if line.strip()]


def shown_at(width: int, monkeypatch: pytest.MonkeyPatch, *updates: tuple[int, dict[str, float | None]]) -> list[str]:
    """Show a long run on a terminal of some width; return the lines."""
    file = io.StringIO()
    console = Console(width=width, force_terminal=True, file=file)
    monkeypatch.setattr(progress, "Console", lambda stderr: console)
    bar = progress.Progress(LONG, 1_000_000, budget=5000)
    with bar._bar:
        for steps, metrics in updates:
            bar.show(steps, metrics)
    return lines_of(file.getvalue())


def test_the_first_second_shows_steps_and_times(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, *_ = shown_at(80, monkeypatch)
    assert first.endswith("        0 of 1,000,000 0:00:00 --:-- left")
    assert second.rstrip() == "0/5,000 labels  accuracy -  true return -"


def test_the_widest_numbers_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    end: dict[str, float | None] = {
        "feedback/num_answers": 5000.0,
        "reward_model/accuracy": 0.974,
        "eval/mean_reward": -12345.6,
    }
    lines = shown_at(80, monkeypatch, (100_000, {}), (1_000_000, end))
    assert max(map(len, lines)) <= 80
    assert lines[-2].endswith("1,000,000 of 1,000,000 0:00:00 00:00 left")
    assert "━━━━━━━━━━ " in lines[-2]
    assert lines[-1].rstrip() == "5,000/5,000 labels  accuracy 97%  true return -12,346"


@pytest.mark.slow  # another process
def test_a_training_on_a_real_terminal_of_80_columns() -> None:
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    env = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    command = [sys.executable, "-m", "prefgym", "train", *TINY, "--no-report", "--out", "run"]
    with subprocess.Popen(command, stdout=end, stderr=end, env=env | {"TERM": "xterm"}) as run:
        os.close(end)
        output = b"".join(iter(lambda: _read(terminal), b""))
    os.close(terminal)
    lines = lines_of(output.decode())
    bars = [line for line in lines if " of 600 " in line]
    assert run.returncode == 0
    assert bars[0].startswith("prefgym/InvertedPendulu… ")
    assert re.search(r"  0 of 600 0:00:00 -*:--:?-* left$", bars[0])
    assert re.search(r"600 of 600 0:00:\d\d 00:00 left$", bars[-1])
    assert max(map(len, bars)) <= 80
    assert any(line.startswith("10/10 labels  accuracy ") for line in lines)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # EIO: the other end is closed
        return b""


def test_a_resumed_run_shows_what_was_logged_before(capsys: pytest.CaptureFixture[str]) -> None:
    """Stopped after its only session: its next evaluation stands beside the labels of the first part."""

    class Stop(Callback):
        def on_step(self, loop: Loop, metrics: object) -> None:
            del metrics
            if loop.steps == 400:
                raise KeyboardInterrupt

    begun = tiny_run(out="run", schedule=ScheduleCfg(num_sessions=1), report=False, steps=800, callbacks=[Stop()])
    capsys.readouterr()
    assert begun.resume().result.num_answered == 10
    assert "10/10 labels  accuracy " in capsys.readouterr().err
