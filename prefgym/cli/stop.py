"""`prefgym stop`: ask a running run to stop; it keeps what was learned."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import tyro

from prefgym.cli.parse import parse
from prefgym.common.errors import UserError
from prefgym.common.limits import Positive, check
from prefgym.common.processes import GLANCE_S
from prefgym.runs.activity import activity_of
from prefgym.runs.checkpoints import Checkpoints
from prefgym.runs.config_file import read_config
from prefgym.runs.lock import LOCK, has_open, holder_of, is_held, is_here
from prefgym.runs.seeds import is_seeds
from prefgym.training.run import Run
from prefgym.training.stop import how_to_go_on


@dataclass(frozen=True, kw_only=True)
class StopArgs:
    """Ask a running run, or a folder of seeds, to stop, as Ctrl-C does; it keeps what was learned."""

    run: tyro.conf.Positional[Path]
    """Run folder, or folder of seeds."""
    minutes: Positive = 10.0
    """Most minutes to wait until everything is kept."""

    __post_init__ = check


def run(argv: list[str]) -> int:
    """Stop a run. Returns the exit code."""
    args = parse(StopArgs, argv, "prefgym stop")
    ask_to_stop(args.run)
    deadline = time.monotonic() + 60 * args.minutes
    while is_held(args.run):
        if time.monotonic() > deadline:
            raise UserError(
                f"{args.run} has not stopped within {args.minutes:g} minutes: it gets more with --minutes N."
            )
        time.sleep(GLANCE_S)
    print(what_is_next(args.run))
    return 0


def ask_to_stop(run: Path) -> None:
    """Send SIGTERM to the process that writes to a folder.

    Raises:
        UserError: If there is none, or it runs on another machine.
    """
    if not is_seeds(run):
        read_config(run)  # raises for a folder that is not a run
    holder = holder_of(run)
    if holder is not None and not is_here(holder) and (is_seeds(run) or activity_of(run).state == "running"):
        raise UserError(f"{run} is running on {holder.host}: call prefgym stop {run} there.")
    if not is_held(run):
        raise UserError(f"{run} is not running: {what_is_next(run)}.")
    if holder is None or not has_open(holder.pid, run / LOCK):  # anybody can have written the number of a process
        raise UserError(f"{run} is running in a process that it does not name: stop that with Ctrl-C.")
    os.kill(holder.pid, signal.SIGTERM)


def what_is_next(run: Path) -> str:
    """Say what became of a run, and how to go on with it."""
    if is_seeds(run):
        return f"{run} has stopped; go on with: prefgym train --resume {run}"
    state = activity_of(run).state
    if state == "finished":
        return f"{run} has finished"
    opened = Run(run)
    kept = "what was learned is kept" if (run / "manifest.json").is_file() else "it was killed"
    command = tuple(opened.config.get("command") or ())
    policy = Checkpoints(run / "checkpoints").latest_policy()
    told = how_to_go_on(run, command, () if policy is None else policy.stateless)
    return f"{run} was stopped: {kept}; {told}"
