"""Tasks that move a body: Ant, HalfCheetah, Hopper, Humanoid, HumanoidStandup, Swimmer, Walker2d.

They are the tasks `<Name>-v5` of Gymnasium, to the last bit.
"""

from collections.abc import Mapping
from types import ModuleType

from prefgym.sim.task import Array, Draw, Factor, StepFacts, TaskSpec, Views


def _all_but_x(task: TaskSpec, views: Views, xp: ModuleType) -> tuple[Array, ...]:
    return views["qpos"][..., 1:], views["qvel"]


def _all_but_x_slowed(task: TaskSpec, views: Views, xp: ModuleType) -> tuple[Array, ...]:
    return views["qpos"][..., 1:], views["qvel"].clip(*task.ranges["seen_velocity"])


def _x(task: TaskSpec, views: Views, xp: ModuleType) -> Array:
    return views["qpos"][..., :1]


def _x_info(task: TaskSpec, views: Views, xp: ModuleType) -> dict[str, Array]:
    return {"x_position": views["qpos"][..., 0]}


def _x_and_height_info(task: TaskSpec, views: Views, xp: ModuleType) -> dict[str, Array]:
    qpos = views["qpos"]
    return {"x_position": qpos[..., 0], "z_distance_from_origin": qpos[..., 1] - views["qpos0"][1]}


def _within(value: Array, bounds: tuple[float, float]) -> Array:
    return (bounds[0] < value) & (value < bounds[1])


def _uniform(task: TaskSpec, draw: Draw, num: int, qpos0: Array, qvel0: Array) -> tuple[Array, Array]:
    noise = task.reset_noise
    qpos = qpos0 + draw.uniform(-noise, noise, (num, len(qpos0)))
    return qpos, qvel0 + draw.uniform(-noise, noise, (num, len(qvel0)))


def _uniform_and_normal(task: TaskSpec, draw: Draw, num: int, qpos0: Array, qvel0: Array) -> tuple[Array, Array]:
    noise = task.reset_noise
    qpos = qpos0 + draw.uniform(-noise, noise, (num, len(qpos0)))
    return qpos, qvel0 + noise * draw.standard_normal((num, len(qvel0)))


def _run(task: TaskSpec, views: Views, step: StepFacts, xp: ModuleType) -> dict[str, Array]:
    return {
        "reward_forward": task.weights["forward"] * step.velocity[..., 0],
        "reward_ctrl": -(task.weights["ctrl"] * xp.square(step.action).sum(-1)),
    }


def _run_upright(task: TaskSpec, views: Views, step: StepFacts, xp: ModuleType) -> dict[str, Array]:
    terms = _run(task, views, step, xp)
    return terms | {"reward_survive": ~step.terminated * task.weights["survive"]}


def _forward_and_survive_first(terms: Mapping[str, Array]) -> Array:
    return terms["reward_forward"] + terms["reward_survive"] + terms["reward_ctrl"]


def _hopper_down(task: TaskSpec, views: Views, xp: ModuleType) -> Array:
    qpos, qvel = views["qpos"], views["qvel"]
    healthy = _within(qpos[..., 1], task.ranges["healthy_z"]) & _within(qpos[..., 2], task.ranges["healthy_angle"])
    in_range = _within(qpos[..., 2:], task.ranges["healthy_state"]).all(-1)
    return ~(healthy & in_range & _within(qvel, task.ranges["healthy_state"]).all(-1))


def _walker_down(task: TaskSpec, views: Views, xp: ModuleType) -> Array:
    qpos = views["qpos"]
    return ~(_within(qpos[..., 1], task.ranges["healthy_z"]) & _within(qpos[..., 2], task.ranges["healthy_angle"]))


_FORWARD = Factor(name="reward_forward", unit="m/s", doc="w_forward * dx/dt")
_CTRL = Factor(name="reward_ctrl", unit="1", doc="-w_ctrl * |action|^2")
_SURVIVE = Factor(name="reward_survive", unit="1", doc="w_survive while the body is upright")

HALF_CHEETAH = TaskSpec(
    name="HalfCheetah",
    model="half_cheetah.xml",
    frame_skip=5,
    timestep=0.01,
    max_episode_steps=1000,
    reads=("qpos", "qvel"),
    weights={"forward": 1.0, "ctrl": 0.1},
    reset_noise=0.1,
    camera={"distance": 4.0},
    factors=(_FORWARD, _CTRL),
    observation=_all_but_x,
    position=_x,
    reward_terms=_run,
    info=_x_info,
    initial=_uniform_and_normal,
)

HOPPER = TaskSpec(
    name="Hopper",
    model="hopper.xml",
    frame_skip=4,
    timestep=0.002,
    max_episode_steps=1000,
    reads=("qpos", "qvel"),
    constants=("qpos0",),
    weights={"forward": 1.0, "ctrl": 1e-3, "survive": 1.0},
    ranges={
        "healthy_z": (0.7, float("inf")),
        "healthy_angle": (-0.2, 0.2),
        "healthy_state": (-100.0, 100.0),
        "seen_velocity": (-10.0, 10.0),
    },
    reset_noise=5e-3,
    camera={"trackbodyid": 2, "distance": 3.0, "lookat": (0.0, 0.0, 1.15), "elevation": -20.0},
    factors=(_FORWARD, _CTRL, _SURVIVE),
    observation=_all_but_x_slowed,
    position=_x,
    terminated=_hopper_down,
    reward_terms=_run_upright,
    reward=_forward_and_survive_first,
    info=_x_and_height_info,
    initial=_uniform,
)

WALKER2D = TaskSpec(
    name="Walker2d",
    model="walker2d_v5.xml",
    frame_skip=4,
    timestep=0.002,
    max_episode_steps=1000,
    reads=("qpos", "qvel"),
    constants=("qpos0",),
    weights={"forward": 1.0, "ctrl": 1e-3, "survive": 1.0},
    ranges={"healthy_z": (0.8, 2.0), "healthy_angle": (-1.0, 1.0), "seen_velocity": (-10.0, 10.0)},
    reset_noise=5e-3,
    camera={"trackbodyid": 2, "distance": 4.0, "lookat": (0.0, 0.0, 1.15), "elevation": -20.0},
    factors=(_FORWARD, _CTRL, _SURVIVE),
    observation=_all_but_x_slowed,
    position=_x,
    terminated=_walker_down,
    reward_terms=_run_upright,
    reward=_forward_and_survive_first,
    info=_x_and_height_info,
    initial=_uniform,
)
