"""The parts of a training run."""

from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

import torch
from gymnasium.vector import VectorEnv

from prefgym.buffers.base_recorder import BaseRecorder
from prefgym.core.capabilities import Capability, capabilities_of
from prefgym.core.protocols import Agent, Learner, Rater, Sampler
from prefgym.core.segments import Segments
from prefgym.sim.source import EnvSource
from prefgym.training.budget import Budget, Schedule
from prefgym.wrappers.preference import PreferenceVectorEnv

Metrics: TypeAlias = dict[str, float | None]
"""Numbers by the names under which they are logged; None is left out."""


@dataclass(frozen=True, kw_only=True)
class Advance:
    """Metrics of one advance of a source."""

    session: Metrics = field(default_factory=Metrics)
    """Of answers that came in; empty if none did."""
    learning: Metrics = field(default_factory=Metrics)
    """Of the agent."""


@dataclass(eq=False, kw_only=True)
class Parts:
    """Everything that takes part in a run; without a rater the agent learns from the task reward."""

    source: EnvSource
    """Makes further environments, for evaluation."""
    env: VectorEnv[Any, Any, Any]
    agent: Agent
    rater: Rater | None
    sampler: Sampler
    learner: Learner
    budget: Budget
    schedule: Schedule
    generator: torch.Generator
    """Draws the queries."""
    shown_so_far: list[Segments]
    """Options of all queries so far, for samplers that spread their queries."""

    @property
    def recorder(self) -> BaseRecorder | None:
        """Return what segments are drawn from; None without a rater."""
        return None if self.rater is None else cast(PreferenceVectorEnv, self.env).recorder

    def stateful_parts(self) -> dict[str, Any]:
        """Name the parts that change: all of these must be `Stateful` for a run to be resumed."""
        rater = {} if self.rater is None else {"wrapper": self.env, "rater": self.rater}
        has_memory = Capability.STATEFUL in capabilities_of(self.sampler)  # most samplers remember nothing
        sampler = {"sampler": self.sampler} if has_memory else {}
        counters = {"budget": self.budget, "schedule": self.schedule, **sampler}
        return {"env": self.env.unwrapped, "agent": self.agent, **rater, "learner": self.learner, **counters}


def stateless(parts: Parts) -> list[str]:
    """Name the parts that have no state to save, so that a run with them cannot be resumed."""
    return [name for name, part in parts.stateful_parts().items() if Capability.STATEFUL not in capabilities_of(part)]
