"""Configurations as flat settings, which can be compared."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, cast

from prefgym.runs.folder import plain

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Settings = dict[str, str]
"""A configuration, flat: values in words by dotted names."""


def settings(cfg: "DataclassInstance", prefix: str = "") -> Settings:
    """Flatten a resolved configuration, without settings that cannot change a result."""
    return relevant(flat(plain(asdict(cfg)), prefix))


def relevant(settings: Settings) -> Settings:
    """Drop settings that cannot change a result; without a rater, also those of queries and of the reward learner."""
    unused = ("out", "command", "report", "checkpoint.")
    if settings.get("rater") == "none":
        unused += ("budget", "schedule.", "recorder.", "sampler", "reward")
    return {name: value for name, value in settings.items() if not name.startswith(unused)}


def flat(config: Mapping[str, object], prefix: str = "") -> Settings:
    """Flatten a configuration.

    >>> flat({"seed": 0, "agent_cfg": {"hidden": [8, 8]}})
    {'seed': '0', 'agent_cfg.hidden': '[8, 8]'}
    """
    return dict(_flat(config, prefix))


def _flat(config: Mapping[str, object], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _flat(cast(Mapping[str, object], value), f"{prefix}{name}.")
        else:
            yield prefix + name, str(value)


NUM_OPTIONS = "sampler_cfg.num_options"
"""The setting which a run makes of None by the kind of feedback that its rater gives."""


def made_by_run(settings: Settings) -> tuple[str, ...]:
    """Name the settings that the run itself sets, so that those of a run that has begun may differ.

    >>> made_by_run({"sampler_cfg.num_options": "None"}), made_by_run({"sampler_cfg.num_options": "2"})
    (('sampler_cfg.num_options',), ())
    """
    return (NUM_OPTIONS,) if settings.get(NUM_OPTIONS) == "None" else ()


def without(settings: Settings, *names: str) -> Settings:
    """Drop some settings."""
    return {name: value for name, value in settings.items() if name not in names}
