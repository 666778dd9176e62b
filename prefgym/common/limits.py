"""Limits of settings: written in the types of a configuration's fields, checked when it is built."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, cast, get_args, get_origin, get_type_hints

MOST = 10**15
"""The largest count: more steps or bytes than anybody has, and a few of them fit 64 bits."""


@dataclass(frozen=True)
class Within:
    """Numbers from `low` to `high`."""

    low: float
    high: float = math.inf
    above: bool = False
    """Whether `low` itself is excluded."""

    def __contains__(self, value: float) -> bool:
        """Return whether a number lies within; NaN never does."""
        return self.low <= value <= self.high and not (self.above and value == self.low)

    def broken_by(self, value: float) -> str:
        """Return the limit in words, as far as a value outside breaks it."""
        return f"at most {MOST:,}" if self.high == MOST < value else str(self)

    def __str__(self) -> str:
        if self.low == -math.inf:
            return f"{self.high} or less" if self.high < math.inf else "a number"
        if self.high not in (MOST, math.inf):
            return f"above {self.low} and at most {self.high}" if self.above else f"between {self.low} and {self.high}"
        return f"above {self.low}" if self.above else f"{self.low} or more"


@dataclass(frozen=True)
class OneOf:
    """One of some values."""

    values: tuple[object, ...]

    def __contains__(self, value: object) -> bool:
        """Return whether a value is one of them."""
        return any(value == one and type(value) is type(one) for one in self.values)

    def broken_by(self, value: object) -> str:
        """Return the values in words."""
        del value
        return f"one of {', '.join(map(str, self.values))}"


class LimitError(ValueError):
    """A setting lies outside its limits."""

    def __init__(self, owner: type[Any], field: str, limit: "Within | OneOf", value: Any) -> None:  # noqa: ANN401
        """Keep the dataclass, its field, and the limit in words."""
        self.owner, self.field, self.limit = owner, field, limit.broken_by(value)
        super().__init__(f"{field} must be {self.limit}, not {shortened(value)}")


def shortened(value: object) -> str:
    """Write a value in at most 60 characters.

    >>> shortened(5), len(shortened("9" * 400))
    ('5', 60)
    """
    # Python refuses to write integers of more than 4300 digits in decimals
    text = hex(value) if isinstance(value, int) and value.bit_length() > 10_000 else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


Count = Annotated[int, Within(1, MOST)]
Natural = Annotated[int, Within(0, MOST)]
Few = Annotated[int, Within(1, 1000)]
"""A number of things that each take a network or a column."""
Width = Annotated[int, Within(1, 65_536)]
"""The width of a layer."""
BatchSize = Annotated[int, Within(1, 2**24)]
"""The size of a batch for one gradient step."""
Envs = Annotated[int, Within(1, 2**17)]
"""A number of environments that step together."""
LogStd = Annotated[float, Within(-20, 20)]
"""The logarithm of a standard deviation."""
Finite = Annotated[float, Within(-1e30, 1e30)]
"""Any number that single precision can hold."""
UpdatesPerStep = Annotated[float, Within(0, 10_000)]
NonNegative = Annotated[float, Within(0)]
Positive = Annotated[float, Within(0, above=True)]
Number = Annotated[float, Within(-math.inf)]
"""Any number but NaN."""
Seed = Annotated[int, Within(0, 2**32 - 1)]
"""A seed: at most the largest that NumPy, torch and environments accept."""
Threads = Annotated[int, Within(1, 4096)]
Share = Annotated[float, Within(0, 1)]


def check(cfg: Any) -> None:  # noqa: ANN401
    """Compare the fields of a dataclass with the limits and the literals in their types; None lies within all.

    The limits of a tuple or a mapping are those of its values.

    >>> @dataclass(frozen=True)
    ... class FooCfg:
    ...     hidden: tuple[Count, ...] = (64, 64)
    ...     __post_init__ = check
    >>> FooCfg(hidden=(64, 0))
    Traceback (most recent call last):
    prefgym.common.limits.LimitError: hidden must be 1 or more, not 0

    Raises:
        LimitError: If one lies outside.
    """
    hints = get_type_hints(cfg.__class__, include_extras=True)
    for field in fields(cfg):
        values = _values(getattr(cfg, field.name))
        for limit in _limits(hints[field.name]):
            for value in values:
                if value is not None and value not in limit:
                    raise LimitError(cfg.__class__, field.name, limit, value)


def _values(value: Any) -> tuple[Any, ...]:  # noqa: ANN401
    """List the values that a field holds."""
    if isinstance(value, Mapping):
        return tuple(cast(Mapping[str, Any], value).values())
    return cast(tuple[Any, ...], value) if isinstance(value, tuple) else (value,)


def _limits(hint: Any) -> Iterator[Within | OneOf]:  # noqa: ANN401
    """Find limits in a type and in the types it is made of."""
    if get_origin(hint) is Literal:
        yield OneOf(get_args(hint))
        return
    for part in get_args(hint):
        if isinstance(part, Within):
            yield part
        else:
            yield from _limits(part)
