"""Formulas that several tasks share."""

from collections.abc import Mapping
from types import ModuleType

from prefgym.sim.task import Array, Factor, StateSampler, StepFacts, TaskSpec, Views

SURVIVE = Factor(name="reward_survive", unit="1", doc="w_survive while the state is healthy")

UNIFORM_START = "the model's own state, with uniform noise of up to ±{noise:g} on positions and velocities"
NORMAL_START = (
    "the model's own state, with uniform noise of up to ±{noise:g} on positions, and normal noise of standard "
    "deviation {noise:g} on velocities"
)


def uniform_start(task: TaskSpec, sample: StateSampler, num: int, qpos0: Array, qvel0: Array) -> tuple[Array, Array]:
    """Start at the model's own state, with uniform noise on positions and velocities."""
    noise = task.reset_noise
    qpos = qpos0 + sample.uniform(-noise, noise, (num, len(qpos0)))
    return qpos, qvel0 + sample.uniform(-noise, noise, (num, len(qvel0)))


def normal_start(task: TaskSpec, sample: StateSampler, num: int, qpos0: Array, qvel0: Array) -> tuple[Array, Array]:
    """Start at the model's own state, with uniform noise on positions and normal noise on velocities."""
    noise = task.reset_noise
    qpos = qpos0 + sample.uniform(-noise, noise, (num, len(qpos0)))
    return qpos, qvel0 + noise * sample.standard_normal((num, len(qvel0)))


def within(value: Array, bounds: tuple[float, float]) -> Array:
    """Return where a value lies strictly between its bounds."""
    return (bounds[0] < value) & (value < bounds[1])


def length(vector: Array, xp: ModuleType) -> Array:
    """Return the Euclidean norm over the last axis."""
    return xp.sqrt(xp.linalg.vecdot(vector, vector))


def squares(array: Array, xp: ModuleType) -> Array:
    """Sum the squares of everything each environment has, (N, ...). Shape: (N,)."""
    squared = xp.square(array)
    return squared.reshape(len(squared), -1).sum(-1)


def effort(task: TaskSpec, step: StepFacts, xp: ModuleType) -> Array:
    """Return the control cost, -w |action|^2."""
    return -(xp.square(step.action).sum(-1) * task.weights["ctrl"])


def gains_and_costs(terms: Mapping[str, Array]) -> Array:
    """Add up the gains, then the costs, in Gymnasium's order."""
    gains = terms["reward_forward"] + terms["reward_survive"]
    return gains + (terms["reward_ctrl"] + terms["reward_contact"])


def xy_info(task: TaskSpec, views: Views, xp: ModuleType) -> dict[str, Array]:
    """Return the position of the body in the plane, in m."""
    xy = views["qpos"][..., :2]
    return {"x_position": xy[..., 0], "y_position": xy[..., 1], "distance_from_origin": length(xy, xp)}
