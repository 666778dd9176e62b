"""Preference-based reinforcement learning for control: environments, raters, reward learners and agents.

Importing prefgym registers the environments `prefgym/*` with Gymnasium; nothing heavy is imported before it is used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from prefgym.envs.registration import register

if TYPE_CHECKING:
    from prefgym.data.feedback import read_feedback as read_feedback
    from prefgym.training.load import load_policy as load_policy
    from prefgym.training.load import load_reward as load_reward
    from prefgym.wrappers.preference import PreferenceEnv as PreferenceEnv
    from prefgym.wrappers.preference import PreferenceVectorEnv as PreferenceVectorEnv

__version__ = "0.1.0"

_PARTS = ("agents", "choice", "envs", "preferences", "queries", "raters", "rewards", "samplers", "scores", "segments")
_NAMES = {
    "PreferenceEnv": "prefgym.wrappers.preference",
    "PreferenceVectorEnv": "prefgym.wrappers.preference",
    "load_policy": "prefgym.training.load",
    "load_reward": "prefgym.training.load",
    "read_feedback": "prefgym.data.feedback",
}

__all__ = [*_PARTS, *_NAMES, "__version__"]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Import a part of the public surface when it is first asked for."""
    if name in _PARTS:
        return importlib.import_module(f"prefgym.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'prefgym' has no attribute {name!r}")


register()
