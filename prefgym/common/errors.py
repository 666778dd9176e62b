"""Errors that reach the user as one sentence."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prefgym.common.finite import Values


class UserError(ValueError):
    """An error that the user can mend; the command line prints its sentence, without a traceback."""


class DamageError(UserError):
    """A file is missing, or its content differs from the content written."""


class UnknownNameError(ValueError):
    """A name that is not registered, or a setting that a part does not have."""


class NotFiniteError(ValueError):
    """A part returned a NaN or an infinity."""

    def __init__(self, part: str, arrays: "dict[str, Values]") -> None:
        """Name the part, and keep its arrays for diagnosis.

        Args:
            part: The part or quantity that is not finite, as the subject of a sentence.
            arrays: Its outputs and inputs, by name.
        """
        super().__init__(f"{part} is not finite")
        self.part, self.arrays = part, arrays


def in_one_line(error: Exception, most: int = 300) -> str:
    r"""Return the message of an error of another library as one line, without a full stop; its kind if it has none.

    >>> in_one_line(ValueError("no\n  such   thing."))
    'no such thing'
    """
    line = " ".join(str(error).split()).rstrip(".")
    return f"{line[:most]} ..." if len(line) > most else line or type(error).__name__


@contextmanager
def read_as(subject: str) -> Generator[None]:
    """Turn any error about the content of a file into one sentence; parts and libraries raise their own kinds.

    Args:
        subject: The file, and what it is not: `x.json was not written by this version`.

    Raises:
        DamageError: If the block raises an error other than a sentence of ours.
    """
    try:
        yield
    except (UserError, UnknownNameError, FileNotFoundError):
        raise
    except Exception as error:
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        raise DamageError(f"{subject}: {kind}{in_one_line(error)}.") from error
