"""Preference-based reinforcement learning for control: environments, raters, reward learners and agents.

Importing prefgym registers the environments `prefgym/*` with Gymnasium; nothing heavy is imported before it is used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from prefgym.common.interrupt import end_quietly_on_ctrl_c
from prefgym.common.moved import find_moved_modules

if TYPE_CHECKING:
    from prefgym import agents as agents
    from prefgym import envs as envs
    from prefgym import rewards as rewards
    from prefgym import samplers as samplers
    from prefgym import sb3 as sb3
    from prefgym import testing as testing
    from prefgym.core.choice import BradleyTerry as BradleyTerry
    from prefgym.core.feedback import Feedback as Feedback
    from prefgym.core.kinds import Comparison as Comparison
    from prefgym.core.kinds import Mark as Mark
    from prefgym.core.kinds import Ranking as Ranking
    from prefgym.core.kinds import Rating as Rating
    from prefgym.core.kinds import Thumbs as Thumbs
    from prefgym.core.preferences import Answers as Answers
    from prefgym.core.preferences import Preferences as Preferences
    from prefgym.core.preferences import RaterInfo as RaterInfo
    from prefgym.core.queries import Queries as Queries
    from prefgym.core.segments import Segments as Segments
    from prefgym.data.feedback import read_feedback as read_feedback
    from prefgym.data.feedback import write_feedback as write_feedback
    from prefgym.labeling.notebook import label as label
    from prefgym.report.compare.api import RunComparison as RunComparison
    from prefgym.report.compare.api import compare as compare
    from prefgym.rewards.files import save_reward as save_reward
    from prefgym.rl.base import StopTraining as StopTraining
    from prefgym.training.api import train as train
    from prefgym.training.api import train_offline as train_offline
    from prefgym.training.callbacks import Callback as Callback
    from prefgym.training.load import load_policy as load_policy
    from prefgym.training.load import load_reward as load_reward
    from prefgym.training.run import Run as Run
    from prefgym.wrappers.preference import PreferenceEnv as PreferenceEnv
    from prefgym.wrappers.preference import PreferenceVectorEnv as PreferenceVectorEnv

__version__ = "0.2.0"

_PARTS = ("agents", "envs", "raters", "rewards", "samplers", "sb3", "testing")
_NAMES = {
    "Answers": "prefgym.core.preferences",
    "BradleyTerry": "prefgym.core.choice",
    "Callback": "prefgym.training.callbacks",
    "Comparison": "prefgym.core.kinds",
    "Feedback": "prefgym.core.feedback",
    "Mark": "prefgym.core.kinds",
    "PreferenceEnv": "prefgym.wrappers.preference",
    "PreferenceVectorEnv": "prefgym.wrappers.preference",
    "Preferences": "prefgym.core.preferences",
    "Queries": "prefgym.core.queries",
    "Ranking": "prefgym.core.kinds",
    "RaterInfo": "prefgym.core.preferences",
    "Rating": "prefgym.core.kinds",
    "Run": "prefgym.training.run",
    "RunComparison": "prefgym.report.compare.api",
    "Segments": "prefgym.core.segments",
    "StopTraining": "prefgym.rl.base",
    "Thumbs": "prefgym.core.kinds",
    "compare": "prefgym.report.compare.api",
    "label": "prefgym.labeling.notebook",
    "load_policy": "prefgym.training.load",
    "load_reward": "prefgym.training.load",
    "read_feedback": "prefgym.data.feedback",
    "save_reward": "prefgym.rewards.files",
    "train": "prefgym.training.api",
    "train_offline": "prefgym.training.api",
    "write_feedback": "prefgym.data.feedback",
}
"""Which module each name of the public surface comes from."""

__all__ = [*_PARTS, *_NAMES, "__version__"]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - modules, classes and functions
    """Import a part of the public surface when it is first used."""
    if name in _PARTS:
        return importlib.import_module(f"prefgym.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'prefgym' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)


end_quietly_on_ctrl_c()
find_moved_modules()

from prefgym.envs.registration import register  # noqa: E402 - Ctrl-C may strike while it imports Gymnasium

register()
