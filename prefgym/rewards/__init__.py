"""Reward learners, fitted to preferences. `make(name, ...)` builds one, `names()` lists them."""

from typing import TYPE_CHECKING

from prefgym.common.registry import Registry

if TYPE_CHECKING:
    from prefgym.core.protocols import Learner

__all__ = ["build", "cfg", "get", "make", "names", "register", "registry"]

registry: "Registry[Learner]" = Registry("reward")
register, names, get = registry.register, registry.names, registry.get
cfg, make, build = registry.cfg, registry.make, registry.build

register("ensemble", "prefgym.rewards.ensemble:Ensemble")
register("win-rate", "prefgym.rewards.win_rate:WinRate")
register("preference-model", "prefgym.rewards.preference_model:PreferenceModel")

registry.alias(spo="preference-model", bradley_terry="ensemble", reward_model="ensemble", drlhp="ensemble")
registry.elsewhere(
    pebble="is an agent, with the reward learner ensemble: --agent pebble",
    cpl="is an agent that needs no reward: prefgym train-offline --agent cpl",
)
