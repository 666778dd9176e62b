"""What the surroundings have to offer a part when it is made.

A constructor names the fields that it wants as keyword parameters; `Registry.build` hands them over.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from prefgym.core.protocols import Env, Expert, Policy, Simulator
from prefgym.core.segments import Segments


@dataclass(frozen=True, eq=False, kw_only=True)
class RaterContext:
    """What a rater may know of the task, and of the agent in training."""

    seed: int = 0
    """Seed of its random numbers, which are its own."""
    has_reward: bool = True
    """Whether segments carry the task reward."""
    task_description: str = ""
    """The task in words, where it has no reward."""
    step_return: Callable[[], float] | None = None
    """Returns the mean task reward of a recorded step."""
    factor_names: tuple[str, ...] = ()
    """Reward factors that segments carry."""
    ranking: tuple[str, ...] = ()
    """The task's own ranking of these, most important first."""
    safe_limit: float | None = None
    """Torque-like limit above which a step is unsafe, where the task has one."""
    policy: Policy | None = None
    """The agent in training, where there is one."""
    make_expert: Callable[[], Expert | None] = lambda: None
    """Loads the expert of the task; used by the first part that wants it."""
    make_simulator: Callable[[], Simulator | None] = lambda: None
    """Makes the simulator that continues recorded states."""

    @cached_property
    def expert(self) -> Expert | None:
        """Return the expert of the task, with values; None where there is none."""
        return self.make_expert()

    @cached_property
    def simulator(self) -> Simulator | None:
        """Return the simulator that continues recorded states; None where segments carry none."""
        return self.make_simulator()


@dataclass(frozen=True, eq=False, kw_only=True)
class SamplerContext:
    """What a sampler may know of the run."""

    asked: Callable[[], Segments | None] = lambda: None
    """Returns the options of all queries so far, as one batch; None before the first query."""


@dataclass(frozen=True, eq=False, kw_only=True)
class LearnerContext:
    """What a reward learner is made for."""

    env: Env
    """Environments whose spaces its inputs have."""
    seed: int = 0
    """Seed of weights and random numbers."""
    device: str = "cpu"
    """Where its networks are."""


@dataclass(frozen=True, eq=False, kw_only=True)
class AgentContext:
    """What an agent is made for."""

    env: Env
    """Environments to act in, or whose spaces the recorded data have."""
    seed: int = 0
    """Seed of weights and random numbers."""
    device: str = "cpu"
    """Where its networks are."""
    data: object = None
    """Recorded data of agents that learn offline (`prefgym.rl.offline.OfflineData`)."""
