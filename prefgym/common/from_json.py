"""Configurations from the settings of a JSON or YAML file."""

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar, cast, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from prefgym.common.schema import in_words

T = TypeVar("T")

OLD_FIELDS = {"num_ahead": "n_step", "num_judges": "num_target_critics", "cut": "keep_short"}
"""Names of settings in earlier versions, and now."""
_TYPES = ConfigDict(arbitrary_types_allowed=True)


def config_from_json(default: T, value: object) -> T:
    """Convert settings of a JSON file into a configuration of the type of `default`, as the types of its fields say.

    Raises:
        ValueError: If this version does not know one of the settings, or one has another type.
    """
    if not isinstance(value, dict):
        raise ValueError(f"settings are a mapping, not {value!r:.50}")
    settings = {OLD_FIELDS.get(name, name): one for name, one in cast("dict[str, object]", value).items()}
    default_ = cast(Any, default)
    if unknown := set(settings) - {field.name for field in fields(default_)}:
        raise ValueError(f"this was learned by another version of prefgym: {', '.join(sorted(unknown))} is unknown")
    hints = get_type_hints(type(default), include_extras=True)
    made: dict[str, object] = {}
    for name, one in settings.items():
        old = getattr(default, name)
        made[name] = config_from_json(old, one) if is_dataclass(old) else _of_type(hints[name], name, one)
    return cast(T, replace(default_, **made))


def _of_type(hint: object, name: str, value: object) -> object:
    """Convert a value to the type of a field: JSON has no tuples and no paths.

    Raises:
        ValueError: If it is of another type.
    """
    try:
        made: object = TypeAdapter(cast(Any, hint), config=_TYPES).validate_python(value)
    except ValidationError as error:
        raise ValueError(f"{name}: {in_words(error)}") from None
    return tuple(cast("list[object]", made)) if isinstance(made, list) else made  # configurations have no lists
