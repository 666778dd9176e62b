"""Modules that a user names as `module:Name`: also found in the current folder, and trusted afterwards."""

import difflib
import os
import sys
from functools import reduce
from importlib import import_module
from pathlib import Path

from prefgym.common.errors import UserError
from prefgym.common.names import did_you_mean

_trusted: set[str] = set()


def trust(name: str) -> None:
    """Trust a module, `module` or `module:Name`: files may now name its members, and these may be called."""
    _trusted.add(name.partition(":")[0])


def is_trusted(name: str) -> bool:
    """Return whether the user of this process has named the module, rather than only a file."""
    return name.partition(":")[0] in _trusted


def trusted() -> tuple[str, ...]:
    """Return the trusted modules that are imported, for another process to import and trust as well."""
    return tuple(sorted(_trusted.intersection(sys.modules) - {"__main__"}))


def look_in_present_folder() -> None:
    """Make modules of the current folder importable, after all installed ones."""
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
    except (ValueError, TypeError):  # of an empty or a relative name
        raise UserError(f"{name!r} does not have the form module:Name.") from None


def load_attribute(name: str) -> object:
    """Import the object `module:Name`; the name may have dots.

    Raises:
        UserError: If there is no such module, or no such name in it.
    """
    found, (module, _, path) = load_module(name), name.partition(":")
    try:
        return reduce(getattr, path.split("."), found)
    except AttributeError:
        near = did_you_mean(path, [known for known in vars(found) if not known.startswith("_")], "is it spelt so?")
        raise UserError(f"the module {module} has no {path}: {near}") from None


def is_importable(value: object) -> bool:
    """Return whether module and name of a class or function lead to it; those of a lambda do not."""
    module, path = getattr(value, "__module__", ""), getattr(value, "__qualname__", "")
    if module == "__main__" or not path or "<" in path:
        return False
    return reduce(lambda found, name: getattr(found, name, None), path.split("."), sys.modules.get(module)) is value


EXTRAS = {
    "stable_baselines3": "sb3",
    "minari": "demos",
    "pyarrow": "data",
    "mujoco_warp": "warp",
    "sqlalchemy": "label",
    "alembic": "label",
}
"""The extra of prefgym that installs a package."""


def what_is_missing(name: str, module: str, package: str) -> str:
    """Say what to do about a package that a module needs, or about the module itself."""
    if ":" in name and package == module.partition(".")[0]:
        near = difflib.get_close_matches(package, [path.stem for path in Path().glob("*.py")], n=1)
        hint = f"did you mean {near[0]}?" if near else f"there is no {package}.py here"
        return f"is of the module {module}, which is neither installed nor in this folder: {hint}"
    install = f"pip install 'prefgym[{EXTRAS[package]}]'" if package in EXTRAS else f"pip install {package}"
    return f"needs {package}, which is not installed: {install}"
