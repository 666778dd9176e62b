"""Samplers: which segments to ask about. `make(name, ...)` builds one, `names()` lists them."""

from typing import TYPE_CHECKING

from prefgym.common.registry import Registry

if TYPE_CHECKING:
    from prefgym.core.protocols import Sampler

__all__ = ["build", "cfg", "get", "make", "names", "register"]

_samplers: "Registry[Sampler]" = Registry("sampler", group="prefgym.samplers")
register, names, get = _samplers.register, _samplers.names, _samplers.get
cfg, make, build = _samplers.cfg, _samplers.make, _samplers.build

register("uniform", "prefgym.samplers.uniform:UniformSampler")
register("disagreement", "prefgym.samplers.informative:DisagreementSampler")
register("entropy", "prefgym.samplers.informative:EntropySampler")
register("k-center", "prefgym.samplers.k_center:KCenterSampler")
register("disagreement-k-center", "prefgym.samplers.k_center:DisagreementKCenterSampler")
