"""Names that people type: unknown ones get a sentence that helps."""

import difflib
from collections.abc import Iterable

REWARDS = ("learned", "task", "metric", "recorded")
"""What the environments of prefgym can give."""


def check_name(kind: str, name: object, known: Iterable[str]) -> None:
    """Complain unless `name` is one of the known ones.

    Args:
        kind: What it is the name of, such as `backend`.
        name: What was asked for.
        known: What there is.

    Raises:
        ValueError: If it is unknown; the message says what is closest.
    """
    known = list(known)
    if name in known:
        return
    close = difflib.get_close_matches(str(name), known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there is {', '.join(known)}"
    raise ValueError(f"unknown {kind} {name!r}: {hint}")


def check_render_mode(mode: str | None) -> None:
    """Complain unless pictures can be had that way; None asks for none.

    Raises:
        ValueError: If the mode is unknown.
    """
    if mode is not None:
        check_name("render mode", mode, ("rgb_array",))
