"""A task: data about a MuJoCo model, and formulas over arrays that serve NumPy and torch alike.

A formula gets its task, the fields of the worlds that it reads, and the array module `xp` (numpy or torch). All fields
have the world axis first, so one call computes all worlds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Literal, Protocol, TypeAlias

Array: TypeAlias = Any
"""A NumPy array or a torch tensor."""
Views: TypeAlias = Mapping[str, Array]
"""The fields of `TaskSpec.reads` with the world axis first, and those of `TaskSpec.constants` without it."""

Bounds: TypeAlias = float | tuple[float, ...]


class StateSampler(Protocol):
    """Random numbers for initial states."""

    def uniform(self, low: Bounds, high: Bounds, size: tuple[int, int]) -> Array:
        """Sample uniformly from [low, high); the bounds may differ by column."""
        ...

    def standard_normal(self, size: tuple[int, int]) -> Array:
        """Sample from the normal distribution with mean 0 and variance 1."""
        ...

    def until(self, accept: Callable[[Array], Array], sample: Callable[[int], Array], num: int) -> Array:
        """Sample `num` rows, and resample those that `accept` refuses."""
        ...


@dataclass(frozen=True, kw_only=True)
class Factor:
    """One term of the task reward, by itself."""

    name: str
    """Its key in `info` and in `PoolVectorEnv.factors`."""
    unit: str
    """Its unit, after weighting; "1" where it is a pure number."""
    doc: str
    """The term as an equation."""


@dataclass(frozen=True, kw_only=True)
class ObservationPart:
    """One part of the observation, in words that can be checked; `TaskSpec.observation` computes it."""

    field: str
    """MjData field, written as in `TaskSpec.reads`."""
    first: int = 0
    """First observed row of the field: a position, a velocity, a body; of one body, a number."""
    last: int | None = None
    """End of the observed rows, exclusive; None for all."""
    less: str = ""
    """Field that is subtracted."""
    through: str = ""
    """`sine` or `cosine`, if the observation has that of the number."""
    within: str = ""
    """Name of the range to which it is clipped."""


class Observation(Protocol):
    """The observation of the agent."""

    def __call__(self, task: "TaskSpec", views: Views, xp: ModuleType, /) -> tuple[Array, ...]:
        """Return the parts of the observation, in order. Shape of each: (N, any)."""
        ...


class Position(Protocol):
    """The point whose velocity the task rewards."""

    def __call__(self, task: "TaskSpec", views: Views, xp: ModuleType, /) -> Array:
        """Return the point. Shape: (N, 1) for x, (N, 2) for x and y, in m."""
        ...


class Terminated(Protocol):
    """Predicate: whether the state after the step is final."""

    def __call__(self, task: "TaskSpec", views: Views, xp: ModuleType, /) -> Array:
        """Return whether each state is final. Shape: (N,), bool."""
        ...


class RewardTerms(Protocol):
    """The reward, term by term."""

    def __call__(self, task: "TaskSpec", views: Views, step: "StepFacts", xp: ModuleType, /) -> dict[str, Array]:
        """Return the terms in the order of `TaskSpec.factors`. Shape of each: (N,)."""
        ...


class MetricBegin(Protocol):
    """The memory of a metric when an episode starts."""

    def __call__(self, task: "TaskSpec", views: Views, xp: ModuleType, /) -> Array:
        """Return the memory. Shape: (N, any), no columns without a memory; it may be a view."""
        ...


class MetricStep(Protocol):
    """The metric of a step, by the state after it and the memory of those before."""

    def __call__(self, task: "TaskSpec", views: Views, memory: Array, xp: ModuleType, /) -> tuple[Array, Array]:
        """Return the memory from here on, (N, any), maybe a view, and the metric of the step, (N,)."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Metric:
    """The metric of evaluation in a task without a reward, a sum over the steps of an episode."""

    name: str
    """The quantity that is counted, such as `backflips`."""
    unit: str
    """Unit of the sum of an episode; "1" for a pure number."""
    doc: str
    """The rule by which steps count, with its bounds."""
    reads: tuple[str, ...] = ()
    """MjData fields it reads beside those of the task."""
    constants: tuple[str, ...] = ()
    """MjModel fields it reads beside those of the task."""
    begin: MetricBegin
    step: MetricStep


class Initial(Protocol):
    """Where episodes start."""

    def __call__(
        self, task: "TaskSpec", sample: StateSampler, num: int, qpos0: Array, qvel0: Array, /
    ) -> tuple[Array, Array]:
        """Sample `num` initial states. Shapes: (num, nq) and (num, nv)."""
        ...


