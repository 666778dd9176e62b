"""`prefgym train`: train an agent on a reward that is learned from preferences."""

from dataclasses import dataclass
from pathlib import Path

import tyro

from prefgym.cli.flags import parse_train, resumes
from prefgym.common.errors import UserError
from prefgym.runs.checkpoints import Which
from prefgym.training.run import Run, run_training

INTERRUPTED = 130
"""The exit code after Ctrl-C."""


@dataclass(frozen=True, kw_only=True)
class ResumeArgs:
    """Go on with a run that was stopped, as if it had never been."""

    resume: Path
    """Its folder."""
    resume_from: Which = "latest"
    """Which of its two checkpoints; the previous one where a file of the latest is damaged."""


def run(argv: list[str]) -> int:
    """Begin a run, or go on with one. Returns the exit code."""
    return resume(argv, "train") if resumes(argv) else exit_code(run_training(parse_train(argv)))


def resume(argv: list[str], command: str) -> int:
    """Go on with a run. Returns the exit code.

    Args:
        argv: The flags.
        command: The command that they are flags of.

    Raises:
        UserError: If the run was begun by another command, has finished, or cannot go on.
    """
    args = tyro.cli(ResumeArgs, args=argv, prog=f"prefgym {command}")
    stopped = Run(args.resume)
    begun = "train-offline" if "updates" in stopped.config else "train"
    if begun != command:
        raise UserError(f"{args.resume} was started with another command: prefgym {begun} --resume {args.resume}.")
    return exit_code(stopped.resume(args.resume_from))


def exit_code(ended: Run) -> int:
    """Return the exit code of a run that has ended."""
    return INTERRUPTED if ended.result.interrupted else 0
