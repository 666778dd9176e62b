"""Flags into a configuration, by tyro; what is wrong with them becomes one sentence that says the right call."""

import difflib
import shlex
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from itertools import takewhile
from typing import Any, TypeVar

import tyro
from tyro import _errors as parse_errors  # pyright: ignore[reportPrivateUsage] - tyro's hook for such sentences
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from prefgym.cli.help import write_help
from prefgym.cli.settings import Setting, settings_of
from prefgym.common.errors import UserError
from prefgym.common.limits import LimitError, shortened

T = TypeVar("T")

MOST_DIGITS = 30
"""Digits of the largest integer that is read: all are far beyond what can be simulated or kept."""

HELP = frozenset({"-h", "--help", "--help-all"})
"""Flags that ask for help."""

FEW = 6
"""Flags that are told to somebody who gives another one."""

registry = ConstructorRegistry()


@registry.primitive_rule  # pyright: ignore[reportUnknownMemberType]
def integers(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[int] | None:
    """Read integers as people write them: 1000000, 1_000_000, 1e6."""
    if info.type is not int:  # pyright: ignore[reportUnknownMemberType]
        return None
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="INT",
        instance_from_str=lambda words: parse_int(words[0]),
        is_instance=lambda value: isinstance(value, int) and not isinstance(value, bool),
        str_from_instance=lambda value: [str(value)],
    )


def parse_int(word: str) -> int:
    """Read an integer.

    >>> parse_int("1e5"), parse_int("1_000_000"), parse_int("-3")
    (100000, 1000000, -3)

    Raises:
        ValueError: If it is none, or has more than 30 digits.
    """
    try:
        number = Decimal(word)
    except InvalidOperation:
        number = Decimal("NaN")
    if number.is_finite() and number.adjusted() >= MOST_DIGITS:
        raise ValueError("it is too large")
    if not number.is_finite() or number.adjusted() < -MOST_DIGITS or number != int(number):
        raise ValueError("it is no whole number")
    return int(number)


def parse(cfg: type[T], argv: Sequence[str], command: str, *, default: T | None = None) -> T:
    """Let flags make or change a configuration; print help and exit if they ask for it.

    Args:
        cfg: Its dataclass.
        argv: The flags.
        command: The words before them, such as `prefgym train`.
        default: The configuration that the flags change; None for the defaults of the dataclass.

    Raises:
        UserError: If a flag is unknown, or a value does not fit; the sentence says the right call.
    """
    if HELP.intersection(argv):
        print(write_help(default or cfg, command))
        sys.exit(0)
    refusals = Refusals(list(settings_of(default or cfg)), list(argv), command)
    with parse_errors.on_parse_error(refusals):
        return tyro.cli(
            cfg,
            default=tyro.MISSING_NONPROP if default is None else default,
            args=argv,
            prog=command,
            registry=registry,
        )


class Refusals:
    """Turns what tyro refuses into one sentence.

    Args:
        settings: All flags of the command.
        argv: The flags given.
        command: The words before them.
    """

    def __init__(self, settings: list[Setting], argv: list[str], command: str) -> None:
        self.settings, self.argv, self.command = settings, argv, command

    def __call__(self, event: parse_errors.ParseErrorEvent, /) -> None:
        """Raise the sentence in the place of tyro's box.

        Raises:
            UserError: Always, but for events that tyro may have in later versions.
        """
        if isinstance(event, parse_errors.UnrecognizedArgs):
            sentence = self.unknown(event.tokens)
        elif isinstance(event, parse_errors.MissingArgs):
            sentence = self.missing([self._find(context.arg) for context in event.missing_arguments])
        elif isinstance(event, parse_errors.InvalidChoice):
            flag = self._find(event.argument).flags[0]
            calls = " or ".join(f"{flag} {choice}" for choice in event.choices)
            sentence = f"{flag} {shortened(event.value)}: there is no such choice; pass {calls}"
        elif isinstance(event, parse_errors.BadValue):
            setting = self._find(event.argument)
            sentence = f"{setting.flags[0]} needs a value{_call(', such as', setting)}"
        elif isinstance(event, parse_errors.InstantiationFailure):
            message, argument = event.message, event.argument
            if argument is not None and ("\n" in message or message.lower().startswith("could not")):
                message = f"it must be {argument.lowered.metavar}"  # in the place of what tyro or Python tried
            sentence = self.unfit(message, None if argument is None else self._find(argument))
        else:
            return
        raise UserError(sentence) from None

    def unknown(self, words: list[str]) -> str:
        """Say which flag may have been meant, and repeat its value."""
        word, *rest = words
        if not word.startswith("-"):
            return f"{shortened(word)!r} belongs to no flag: {self.command} --help lists them"
        name, equals, value = word.partition("=")
        values = [value] if equals else list(takewhile(lambda one: not one.startswith("--"), rest))
        flags = [flag for setting in self.settings for flag in (*setting.flags, setting.negated)]
        near = difflib.get_close_matches(name.replace("_", "-"), flags, n=1)
        if near:
            hint = f"did you mean {shlex.join([*near, *values])}?"
        elif len(self.settings) <= FEW:
            hint = f"{self.command} takes {', '.join(setting.flags[0] for setting in self.settings)} here"
        else:
            hint = f"{self.command} --help-all lists all flags"
        return f"unknown flag {shortened(name)}: {hint}"

    def missing(self, settings: list[Setting]) -> str:
        """Say which words are missing, and where."""
        words = [one.flags[0] if one.is_positional else f"{one.flags[0]} {one.name.upper()}" for one in settings]
        return f"{self.command} needs {' and '.join(words)}: {' '.join([self.command, *words])}"

    def unfit(self, message: str, setting: Setting | None) -> str:
        """Say why a value does not fit, and which one does."""
        limits = next((error for error in causes(sys.exception()) if isinstance(error, LimitError)), None)
        if limits is not None:
            owners = [one for one in self.settings if (one.owner, one.name) == (limits.owner, limits.field)]
            setting = next((one for one in owners if self._given(one)), owners[0])
            message = f"it must be {limits.limit}"
        if setting is None:
            return message
        return f"{self._given(setting) or setting.flags[0]}: {message}{_call('; pass', setting)}"

    def _given(self, setting: Setting) -> str:
        """Return a flag and its values as they were given the last time; empty without it."""
        for place, word in reversed([*enumerate(self.argv)]):
            if word.partition("=")[0].replace("_", "-") in setting.flags:
                values = takewhile(lambda one: not one.startswith("--"), self.argv[place + 1 :])
                return " ".join(shortened(one) if one else "''" for one in (word, *values))
        return ""

    def _find(self, argument: Any) -> Setting:  # noqa: ANN401 - a private type of tyro
        names = {*argument.lowered.name_or_flags, argument.field.intern_name.upper()}
        return next(one for one in self.settings if names.intersection(one.flags))


def _call(before: str, setting: Setting) -> str:
    """Return the call with the default, if there is one."""
    return f"{before} {setting.shown} {setting.example}" if setting.example else ""


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those that it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
