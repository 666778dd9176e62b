"""The flags of a configuration: names, limits, defaults and texts, as dataclasses hold them."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_args, get_origin, get_type_hints

import tyro

POSITIONAL = get_args(tyro.conf.Positional[int])[1]
SUPPRESSED = get_args(tyro.conf.Suppress[int])[1]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A field of a configuration, or of a configuration in it, and its flag."""

    flags: tuple[str, ...]
    """Its flag, then others for the same field; of a positional argument, its name in capitals."""
    owner: type[Any]
    """The dataclass that has the field."""
    name: str
    """The field."""
    hint: object
    """The type of the field, with its limits."""
    default: object
    """Its value in the configuration; `tyro.MISSING` if it must be given."""

    @property
    def is_positional(self) -> bool:
        """Return whether it has no flag."""
        return not self.flags[0].startswith("--")

    @property
    def shown(self) -> str:
        """Return the flag that help and refusals show: the one without a prefix, if there is one."""
        return next((flag for flag in self.flags if "." not in flag), self.flags[0])

    @property
    def negated(self) -> str:
        """Return the flag that switches it off: `--eval.no-keep` for `--eval.keep`."""
        *before, last = self.flags[0].removeprefix("--").split(".")
        return f"--{'.'.join([*before, f'no-{last}'])}"

    @property
    def text(self) -> str:
        """Return the text of its help: the docstring of the field."""
        texts = [docs[self.name] for cls in self.owner.__mro__ if self.name in (docs := field_docs(cls))]
        return " ".join(texts[0].split()) if texts else ""

    @property
    def kind(self) -> type[object]:
        """Return the type of its value, or of each of its values: bool, int, float, Path, str, or another one."""
        found = set(_types(self.hint))
        return next((kind for kind in (bool, int, float, Path, str) if kind in found), object)

    @property
    def choices(self) -> tuple[str, ...]:
        """Return the values that it may have, if these are few."""
        return tuple(map(str, _literals(self.hint)))

    @property
    def example(self) -> str:
        """Return the default as words of a command line; empty without one."""
        default = self.default
        if default in (None, tyro.MISSING, {}):
            return ""
        values = cast(tuple[object, ...], default if isinstance(default, tuple) else (default,))
        return " ".join(map(str, values))


def settings_of(cfg: object, prefix: str = "") -> Iterator[Setting]:
    """List the flags of a configuration, those of the configurations in it included.

    Args:
        cfg: A dataclass, or an instance of one, whose values are the defaults.
        prefix: What the flags begin with.
    """
    cls = cfg if isinstance(cfg, type) else type(cfg)
    hints = get_type_hints(cls, include_extras=True)
    for field in fields(cls):  # pyright: ignore[reportArgumentType] - it is a dataclass
        hint = hints[field.name]
        extras = list(_extras(hint))
        default = _default(field) if isinstance(cfg, type) else getattr(cfg, field.name)
        if SUPPRESSED in extras or not field.init:
            continue
        named = next((name for extra in extras if (name := getattr(extra, "name", None))), field.name)
        name = f"{prefix}{named}".replace("_", "-")
        if is_dataclass(default):
            yield from settings_of(default, f"{name}.")
        elif default is not None or not _is_object(hint):
            others = [alias for extra in extras for alias in getattr(extra, "aliases", None) or ()]
            flags = (name.upper(),) if POSITIONAL in extras else (f"--{name}", *others)
            yield Setting(flags=flags, owner=cls, name=field.name, hint=hint, default=default)


def description_of(cls: type[Any]) -> str:
    """Return the docstring of a configuration without its sections."""
    return re.split(r"\n\s*(?:Raises|Args|Returns):\n", inspect.getdoc(cls) or "")[0].strip()


@cache
def field_docs(cls: type[Any]) -> dict[str, str]:
    """Read the docstrings under the fields of a dataclass from its source; none without a source."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError, SyntaxError):  # made at run time
        return {}
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    return {
        field.target.id: text.value.value
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def _default(field: Field[Any]) -> object:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return tyro.MISSING if field.default is MISSING else field.default


def _extras(hint: object) -> Iterator[object]:
    """Yield what `Annotated` holds beside the type, at its outermost level."""
    if get_origin(hint) is Annotated:
        inner, *extras = get_args(hint)
        yield from extras
        yield from _extras(inner)


def _is_object(hint: object) -> bool:
    """Return whether a field holds the settings of a part, which is not chosen yet."""
    return (get_args(hint)[0] if get_origin(hint) is Annotated else hint) is object


def _types(hint: object) -> Iterator[object]:
    """Yield a type and those it is made of."""
    yield hint
    for part in get_args(hint):
        yield from _types(part)


def _literals(hint: object) -> Iterator[object]:
    """Yield the values of the `Literal` types in a type."""
    for part in get_args(hint):
        if get_origin(hint) is Literal:
            yield part
        else:
            yield from _literals(part)
