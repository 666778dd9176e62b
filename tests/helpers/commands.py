"""The command line, as tests call it."""

import pytest

from prefgym.cli.main import main

TINY = (
    *("--env", "prefgym/InvertedPendulum-v0", "--steps", "600", "--budget", "10", "--threads", "1"),
    *("--segment-length", "5", "--eval.every", "300", "--eval.episodes", "1", "--eval.final-episodes", "2"),
    *("--schedule.num-sessions", "2", "--checkpoint.every", "200"),
    *("--agent.num-envs", "4", "--agent.num-steps", "50", "--agent.epochs", "1", "--agent.hidden", "8"),
    *("--reward.hidden", "8", "8", "--reward.num-members", "2", "--reward.fit.gradient-steps", "5"),
)
"""What follows `train` for a run of less than a second, as `tiny_run` trains; later flags replace earlier ones."""

TINY_OFFLINE = (
    *("--preferences", "answers", "--agent", "bc", "--agent.actor.hidden", "8", "--updates", "120", "--threads", "1"),
    *("--checkpoint.every", "40", "--eval.every", "60", "--eval.episodes", "1", "--eval.final-episodes", "2"),
)
"""What follows `train-offline` for a run as `tiny_offline` trains."""


def command(*argv: str) -> int:
    """Run a command in this process; return its exit code."""
    with pytest.raises(SystemExit) as told:
        main(argv)
    return int(told.value.code or 0)


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    """Run a command in this process: exit code, output, error output."""
    code, (output, error) = command(*argv), capsys.readouterr()
    return code, output, error
