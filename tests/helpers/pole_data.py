"""Learning from recorded data of the inverted pendulum, and asking about them, in the fixture `here`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import prefgym
from prefgym import agents, raters
from prefgym.core.preferences import Preferences
from prefgym.samplers.uniform import UniformSamplerCfg
from prefgym.training.annotate import MakePreferencesCfg, make_preferences
from prefgym.training.config import OfflineEvalCfg
from prefgym.training.run import Run

DATASET: dict[str, Any] = {"dataset": "pole/random-v0", "datasets": Path("data")}


def small(agent: str = "cpl", **changes: Any) -> Any:  # noqa: ANN401
    """Configure an agent with a small policy."""
    return agents.cfg(agent, actor=replace(agents.cfg(agent).actor, hidden=(16,)), **changes)


def learn(agent: str = "cpl", /, **changes: Any) -> Run:  # noqa: ANN401
    """Train from the preferences."""
    settings: dict[str, Any] = {"preferences": "prefs", "threads": 1, "eval": OfflineEvalCfg(final_episodes=2)}
    return prefgym.train_offline(**{"agent": small(agent), **settings, **changes})


def ask(out: Path | str = "new", sampler: UniformSamplerCfg | None = None, **changes: Any) -> Preferences:  # noqa: ANN401
    """Ask about segments of the dataset."""
    sampler = sampler or UniformSamplerCfg(recent_steps=None)
    rater: dict[str, Any] = {"rater": "oracle", "rater_cfg": raters.cfg("oracle")}
    return make_preferences(MakePreferencesCfg(**{**DATASET, **rater, **changes}, sampler=sampler, out=Path(out))).only
