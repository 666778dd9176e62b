"""Settings that the configurations of each kind of agent must have."""

from dataclasses import Field
from typing import Any, ClassVar, Protocol

from prefgym.nn.actor import ActorCfg


class AgentSettings(Protocol):
    """Any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


class OnlineSettings(AgentSettings, Protocol):
    """Settings of an agent that acts while it learns."""

    @property
    def num_steps(self) -> int:
        """Return the steps of each environment between two updates."""
        ...


class ReplaySettings(OnlineSettings, Protocol):
    """Settings of an agent with a replay buffer."""

    @property
    def random_steps(self) -> int:
        """Return the steps over all environments before the first update."""
        ...

    @property
    def updates_per_step(self) -> float:
        """Return the updates per step of an environment."""
        ...


class BasedSettings(ReplaySettings, Protocol):
    """Settings of an agent on top of a base policy."""

    @property
    def base(self) -> str:
        """Return the run folder of the base policy, or `zero`."""
        ...

    @property
    def demos(self) -> str:
        """Return the id of a dataset of demonstrations; empty for none."""
        ...


class OfflineSettings(AgentSettings, Protocol):
    """Settings of an offline agent."""

    @property
    def actor(self) -> ActorCfg:
        """Return the configuration of the actor network."""
        ...