@dataclass(frozen=True, kw_only=True)
class StepFacts:
    """Facts about a step, beside the state after it."""

    action: Array
    """Actions, not clipped. Shape: (N, A)."""
    velocity: Array
    """Velocity of the position, in m/s. Shape: (N, D), where D is 0 in tasks without a position."""
    terminated: Array
    """Whether the state after the step is final. Shape: (N,), bool."""


def sum_in_order(terms: Mapping[str, Array]) -> Array:
    """Add up the reward terms from left to right. Shape: (N,)."""
    total, *rest = terms.values()
    for term in rest:
        total = total + term
    return total


def nothing_more(task: "TaskSpec", views: Views, xp: ModuleType) -> dict[str, Array]:
    """Return no infos about the state."""
    return {}


@dataclass(frozen=True, kw_only=True, eq=False)
class TaskSpec:
    """One task: its model, observation, reward and final states."""

    name: str
    """Its name, without namespace and version."""
    model: str
    """The model's file among the assets of the installed Gymnasium."""
    solver: Literal["", "Newton"] = ""
    """The solver for contact forces; empty for that of the model."""
    frame_skip: int
    """Simulation steps per action."""
    timestep: float
    """Duration of a simulation step, in s; checked against the model."""
    max_episode_steps: int
    """Actions after which an episode is cut off."""
    reads: tuple[str, ...]
    """MjData fields the formulas read; `field/name` is the row of one named body, site or geom, as in `xpos/torso`."""
    constants: tuple[str, ...] = ()
    """MjModel fields the formulas read, written in the same way."""
    weights: Mapping[str, float] = field(default_factory=dict[str, float])
    """Weights of the reward terms."""
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])
    """Bounds of a healthy state, and of clipped quantities."""
    reset_noise: float = 0.0
    """Scale of the noise on initial states."""
    num_contacts: int = 24
    """Contacts for which a GPU makes room, per world and on the average."""
    num_constraints: int = 96
    """Constraints for which a GPU makes room in each world."""
    safe_speed: float | None = None
    """Speed up to which running is safe, in m/s: that of Safety-Gymnasium's task of this name, version 1."""
    camera: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Camera of the pictures: fields of mujoco.MjvCamera."""
    task_description: str = ""
    """Task description, one sentence, of a task without a reward."""
    metric: Metric | None = None
    """The metric of evaluation; None for the reward."""
    factors: tuple[Factor, ...] = ()
    """The reward terms, in the order of `reward_terms`."""
    ranking: tuple[str, ...] = ()
    """Names of the factors by importance, for raters that rank them."""
    observation_parts: tuple[ObservationPart, ...] = ()
    """The parts of the observation, in order."""
    starts: str = ""
    """How episodes start, in words; `{noise}` is `reset_noise`."""
    ends: str = "never"
    """When an episode terminates, in words; `{name[0]}` and `{name[1]}` are the bounds of a range."""
    observation: Observation
    position: Position | None = None
    terminated: Terminated | None = None
    """None for tasks that never terminate."""
    reward_terms: RewardTerms | None = None
    """None for tasks without a reward."""
    reward: Callable[[Mapping[str, Array]], Array] = sum_in_order
    """The reward out of its terms; the order of additions is Gymnasium's, so that results agree to the last bit."""
    info: Callable[["TaskSpec", Views, ModuleType], dict[str, Array]] = nothing_more
    """Infos about the state, at resets too. The arrays may be views."""
    initial: Initial

    @property
    def dt(self) -> float:
        """Duration of an action, in s."""
        return self.timestep * self.frame_skip

    @property
    def safe_limit(self) -> float | None:
        """Return factor `reward_forward` at the safe speed; None if no safe speed is known."""
        if self.safe_speed is None or "forward" not in self.weights:
            return None
        return self.safe_speed * self.weights["forward"]

    @property
    def about(self) -> dict[str, str]:
        """Entries of the metadata of its environments: description and metric of a task without a reward."""
        return {} if self.metric is None else {"task_description": self.task_description, "metric": self.metric.name}

    @property
    def needs_contact_forces(self) -> bool:
        """Whether formulas read `cfrc_ext`, which a simulation step alone does not compute."""
        return "cfrc_ext" in self.reads

    @property
    def reads_state_only(self) -> bool:
        """Whether formulas read nothing but the state itself, so that a reset has nothing to compute."""
        return set(self.reads) <= {"time", "qpos", "qvel", "act", "ctrl"}
