"""Samplers: they select the segments of queries. `make(name, ...)` builds one, `names()` lists them."""

from typing import TYPE_CHECKING

from prefgym.common.registry import Registry

if TYPE_CHECKING:
    from prefgym.core.protocols import Sampler

__all__ = ["build", "cfg", "get", "make", "names", "register", "registry"]

registry: "Registry[Sampler]" = Registry("sampler")
register, names, get = registry.register, registry.names, registry.get
cfg, make, build = registry.cfg, registry.make, registry.build

register("uniform", "prefgym.samplers.uniform:UniformSampler")
register("disagreement", "prefgym.samplers.informative:DisagreementSampler")
register("entropy", "prefgym.samplers.informative:EntropySampler")
register("k-center", "prefgym.samplers.k_center:KCenterSampler")
register("disagreement-k-center", "prefgym.samplers.k_center:DisagreementKCenterSampler")

registry.alias(random="uniform")
