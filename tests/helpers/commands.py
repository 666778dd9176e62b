"""The command line, as tests call it."""

import pytest

from prefgym.cli.main import main

TINY = (
    *("--env", "prefgym/InvertedPendulum-v0", "--steps", "2000", "--budget", "10", "--threads", "1"),
    *("--segment-length", "5", "--agent.num-envs", "4", "--agent.num-steps", "50", "--eval.every", "1000"),
    *("--eval.episodes", "2", "--eval.final-episodes", "2", "--reward.hidden", "8", "--schedule.num-sessions", "2"),
)
"""What follows `train` for a run of a second or two, with sessions and evaluations."""


def command(*argv: str) -> int:
    """Run a command in this process; return its exit code."""
    with pytest.raises(SystemExit) as told:
        main(argv)
    return int(told.value.code or 0)


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    """Run a command in this process: exit code, output, error output."""
    code, (output, error) = command(*argv), capsys.readouterr()
    return code, output, error
