"""Settings of a run by dotted names, as its flags name them."""

from collections.abc import Mapping
from typing import Any, cast


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return the settings of a configuration as text.

    >>> flat({"env": "Hopper", "steps": 1000000, "agent_cfg": {"num_envs": 4, "gae": None, "norm": True}})
    {'env': 'Hopper', 'steps': '1,000,000', 'agent.num-envs': '4', 'agent.gae': 'none', 'agent.norm': 'yes'}
    """
    told: dict[str, str] = {}
    for key, value in config.items():
        if prefix or key != "command":
            name = prefix + str(key).removesuffix("_cfg").replace("_", "-")
            if isinstance(value, dict):
                told |= flat(cast("dict[str, Any]", value), f"{name}.")
            else:
                told[name] = _words(value)
    return told


def _words(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_words, cast("list[object]", value))) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)
