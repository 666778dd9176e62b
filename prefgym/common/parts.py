"""Names of parts, ours or others', in errors: what they returned, and whose error it is."""

from collections.abc import Generator
from contextlib import contextmanager

from prefgym.common.errors import UserError

RAISED = "raised by the"
"""Beginning of the note of an error that a part raised."""


def name_of(part: object) -> str:
    """Return the name of a function or of the class of an object; of a wrapped callable, the name of that."""
    part = getattr(part, "answer", part)  # a callable as a rater
    return getattr(part, "__name__", type(part).__name__)


def wrong(kind: str, name: str, method: str, returned: str, expected: str) -> UserError:
    """Make the error of a part that returns something else than it should.

    Args:
        kind: Kind of the part.
        name: Its name.
        method: The method that was called; empty if the part itself was.
        returned: What it returned.
        expected: What it should have returned.
    """
    source = f" from {method}()" if method else ""
    return UserError(f"the {kind} {name} returned {returned}{source}, and {expected} was expected.")


@contextmanager
def raised_by(kind: str, name: str, lawful: tuple[type[Exception], ...] = ()) -> Generator[None]:
    """Name a part in a note of each error that it raises; one that came from another part has its note already.

    Args:
        kind: Kind of the part.
        name: Its name.
        lawful: Errors that are answers, beside those that are sentences already.
    """
    try:
        yield
    except (UserError, *lawful):
        raise
    except (Exception, SystemExit) as error:
        if not any(note.startswith(RAISED) for note in getattr(error, "__notes__", ())):
            error.add_note(f"{RAISED} {kind} {name}")
        raise


def part_that_raised(error: BaseException) -> str | None:
    """Return the part that an error came from, such as `the rater Crouch`; None if no note names one."""
    notes: list[str] = [*getattr(error, "__notes__", ())]
    return next((note.removeprefix("raised by ") for note in notes if note.startswith(RAISED)), None)
