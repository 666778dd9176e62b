"""Reward learners: what is fitted to preferences. `make(name, ...)` builds one, `names()` lists them."""

from typing import TYPE_CHECKING

from prefgym.registry import Registry

if TYPE_CHECKING:
    from prefgym.protocols import Learner

__all__ = ["cfg", "get", "names", "register"]

_rewards: "Registry[Learner]" = Registry("reward", group="prefgym.rewards")
register, names, get, cfg, _make = _rewards.register, _rewards.names, _rewards.get, _rewards.cfg, _rewards.make

register("ensemble", "prefgym.rewards.ensemble:Ensemble")
