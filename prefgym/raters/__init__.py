"""Raters: sources of answers to queries. `make(name, ...)` builds one, `names()` lists them."""

from typing import TYPE_CHECKING

from prefgym.common.registry import Registry

if TYPE_CHECKING:
    from prefgym.core.protocols import Rater

__all__ = ["build", "cfg", "get", "make", "names", "register", "registry"]

registry: "Registry[Rater]" = Registry("rater")
register, names, get = registry.register, registry.names, registry.get
cfg, make, build = registry.cfg, registry.make, registry.build

for _name in ("partial-return", "oracle", "stochastic", "mistake", "skip", "equal", "myopic", "soft", "thumbs"):
    register(_name, "prefgym.raters.scripted:ScriptedRater", cfg=_name.replace("-", "_"))
register("heron", "prefgym.raters.heron:HeronRater")
register("cyclic", "prefgym.raters.cyclic:CyclicRater")
register("turning", "prefgym.raters.turning:RotationalRater")
register("peak-end", "prefgym.raters.peak_end:PeakEndRater")
register("weighted", "prefgym.raters.weighted:WeightedRater")
register("principles", "prefgym.raters.principles:PrinciplesRater")
register("mixture", "prefgym.raters.composite:MixtureRater")
for _name in ("fallible", "one-sided", "drifting"):
    register(_name, "prefgym.raters.composite:FallibleRater", cfg=_name.replace("-", "_"))
register("regret", "prefgym.raters.regret:RegretRater")
register("hindsight", "prefgym.raters.hindsight:HindsightRater")
register("foresight", "prefgym.raters.foresight:ForesightRater")
register("metric-oracle", "prefgym.raters.metric_oracle:MetricOracleRater")
register("safety", "prefgym.raters.safety:SafetyRater")
register("replay", "prefgym.raters.replay:ReplayRater")
register("human", "prefgym.raters.human:HumanRater")
register("none", "prefgym.raters.none:NoRater")

registry.alias(bradley_terry="partial-return", osp="soft", rlbff="principles", rlhs="hindsight", rluf="thumbs")
registry.elsewhere(
    b_pref="is six raters: oracle, stochastic, mistake, skip, equal and myopic",
    spo="is a reward learner: --reward spo",
)
