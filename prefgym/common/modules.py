"""Modules that a user names as `module:Name`: found in the present folder too, and trusted from then on."""

import os
import sys
from functools import reduce
from importlib import import_module

from prefgym.common.errors import UserError
from prefgym.common.names import did_you_mean

_trusted: set[str] = set()


def trust(name: str) -> None:
    """Let files name what is in a module from now on, and have it called: `module` or `module:Name`."""
    _trusted.add(name.partition(":")[0])


def is_trusted(name: str) -> bool:
    """Return whether the user of this process has named the module himself, and not only a file."""
    return name.partition(":")[0] in _trusted


def look_in_present_folder() -> None:
    """Let modules of the present folder be imported, after all that are installed."""
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())


def load_module(name: str) -> object:
    """Import the module of `module:Name`.

    Raises:
        UserError: If it cannot be found.
    """
    look_in_present_folder()
    module = name.partition(":")[0]
    try:
        return import_module(module)
    except ImportError as error:
        raise UserError(f"{name} cannot be imported: {str(error).rstrip('.')}.") from error
    except ValueError:  # of an empty or a relative name
        raise UserError(f"{name!r} does not have the form module:Name.") from None


def load_attribute(name: str) -> object:
    """Import what `module:Name` stands for; the name may have dots.

    Raises:
        UserError: If there is no such module, or no such name in it.
    """
    found, (module, _, path) = load_module(name), name.partition(":")
    try:
        return reduce(getattr, path.split("."), found)
    except AttributeError:
        near = did_you_mean(path, [known for known in vars(found) if not known.startswith("_")], "is it spelt so?")
        raise UserError(f"the module {module} has no {path}: {near}") from None
