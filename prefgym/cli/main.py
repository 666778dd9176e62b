"""The command line: its commands, and what each of them does."""

import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from traceback import extract_tb
from typing import NamedTuple, NoReturn

import gymnasium as gym

import prefgym
from prefgym.common.errors import NotFiniteError, UnknownNameError, UserError
from prefgym.common.interrupt import INTERRUPTED
from prefgym.common.limits import LimitError, shortened
from prefgym.common.memory import is_out_of_memory
from prefgym.common.modules import trust
from prefgym.common.names import did_you_mean
from prefgym.common.parts import part_that_raised
from prefgym.common.signals import Terminated, terminable


class Command(NamedTuple):
    """A command."""

    module: str
    """Its module, whose `run` takes the flags and returns the exit code."""
    line: str
    """What it does, in at most 54 characters."""


GROUPS: dict[str, dict[str, Command]] = {
    "Learn": {
        "train": Command("prefgym.cli.train", "train on a reward that is learned from preferences"),
        "train-offline": Command("prefgym.cli.train_offline", "train on recorded preferences or demonstrations"),
        "stop": Command("prefgym.cli.stop", "stop a running run, which keeps what was learned"),
    },
    "Ask people": {
        "label": Command("prefgym.cli.label", "serve a page on which people judge segments"),
    },
    "Look at runs": {
        "evaluate": Command("prefgym.cli.evaluate", "measure the true return of a policy, and film it"),
        "report": Command("prefgym.cli.report", "write the report of a run again"),
        "compare": Command("prefgym.cli.compare", "compare runs: a table, and one page"),
    },
    "Data": {
        "make-preferences": Command("prefgym.cli.make_preferences", "have a rater compare segments of a dataset"),
        "feedback": Command("prefgym.cli.feedback", "export, import, check or show answers"),
        "curate": Command("prefgym.cli.curate", "drop or flip answers that gold contradicts"),
        "demos": Command("prefgym.cli.demos", "write episodes of a policy into a Minari dataset"),
    },
    "Else": {
        "list": Command("prefgym.cli.listing", "list environments, raters, rewards, samplers, agents"),
        "bench": Command("prefgym.cli.bench", "measure the speed of simulation and reward learning"),
    },
}
"""The commands, as `prefgym --help` groups them."""

COMMANDS = {name: command for group in GROUPS.values() for name, command in group.items()}

EXAMPLES = """\
  prefgym train --env prefgym/Hopper-v0 --rater mistake --budget 300
  prefgym train --seeds 0-5 --jobs 2 --out runs/oracle
  prefgym train --resume runs/RUN
  prefgym compare runs/oracle runs/mistake
  prefgym evaluate runs/RUN --episodes 20 --film
  prefgym list raters"""


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command; bad input ends in one sentence and exit code 2, Ctrl-C in exit code 130, SIGTERM in 143."""
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        _check_words(argv)
        with terminable():
            code = _dispatch(_import(argv))
            sys.stdout.flush()
            sys.exit(code)
    except BrokenPipeError:  # whoever read the output has gone, as `| head` does: there is nobody to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still to be flushed
        sys.exit(128 + signal.SIGPIPE)
    except Exception as error:
        if (sentence := sentence_of(error)) is None:
            raise
        _refuse(sentence)
    except Terminated as error:
        print(f"prefgym: stopped by {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("prefgym: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


def sentence_of(error: Exception) -> str | None:
    """Return a sentence about bad input, a part that raised, or too little memory; None if prefgym is at fault."""
    if isinstance(error, (UserError, UnknownNameError, LimitError, NotFiniteError, gym.error.DependencyNotInstalled)):
        return str(error)
    if is_out_of_memory(error):
        return "the memory of this machine does not suffice: lower the number of environments, steps or queries."
    if (part := part_that_raised(error)) is not None:
        place = extract_tb(error.__traceback__)[-1]
        return f"{part} raised {type(error).__name__}: {error} ({place.filename}, line {place.lineno})"
    return str(error) if isinstance(error, OSError) else None  # a file that cannot be read, a name too long


def _refuse(sentence: str) -> NoReturn:
    """Print a sentence in one line of at most 600 characters, and exit with code 2."""
    line = " ".join(sentence.split())
    print(f"prefgym: {line if len(line) <= 600 else f'{line[:300]} ... {line[-290:]}'}", file=sys.stderr)
    sys.exit(2)


def help_text() -> str:
    """Return the text of `prefgym --help`, at most 80 columns wide."""
    lines = ["Preference-based reinforcement learning for control.", "", "Usage: prefgym COMMAND ..."]
    for group, commands in GROUPS.items():
        lines += ["", f"{group}:", *(f"  {name:<20}{command.line}" for name, command in commands.items())]
    options = {
        "COMMAND --help": "settings of a command",
        "--version": "the version",
        "--completion bash": "a script that completes in bash; or in zsh",
        "--import MODULE": "before COMMAND: a module that registers environments",
    }
    lines += ["", "Options:", *(f"  {name:<20}{line}" for name, line in options.items())]
    return "\n".join([*lines, "", "Examples:", EXAMPLES])


def _check_words(argv: list[str]) -> None:
    """Refuse words that no file can hold: half characters, as names of files in another encoding have, and zeros."""
    for word in argv:
        if "\0" in word or (not word.isprintable() and word.encode(errors="replace").decode() != word):
            raise UserError(f"{shortened(ascii(word))} is no text in UTF-8: rename the file, and pass its new name")


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
    if argv[:1] in ([], ["-h"], ["--help"], ["help"]):
        print(help_text())
        return 0
    if argv[0] in ("-V", "--version"):
        print(prefgym.__version__)
        return 0
    if argv[0] == "--completion":
        from prefgym.cli.completion import completion  # imports all parts

        print(completion(" ".join(argv[1:]), [*COMMANDS]), end="")
        return 0
    if argv[0] not in COMMANDS:
        raise UserError(f"unknown command {argv[0]!r}: {did_you_mean(argv[0], COMMANDS)}")
    return import_module(COMMANDS[argv[0]].module).run(argv[1:])
