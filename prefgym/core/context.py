"""Contexts: the objects that a part can receive when it is made.

A constructor names the fields that it needs as keyword parameters; `Registry.build` passes them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from prefgym.common.errors import UserError
from prefgym.core.feedback import Feedback
from prefgym.core.protocols import Drawer, Env, Expert, MetricCounter, Policy, Simulator
from prefgym.core.segments import Segments


def cannot_render(segments: Segments) -> Tensor:
    """Refuse to draw segments, where nothing is known of their task.

    Raises:
        UserError: Always, unless they carry pictures.
    """
    if segments.frames is not None:
        return segments.frames
    raise UserError("segments cannot be drawn here: they carry no pictures, and their physics model is not known.")


@dataclass(frozen=True, eq=False, kw_only=True)
class RaterContext:
    """The task and the agent in training, as far as a rater may use them."""

    seed: int = 0
    """Seed of its own random number generator."""
    has_reward: bool = True
    """Whether segments carry the task reward."""
    env_id: str = ""
    """Name of the environment."""
    dt_s: float = 0.05
    """Time of a step, in seconds."""
    task_description: str = ""
    """The task in words, for tasks without a reward."""
    step_return: Callable[[], float] | None = None
    """Returns the mean task reward of a recorded step."""
    factor_names: tuple[str, ...] = ()
    """Reward factors that segments carry."""
    ranking: tuple[str, ...] = ()
    """The task's own ranking of these, most important first."""
    safe_limit: float | None = None
    """Factor `reward_forward` at the safe speed, where the task has one."""
    policy: Policy | None = None
    """The agent in training, where there is one."""
    render: Callable[[Segments], Tensor] = cannot_render
    """Draws segments, for a rater that looks: the picture before each step. Returns shape (..., T, H, W, 3), uint8."""
    make_expert: Callable[[], Expert | None] = lambda: None
    """Loads the expert of the task, once, when a part first needs it."""
    make_recorded: Callable[[], Feedback | None] = lambda: None
    """Reads the recorded answers that the settings of the rater name."""
    make_simulator: Callable[[], Simulator | None] = lambda: None
    """Makes the simulator that continues recorded states."""
    make_metric: Callable[[], MetricCounter | None] = lambda: None
    """Makes the counter of the hidden metric, for a rater that says that it sees it."""
    make_drawer: Callable[[], Drawer | None] = lambda: None
    """Makes the drawer of segments, for a rater of people."""

    @cached_property
    def expert(self) -> Expert | None:
        """Return the expert of the task, with values; None where there is none."""
        return self.make_expert()

    @cached_property
    def recorded(self) -> Feedback | None:
        """Return the recorded answers that the settings name; None where they name none."""
        return self.make_recorded()

    @cached_property
    def simulator(self) -> Simulator | None:
        """Return the simulator that continues recorded states; None where segments carry none."""
        return self.make_simulator()

    @cached_property
    def metric(self) -> MetricCounter | None:
        """Return the counter of the hidden metric; None where there is a reward, or segments carry no states."""
        return self.make_metric()

    @cached_property
    def drawer(self) -> Drawer | None:
        """Return whoever draws segments for pages."""
        return self.make_drawer()


@dataclass(frozen=True, eq=False, kw_only=True)
class SamplerContext:
    """The queries of the run so far, for a sampler."""

    asked: Callable[[], Segments | None] = lambda: None
    """Returns the options of all queries so far, as one batch; None before the first query."""


@dataclass(frozen=True, eq=False, kw_only=True)
class LearnerContext:
    """The environments, seed and device of a reward learner."""

    env: Env
    """Environments whose spaces define its inputs."""
    seed: int = 0
    """Seed of weights and random numbers."""
    device: str = "cpu"
    """Device of its networks."""


@dataclass(frozen=True, eq=False, kw_only=True)
class AgentContext:
    """The environments, seed, device and data of an agent."""

    env: Env
    """Environments to act in, or with the spaces of the recorded data."""
    seed: int = 0
    """Seed of weights and random numbers."""
    device: str = "cpu"
    """Device of its networks."""
    data: object = None
    """Recorded data of agents that learn offline (`prefgym.rl.offline.OfflineData`)."""
