"""How environments are made: keyword arguments and wrappers, from Python or from flags."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, cast

from tyro.constructors import PrimitiveConstructorSpec

from prefgym.common.limits import check


def parse_kwargs(words: list[str]) -> dict[str, object]:
    """Read `NAME=VALUE` words; a value is JSON, or else text.

    >>> parse_kwargs(["g=9.81", "is_slippery=false", "map_name=8x8"])
    {'g': 9.81, 'is_slippery': False, 'map_name': '8x8'}

    Raises:
        ValueError: If a word has another form.
    """
    kwargs: dict[str, object] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.isidentifier():
            raise ValueError(f"write keyword arguments as NAME=VALUE, not {word!r}")
        try:
            kwargs[name] = json.loads(value)
        except json.JSONDecodeError:
            kwargs[name] = value
    return kwargs


_FLAG = PrimitiveConstructorSpec[Mapping[str, object]](
    nargs="*",
    metavar="NAME=VALUE",
    instance_from_str=parse_kwargs,
    is_instance=lambda value: isinstance(value, Mapping),
    str_from_instance=lambda kwargs: [f"{name}={json.dumps(value)}" for name, value in kwargs.items()],
)


@dataclass(frozen=True, kw_only=True)
class EnvCfg:
    """How environments are made.

    Raises:
        ValueError: If a value cannot be written to a file, or a wrapper is not named as `module:Wrapper`.
    """

    kwargs: Annotated[Mapping[str, object], _FLAG] = field(default_factory=dict[str, object])
    """Keyword arguments of the environment: NAME=VALUE, each value as JSON (2.5, true, [1, 2]) or else as text."""
    wrappers: tuple[str, ...] = ()
    """Wrappers around each environment, the innermost first, as `module:Wrapper`."""

    def __post_init__(self) -> None:
        check(self)
        try:
            json.dumps(dict(self.kwargs))
        except (TypeError, ValueError) as error:
            allowed = "numbers, text, lists and mappings; for others, pass a function that makes the environment"
            raise ValueError(f"keyword arguments must be {allowed} ({error})") from error
        for wrapper in self.wrappers:
            module, _, name = wrapper.partition(":")
            if not module or not name:
                raise ValueError(f"write wrappers as module:Wrapper, not {wrapper!r}")

    @classmethod
    def from_json(cls, settings: object) -> "EnvCfg":
        """Read the settings of a file; files of earlier versions have none.

        Raises:
            ValueError: If kwargs or wrappers are missing or of the wrong type.
        """
        if settings is None:
            return cls()
        held = cast("dict[str, object]", settings) if isinstance(settings, dict) else {}
        kwargs, wrappers = held.get("kwargs"), held.get("wrappers")
        if not isinstance(kwargs, dict) or not isinstance(wrappers, list):
            raise ValueError("env_cfg must have kwargs and wrappers")
        return cls(kwargs=cast("dict[str, object]", kwargs), wrappers=tuple(map(str, cast("list[object]", wrappers))))
