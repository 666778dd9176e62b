"""YAML without what makes it dangerous: no tags, no aliases, no deep nesting."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import yaml

from prefgym.common.errors import DamageError
from prefgym.common.schema import PLAIN, checked

_DEEPEST = 50


def read_yaml(text: str, file: Path) -> dict[str, Any]:
    """Read a mapping of plain values from YAML.

    Args:
        text: The text.
        file: File that it comes from, for messages.

    Raises:
        DamageError: If it is no mapping, or has what none of our files has.
    """
    depth = 0
    try:
        for event in cast("Iterator[yaml.Event]", yaml.parse(text, yaml.SafeLoader)):  # pyright: ignore[reportUnknownMemberType]
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST or isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None) is not None:
                why = "it is nested too deep" if depth > _DEEPEST else "aliases and tags are not allowed"
                raise DamageError(f"{file} is damaged: it cannot be read: {why}.")
        content = yaml.safe_load(text)
    except DamageError:
        raise
    except (yaml.YAMLError, ValueError) as error:  # ValueError: numbers of thousands of digits, dates that are none
        raise DamageError(f"{file} is damaged: it cannot be read, it is not valid YAML.") from error
    if not isinstance(content, dict):
        raise DamageError(f"{file} is damaged: it cannot be read, it holds no settings.")
    return checked(PLAIN, cast(object, content), file)
