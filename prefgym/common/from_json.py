"""Configurations from the settings of a JSON or YAML file."""

from dataclasses import fields, is_dataclass, replace
from typing import TypeVar, cast

T = TypeVar("T")

OLD_FIELDS = {"num_ahead": "n_step", "num_judges": "num_target_critics", "cut": "keep_short"}
"""Names of settings in earlier versions, and now."""


def config_from_json(default: T, value: object) -> T:
    """Convert settings of a JSON file into a configuration of the type of `default`.

    Raises:
        ValueError: If this version does not know one of the settings.
    """
    if is_dataclass(default) and not isinstance(default, type):
        settings = {OLD_FIELDS.get(name, name): one for name, one in cast("dict[str, object]", value).items()}
        if unknown := set(settings) - {field.name for field in fields(default)}:
            raise ValueError(f"this was learned by another version of prefgym: {', '.join(sorted(unknown))} is unknown")
        return replace(default, **{name: config_from_json(getattr(default, name), x) for name, x in settings.items()})
    # JSON has no tuples, and configurations have no lists
    return cast(T, tuple(cast("list[object]", value)) if isinstance(value, list) else value)
