"""What a task is: data about a MuJoCo model, and formulas over arrays that serve NumPy and torch alike.

A formula gets the task it belongs to, what it may read of the worlds, and the array module `xp` (numpy or torch).
Whatever it reads has the world axis first, so one call computes all worlds.
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
        """Draw uniformly from [low, high); the bounds may differ by column."""
        ...

    def standard_normal(self, size: tuple[int, int]) -> Array:
        """Draw from the normal distribution with mean 0 and variance 1."""
        ...

    def until(self, accept: Callable[[Array], Array], sample: Callable[[int], Array], num: int) -> Array:
        """Draw `num` rows with `sample`, and those again that are not accepted."""
        ...


@dataclass(frozen=True, kw_only=True)
class Factor:
    """One term of the task reward, by itself."""

    name: str
    """Its key in `info` and in `PoolVectorEnv.factors`."""
    unit: str
    """What it is measured in, after weighting; "1" where it is a pure number."""
    doc: str
    """What it rewards, as an equation."""


@dataclass(frozen=True, kw_only=True)
class ObservationPart:
    """One part of the observation, in words that can be checked; `TaskSpec.observation` computes it."""

    field: str
    """MjData field, written as in `TaskSpec.reads`."""
    first: int = 0
    """First row of the field that is seen: a position, a velocity, a body; of one body, a number."""
    last: int | None = None
    """Row before which that ends; None for all."""
    less: str = ""
    """Field that is subtracted."""
    through: str = ""
    """`sine` or `cosine`, where that is seen."""
    within: str = ""
    """Name of the range to which it is clipped."""


class Observation(Protocol):
    """What the agent sees."""

    def __call__(self, task: "TaskSpec", views: Views, xp: ModuleType, /) -> tuple[Array, ...]:
        """Return the parts of the observation, in order. Shape of each: (N, any)."""
        ...


class Position(Protocol):
    """The point whose velocity the task gives for."""

    def __call__(self, task: "TaskSpec", views: Views, xp: ModuleType, /) -> Array:
        """Return it. Shape: (N, 1) for x, (N, 2) for x and y, in m."""
        ...


class Terminated(Protocol):
    """Whether the state the step led to is final."""

    def __call__(self, task: "TaskSpec", views: Views, xp: ModuleType, /) -> Array:
        """Return it. Shape: (N,), bool."""
        ...


class RewardTerms(Protocol):
    """The reward, term by term."""

    def __call__(self, task: "TaskSpec", views: Views, step: "StepFacts", xp: ModuleType, /) -> dict[str, Array]:
        """Return the terms in the order of `TaskSpec.factors`. Shape of each: (N,)."""
        ...


class MetricBegin(Protocol):
    """What a measure remembers when an episode starts."""

    def __call__(self, task: "TaskSpec", views: Views, xp: ModuleType, /) -> Array:
        """Return it. Shape: (N, any), no columns where nothing is remembered; it may be a view."""
        ...


class MetricStep(Protocol):
    """What a step counts, by the state it led to and what is remembered of those before."""

    def __call__(self, task: "TaskSpec", views: Views, memory: Array, xp: ModuleType, /) -> tuple[Array, Array]:
        """Return what is remembered from here on, (N, any), maybe a view, and what the step counts, (N,)."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Metric:
    """What evaluation counts in a task without a reward, as a sum over the steps of an episode."""

    name: str
    """What is counted, such as `backflips`."""
    unit: str
    """What an episode's sum is measured in; "1" for a pure number."""
    doc: str
    """What counts, with its bounds."""
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
        """Draw `num` initial states. Shapes: (num, nq) and (num, nv)."""
        ...


@dataclass(frozen=True, kw_only=True)
class StepFacts:
    """What a step did, beside the state it led to."""

    action: Array
    """What was asked for, as it came. Shape: (N, A)."""
    velocity: Array
    """How fast the position moved, in m/s. Shape: (N, D), where D is 0 in tasks without a position."""
    terminated: Array
    """Shape: (N,), bool."""


def sum_in_order(terms: Mapping[str, Array]) -> Array:
    """Add up the reward terms from left to right. Shape: (N,)."""
    total, *rest = terms.values()
    for term in rest:
        total = total + term
    return total


def nothing_more(task: "TaskSpec", views: Views, xp: ModuleType) -> dict[str, Array]:
    """Say nothing about where the worlds are."""
    return {}


@dataclass(frozen=True, kw_only=True, eq=False)
class TaskSpec:
    """One task: what is simulated, observed, rewarded and final."""

    name: str
    """Its name, without namespace and version."""
    model: str
    """The model's file among the assets of the installed Gymnasium."""
    solver: Literal["", "Newton"] = ""
    """What solves for contact forces; empty for what the model says."""
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
    """Bounds: of a healthy state, and of what is clipped."""
    reset_noise: float = 0.0
    """Scale of the noise on initial states."""
    num_contacts: int = 24
    """Contacts for which a GPU makes room, per world and on the average."""
    num_constraints: int = 96
    """Constraints for which a GPU makes room in each world."""
    safe_speed: float | None = None
    """Speed up to which running is safe, in m/s: that of Safety-Gymnasium's task of this name, version 1."""
    camera: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Where pictures are taken from: fields of mujoco.MjvCamera."""
    task_description: str = ""
    """What is wanted, in a sentence, where no reward says it."""
    metric: Metric | None = None
    """What evaluation counts; None for the reward."""
    factors: tuple[Factor, ...] = ()
    """The reward terms, in the order of `reward_terms`."""
    ranking: tuple[str, ...] = ()
    """Names of the factors by importance, for raters who rank them."""
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
    """What `info` says of the state, at resets too. The arrays may be views."""
    initial: Initial

    @property
    def dt(self) -> float:
        """Duration of an action, in s."""
        return self.timestep * self.frame_skip

    @property
    def safe_limit(self) -> float | None:
        """Return what factor `reward_forward` is at the safe speed; None where nothing says what is safe."""
        if self.safe_speed is None or "forward" not in self.weights:
            return None
        return self.safe_speed * self.weights["forward"]

    @property
    def about(self) -> dict[str, str]:
        """What the metadata of its environments says: what is wanted, and what is counted, where there is no reward."""
        return {} if self.metric is None else {"task_description": self.task_description, "metric": self.metric.name}

    @property
    def needs_contact_forces(self) -> bool:
        """Whether formulas read `cfrc_ext`, which a simulation step alone does not compute."""
        return "cfrc_ext" in self.reads

    @property
    def reads_state_only(self) -> bool:
        """Whether formulas read nothing but the state itself, so that a reset has nothing to compute."""
        return set(self.reads) <= {"time", "qpos", "qvel", "act", "ctrl"}
