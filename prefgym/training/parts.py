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
"""Numbers by their names in the log; None is left out."""


@dataclass(frozen=True, kw_only=True)
class Advance:
    """Metrics of one advance of a source of data."""

    session: Metrics = field(default_factory=Metrics)
    """Metrics of the answers that arrived; empty if none did."""
    learning: Metrics = field(default_factory=Metrics)
    """Metrics of the agent."""


@dataclass(eq=False, kw_only=True)
class Parts:
    """The parts of an online run; without a rater, the agent learns from the task reward."""

    source: EnvSource
    """Builder of further environments, for evaluation."""
    env: VectorEnv[Any, Any, Any]
    agent: Agent
    rater: Rater | None
    sampler: Sampler
    learner: Learner
    budget: Budget
    schedule: Schedule
    generator: torch.Generator
    """Generator of the sampler."""
    shown_so_far: list[Segments]
    """Options of all queries so far, for samplers that spread their queries."""

    @property
    def recorder(self) -> BaseRecorder | None:
        """Return the recorder of the environments; None without a rater."""
        return None if self.rater is None else cast(PreferenceVectorEnv, self.env).recorder

    def stateful_parts(self) -> dict[str, Any]:
        """Return the parts that change, by name; a run can be resumed if all of them are `Stateful`."""
        rater = {} if self.rater is None else {"wrapper": self.env, "rater": self.rater}
        has_memory = Capability.STATEFUL in capabilities_of(self.sampler)  # most samplers have no state
        sampler = {"sampler": self.sampler} if has_memory else {}
        counters = {"budget": self.budget, "schedule": self.schedule, **sampler}
        return {"env": self.env.unwrapped, "agent": self.agent, **rater, "learner": self.learner, **counters}


def stateless(parts: Parts) -> list[str]:
    """List the parts without a state to save; a run with one of them cannot be resumed."""
    return [name for name, part in parts.stateful_parts().items() if Capability.STATEFUL not in capabilities_of(part)]
