"""The command line: `prefgym train | train-offline | make-preferences | evaluate | report | ...`."""

import sys
from collections.abc import Sequence
from importlib import import_module

import gymnasium as gym

import prefgym
from prefgym.common.errors import UnknownNameError, UserError
from prefgym.common.finite import NotFiniteError
from prefgym.common.modules import trust
from prefgym.common.names import did_you_mean

COMMANDS = {
    "train": "prefgym.cli.train",
    "train-offline": "prefgym.cli.train_offline",
    "make-preferences": "prefgym.cli.make_preferences",
    "evaluate": "prefgym.cli.evaluate",
    "report": "prefgym.cli.report",
    "demos": "prefgym.cli.demos",
    "feedback": "prefgym.cli.feedback",
    "list": "prefgym.cli.listing",
    "bench": "prefgym.cli.bench",
}
"""The module of each command; its `run` takes the flags and returns the exit code."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command; bad input ends in one sentence and exit code 2, Ctrl-C in exit code 130."""
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        sys.exit(_dispatch(_import(argv)))
    # OSError: a file that cannot be read, a name too long
    except (UserError, UnknownNameError, OSError, NotFiniteError, gym.error.DependencyNotInstalled) as error:
        print(f"prefgym: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("prefgym: interrupted", file=sys.stderr)
        sys.exit(130)


def _import(argv: list[str]) -> list[str]:
    """Import the modules of `--import` before the command; return the other arguments."""
    while argv[:1] == ["--import"]:
        if len(argv) < 2:
            raise UserError("--import needs a module: prefgym --import MODULE COMMAND ...")
        if not all(part.isidentifier() for part in argv[1].split(".")):
            raise UserError(f"--import {argv[1]!r}: that is no name of a module.")
        try:
            import_module(argv[1])
        except ImportError as error:
            raise UserError(f"--import {argv[1]}: {error}.") from None
        trust(argv[1])
        argv = argv[2:]
    return argv


def _dispatch(argv: list[str]) -> int:
    if argv[:1] in ([], ["-h"], ["--help"]):
        print(__doc__, "\n\n".join(f"  prefgym {name} --help" for name in COMMANDS), sep="\n\n")
        print("\n  prefgym --import MODULE ... imports a module that registers environments or defines parts")
        return 0
    if argv[0] == "--version":
        print(prefgym.__version__)
        return 0
    if argv[0] not in COMMANDS:
        raise UserError(f"unknown command {argv[0]!r}: {did_you_mean(argv[0], COMMANDS)}")
    return import_module(COMMANDS[argv[0]]).run(argv[1:])
