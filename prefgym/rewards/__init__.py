"""Reward learners: what is fitted to preferences. `make(name, ...)` builds one, `names()` lists them."""

from typing import TYPE_CHECKING

from prefgym.common.registry import Registry

if TYPE_CHECKING:
    from prefgym.core.protocols import Learner

__all__ = ["build", "cfg", "get", "make", "names", "register"]

_rewards: "Registry[Learner]" = Registry("reward", group="prefgym.rewards")
register, names, get = _rewards.register, _rewards.names, _rewards.get
cfg, make, build = _rewards.cfg, _rewards.make, _rewards.build

register("ensemble", "prefgym.rewards.ensemble:Ensemble")
register("win-rate", "prefgym.rewards.win_rate:WinRate")
register("preference-model", "prefgym.rewards.preference_model:PreferenceModel")
