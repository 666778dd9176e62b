"""Names that users type, with suggestions for unknown ones."""

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """Suggest the closest known name; where none is close, return `otherwise`, or list all of them.

    >>> did_you_mean("blu-box", ["box", "blue-box"])
    "did you mean 'blue-box'?"
    >>> did_you_mean("qqq", ["box", "blue-box"])
    'choose among box, blue-box'
    """
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else otherwise or f"choose among {', '.join(known)}"


def check_name(kind: str, name: object, known: Iterable[str]) -> None:
    """Raise if a name is unknown.

    Args:
        kind: The kind of thing that is named, such as `backend`.
        name: The name.
        known: The known names.

    Raises:
        ValueError: If it is unknown; the message says which one is closest.
    """
    known = list(known)
    if name not in known:
        raise ValueError(f"unknown {kind} {name!r}: {did_you_mean(str(name), known)}")
