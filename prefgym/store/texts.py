"""Words of people and files: bounded, and free of what databases and terminals cannot hold."""

import unicodedata

from prefgym.common.errors import UserError

MOST_LINE, MOST_TEXT = 200, 50_000
"""Most characters of a name, and of a text."""


def check_line(what: str, text: str, *, empty: bool = False) -> str:
    """Return a name; it is one line that people can read.

    Raises:
        UserError: If it is none.
    """
    if len(text) > MOST_LINE:
        raise UserError(f"{_capital(what)} has at most {MOST_LINE} characters, and this one has {len(text)}.")
    if not empty and not text.strip():
        raise UserError(f"{_capital(what)} must not be empty.")
    if any(unicodedata.category(one) in ("Cc", "Cs") for one in text):
        raise UserError(f"{_capital(what)} must be one line without control characters, not {text!a}.")
    return text


def check_text(what: str, text: str, *, empty: bool = False) -> str:
    """Return a text; it may have several lines.

    Raises:
        UserError: If it is none.
    """
    if len(text) > MOST_TEXT:
        raise UserError(f"{_capital(what)} may have {MOST_TEXT} characters at most, not {len(text)}.")
    if not empty and not text.strip():
        raise UserError(f"{_capital(what)} must not be empty.")
    if any(unicodedata.category(one) in ("Cc", "Cs") and one not in "\t\n\r" for one in text):
        raise UserError(f"{_capital(what)} must be free of control characters.")
    return text


def _capital(what: str) -> str:
    return what[:1].upper() + what[1:]
