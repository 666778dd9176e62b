"""The end of a run: its result is sealed first, pictures and report follow, and a stopped run says how to go on."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import replace

from prefgym.common.errors import UserError
from prefgym.common.files import writing
from prefgym.common.signals import Terminated, held_back
from prefgym.runs.folder import RunFolder
from prefgym.runs.manifest import renew_in_manifest, write_manifest
from prefgym.training.loop import Outcome
from prefgym.training.stop import Stop, StoppedError, how_to_go_on


def seal(run: RunFolder, outcome: Outcome, write: Callable[[], None]) -> Outcome:
    """Write the result and the manifest of a run; from here on it has finished, or was stopped and kept.

    Args:
        run: Run folder.
        outcome: Outcome of its training.
        write: Writes the result.

    Returns:
        The outcome, as stopped if the files cannot be written.
    """
    try:
        with held_back(), writing(run.path):
            write()
            run.close_logs()
            write_manifest(run.path)
    except UserError as error:
        return replace(outcome, stop=outcome.stop or Stop(reason=str(error).rstrip("."), cause=error), is_kept=False)
    return outcome


def attempt(what: str, work: Callable[[], object]) -> None:
    """Do what a run can do without, such as a picture; print why it failed, or that Ctrl-C skipped it."""
    try:
        work()
    except Terminated:
        raise
    except KeyboardInterrupt:
        print(f"no {what}: interrupted", file=sys.stderr)
    except Exception as error:  # of any package that renders
        kind = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
        print(f"no {what}: {kind}{' '.join(str(error).split())}", file=sys.stderr)


def add_report(run: RunFolder) -> None:
    """Add the files of the report to the manifest."""
    files = [file for file in (run.path / "report").rglob("*") if file.is_file()]
    page = run.path / "report.html"
    with writing(run.path):
        renew_in_manifest(run.path, *(str(file.relative_to(run.path)) for file in files + [page] * page.is_file()))


def say_stopped(run: RunFolder, outcome: Outcome, stateless: Iterable[str]) -> None:
    """Say what stopped a run, that it is kept, and how to go on.

    Raises:
        StoppedError: If it was an error; the sentence is its text.
        SystemExit: If the process was told to end.
    """
    stop = outcome.stop
    if stop is None:
        return
    fate = f"what was learned is kept in {run.path}" if outcome.is_kept else "what was learned since could not be kept"
    sentence = f"{stop.reason}: {fate}; {how_to_go_on(run.path, run.cfg.command, stateless)}"
    if not isinstance(stop.cause, KeyboardInterrupt):
        raise StoppedError(f"{sentence}.", run.path) from stop.cause
    print(f"stopped by {sentence}", file=sys.stderr)
    if isinstance(stop.cause, Terminated):
        raise SystemExit(stop.cause.exit_code)
