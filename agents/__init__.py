"""Agents: one file an algorithm. `make(name, ...)` builds one, `names()` lists them."""

from typing import TYPE_CHECKING

from prefgym.common.registry import Registry

if TYPE_CHECKING:
    from prefgym.core.protocols import Agent

if __name__ != "prefgym.agents":
    raise ImportError("import prefgym.agents; agents/ is only its folder")

__all__ = ["build", "cfg", "get", "make", "names", "register", "registry"]

registry: "Registry[Agent]" = Registry("agent", tuned="prefgym.agents.tuned:tuned")
register, names, get = registry.register, registry.names, registry.get
cfg, make, build = registry.cfg, registry.make, registry.build

register("ppo", "prefgym.agents.ppo:PPO")
register("sac", "prefgym.agents.sac:SAC")
register("sb3", "prefgym.agents.sb3:Sb3Agent", cfg="Sb3Cfg")
register("sb3-ppo", "prefgym.agents.sb3:Sb3Agent", cfg="ppo")
register("sb3-sac", "prefgym.agents.sb3:Sb3Agent", cfg="sac")
register("sb3-td3", "prefgym.agents.sb3:Sb3Agent", cfg="td3")
register("pebble", "prefgym.agents.pebble:Pebble")
register("bc", "prefgym.agents.bc:BC")
register("sft", "prefgym.agents.sft:SFT")
register("cpl", "prefgym.agents.cpl:CPL")
register("cpl-kl", "prefgym.agents.cpl:CPL", cfg="kl")
register("p-iql", "prefgym.agents.p_iql:PIQL")
register("ipl", "prefgym.agents.ipl:IPL")
register("residual", "prefgym.agents.residual:Residual")

registry.alias(prefppo="ppo")
registry.elsewhere(
    spo="is a reward learner that goes with any agent: --reward spo --agent ppo",
    dqn="needs discrete actions, and prefgym has continuous ones",
)
