"""Ctrl-C while the command line is still importing: one line, as later on."""

import sys
from pathlib import Path
from types import TracebackType

INTERRUPTED = 130
"""The exit code after Ctrl-C."""


def end_quietly_on_ctrl_c() -> None:
    """Let Ctrl-C end the command line in one line, wherever it strikes; other programs keep their traceback."""
    if _is_command():
        sys.excepthook = _without_traceback


def _is_command() -> bool:
    """Return whether this process is `prefgym ...` or `python -m prefgym ...`."""
    words = sys.orig_argv
    as_module = "-m" in words and words[words.index("-m") + 1 :][:1] == ["prefgym"]
    return as_module or Path(sys.argv[0]).stem == "prefgym"


def _without_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        print("prefgym: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    sys.__excepthook__(kind, error, trace)
