"""Settings by name: `NAME=VALUE` words on the command line, mappings in YAML and in Python."""

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, cast

from tyro.constructors import PrimitiveConstructorSpec

from prefgym.common.limits import Finite


def parse_named(words: list[str], form: str, convert: Callable[[str], Any]) -> dict[str, Any]:
    """Read `NAME=VALUE` words.

    >>> parse_named(["forward=1", "ctrl=-2"], "NAME=NUMBER", float)
    {'forward': 1.0, 'ctrl': -2.0}

    Args:
        words: The words.
        form: Their form, for the error.
        convert: Converts a value.

    Raises:
        ValueError: If a word has another form, or two have one name.
    """
    named: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        try:
            converted = convert(value)
        except ValueError:
            equals = ""
        else:
            if name in named:
                raise ValueError(f"{name} is given twice")
            named[name] = converted
        if not (name and equals):
            raise ValueError(f"write {form}, not {word!r}")
    return named


def parse_nested(words: list[str]) -> dict[str, Any]:
    """Read `NAME.SETTING=VALUE` words as nested mappings; a value is JSON, or else text.

    >>> parse_nested(["ann.weights.forward=-1", "ann.beta=0.5", "bob.values=critic"])
    {'ann': {'weights': {'forward': -1}, 'beta': 0.5}, 'bob': {'values': 'critic'}}

    Raises:
        ValueError: If a word has another form, or two set the same.
    """
    nested: dict[str, Any] = {}
    for path, value in parse_named(words, "NAME.SETTING=VALUE", _json_or_text).items():
        *above, last = path.split(".")
        inner = nested
        for name in above:
            found = inner.setdefault(name, {})
            if not isinstance(found, dict):
                raise ValueError(f"{path} is given twice")
            inner = cast("dict[str, Any]", found)
        if not above or not all((*above, last)):
            raise ValueError(f"write NAME.SETTING=VALUE, not '{path}={value}'")
        if last in inner:
            raise ValueError(f"{path} is given twice")
        inner[last] = value
    return nested


def nested_words(nested: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Write nested mappings as the words that `parse_nested` reads."""
    words: list[str] = []
    for name, value in nested.items():
        if isinstance(value, Mapping):
            words += nested_words(value, f"{prefix}{name}.")  # pyright: ignore[reportUnknownArgumentType]
        else:
            words.append(f"{prefix}{name}={value if isinstance(value, str) else json.dumps(value)}")
    return words


def _json_or_text(value: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def _flag(form: str, convert: Callable[[str], Any]) -> PrimitiveConstructorSpec[Mapping[str, Any]]:
    return PrimitiveConstructorSpec(
        nargs="*",
        metavar=form,
        instance_from_str=lambda words: parse_named(words, form, convert),
        is_instance=lambda value: isinstance(value, Mapping),
        str_from_instance=lambda named: [f"{name}={value}" for name, value in named.items()],
    )


Numbers = Annotated[Mapping[str, Finite], _flag("NAME=NUMBER", float)]
"""Numbers by name: `forward=1 ctrl=-2`."""
Texts = Annotated[Mapping[str, str], _flag("NAME=TEXT", str)]
"""Texts by name: `fast=forward:above:1`."""
Nested = Annotated[
    Mapping[str, Any],
    PrimitiveConstructorSpec[Mapping[str, Any]](
        nargs="*",
        metavar="NAME.SETTING=VALUE",
        instance_from_str=parse_nested,
        is_instance=lambda value: isinstance(value, Mapping),
        str_from_instance=nested_words,
    ),
]
"""Settings by name, each a mapping: `ann.weights.forward=1 bob.beta=0.5`."""
