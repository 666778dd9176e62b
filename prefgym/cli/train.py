"""`prefgym train`: train an agent on a reward that is learned from preferences."""

from dataclasses import dataclass
from pathlib import Path

from prefgym.cli.flags import parse_train, resumes
from prefgym.cli.parse import parse
from prefgym.cli.seeds import SeedFlags, check_alone, go_on, run_seeds, take_seeds, with_command
from prefgym.common.errors import UserError
from prefgym.common.interrupt import INTERRUPTED
from prefgym.common.limits import Natural, check
from prefgym.runs.checkpoints import Which
from prefgym.runs.seeds import is_seeds
from prefgym.training.run import Run, run_training


@dataclass(frozen=True, kw_only=True)
class ResumeArgs:
    """Resume a stopped run, or give a run more steps and queries.

    Without more, the results are those of a run without the stop.
    """

    resume: Path
    """Its folder."""
    resume_from: Which = "latest"
    """Checkpoint: `latest`, or `previous` if a file of the latest is damaged."""
    steps: Natural = 0
    """Steps beyond those that the run has, also of one that has finished."""
    budget: Natural = 0
    """Queries beyond those that the run has, asked during what is left of it."""

    __post_init__ = check


@dataclass(frozen=True, kw_only=True)
class ResumeOfflineArgs:
    """Resume a stopped offline run, or give a run more updates.

    Without more, the results are those of a run without the stop.
    """

    resume: Path
    """Its folder."""
    resume_from: Which = "latest"
    """Checkpoint: `latest`, or `previous` if a file of the latest is damaged."""
    updates: Natural = 0
    """Updates beyond those that the run has, also of one that has finished."""

    __post_init__ = check


def run(argv: list[str]) -> int:
    """Begin or resume a run, or several. Returns the exit code."""
    rest, seeds = take_seeds(argv)
    if resumes(rest):
        return resume(rest, "train", seeds)
    cfg = with_command(parse_train(rest), "train", argv)
    if seeds.seeds is not None:
        return run_seeds(cfg, seeds)
    check_alone(seeds)
    return exit_code(run_training(cfg))


def resume(argv: list[str], command: str, seeds: SeedFlags) -> int:
    """Resume a run, or a folder of seeds. Returns the exit code.

    Args:
        argv: Flags.
        command: Command of the flags.
        seeds: The flags of several seeds.

    Raises:
        UserError: If the run was begun by another command, has finished, or cannot be resumed.
    """
    kind = ResumeArgs if command == "train" else ResumeOfflineArgs
    args = parse(kind, argv, f"prefgym {command}")
    steps, budget = (args.steps, args.budget) if isinstance(args, ResumeArgs) else (args.updates, 0)
    if (steps or budget) and is_seeds(args.resume):
        raise UserError(f"{args.resume} has several seeds: give each one more, as in --resume {args.resume}/seed-0.")
    if (code := go_on(args.resume, seeds)) is not None:
        return code
    stopped = Run(args.resume)
    begun = "train-offline" if "updates" in stopped.config else "train"
    if begun != command:
        raise UserError(f"{args.resume} was started with another command: prefgym {begun} --resume {args.resume}.")
    return exit_code(stopped.resume(args.resume_from, steps=steps, budget=budget))


def exit_code(ended: Run) -> int:
    """Return the exit code of a run that has ended."""
    return INTERRUPTED if ended.result.interrupted else 0
