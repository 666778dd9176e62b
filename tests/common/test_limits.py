"""Limits of settings: no number that is told to a configuration is beyond what makes sense."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, get_args, get_type_hints

import pytest

from prefgym import agents, raters, rewards, samplers
from prefgym.common.limits import Count, Finite, NonNegative, Positive, Share, Within, check
from prefgym.training.config import TrainCfg

FREE = {"means", "limit", "log_std_init", "target_entropy"}
"""Numbers that may be anything."""


@dataclass(frozen=True)
class FooCfg:
    count: Count | None = None
    sizes: tuple[Count, ...] = ()
    share: Share = 0.5
    rate: Positive = 1.0
    weight: NonNegative = 0.0
    weights: Mapping[str, Finite] = field(default_factory=dict[str, float])

    __post_init__ = check


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"count": 0}, "count must be 1 or more, not 0"),
        ({"sizes": (3, 0)}, "sizes must be 1 or more, not 0"),
        ({"share": 1.5}, "share must be between 0 and 1, not 1.5"),
        ({"share": math.nan}, "share must be between 0 and 1, not nan"),
        ({"rate": 0.0}, "rate must be above 0, not 0.0"),
        ({"weights": {"fast": 1.0, "calm": math.nan}}, r"weights must be between -1e\+30 and 1e\+30, not nan"),
        ({"weight": -1e-9}, "weight must be 0 or more, not -1e-09"),
    ],
)
def test_what_lies_outside_is_named(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        FooCfg(**settings)


def test_the_ends_lie_inside() -> None:
    assert FooCfg(count=1, sizes=(1, 2), share=1.0, weight=0.0).share == 1.0
    assert str(Within(0, 1, above=True)) == "above 0 and at most 1"
    assert 0 not in Within(0, 1, above=True)


def numbers(cfg: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """List the fields of a configuration, and of those in it, that hold numbers: their names and types."""
    hints = get_type_hints(type(cfg), include_extras=True)
    for setting in fields(cfg):
        value = getattr(cfg, setting.name)
        if is_dataclass(value):
            yield from numbers(value)
        elif {int, float} & {hints[setting.name], *parts(hints[setting.name])}:
            yield setting.name, hints[setting.name]


def parts(hint: Any) -> Iterator[Any]:  # noqa: ANN401
    """List what a type is made of, all the way down."""
    for part in get_args(hint):
        yield part
        yield from parts(part)


PARTS: dict[str, Any] = {"agent": agents, "rater": raters, "reward": rewards, "sampler": samplers}
CONFIGURATIONS: dict[str, Any] = {
    "train": TrainCfg(),
    **{f"--{kind} {name}": part.cfg(name) for kind, part in PARTS.items() for name in part.names()},
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_every_number_has_limits(name: str) -> None:
    """A setting that takes a number says which in its type."""
    unlimited = {
        field
        for field, hint in numbers(CONFIGURATIONS[name])
        if not any(isinstance(part, Within) for part in parts(hint))
    }
    assert unlimited <= FREE
