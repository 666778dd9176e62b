"""Raters: who answers queries. `make(name, ...)` builds one, `names()` lists them."""

from typing import TYPE_CHECKING

from prefgym.common.registry import Registry

if TYPE_CHECKING:
    from prefgym.core.protocols import Rater

__all__ = ["build", "cfg", "get", "make", "names", "register"]

_raters: "Registry[Rater]" = Registry("rater", group="prefgym.raters")
register, names, get = _raters.register, _raters.names, _raters.get
cfg, make, build = _raters.cfg, _raters.make, _raters.build

for _name in ("partial-return", "oracle", "stochastic", "mistake", "skip", "equal", "myopic"):
    register(_name, "prefgym.raters.scripted:ScriptedRater", cfg=_name.replace("-", "_"))
register("heron", "prefgym.raters.heron:HeronRater")
register("cyclic", "prefgym.raters.cyclic:CyclicRater")
register("turning", "prefgym.raters.turning:RotationalRater")
register("peak-end", "prefgym.raters.peak_end:PeakEndRater")
register("mixture", "prefgym.raters.composite:MixtureRater")
for _name in ("fallible", "one-sided", "drifting"):
    register(_name, "prefgym.raters.composite:FallibleRater", cfg=_name.replace("-", "_"))
register("regret", "prefgym.raters.regret:RegretRater")
register("hindsight", "prefgym.raters.hindsight:HindsightRater")
register("safety", "prefgym.raters.safety:SafetyRater")
register("none", "prefgym.raters.none:NoRater")
