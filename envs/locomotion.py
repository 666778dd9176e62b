"""Tasks that move a body: Ant, HalfCheetah, Hopper, Swimmer, Walker2d.

They are the tasks `<Name>-v5` of Gymnasium, to the last bit.
"""

from collections.abc import Mapping
from types import ModuleType

from prefgym.envs.formulas import (
    NORMAL_START,
    SURVIVE,
    UNIFORM_START,
    effort,
    gains_and_costs,
    normal_start,
    squares,
    uniform_start,
    within,
    xy_info,
)
from prefgym.sim.task import Array, Factor, ObservationPart, StepFacts, TaskSpec, Views

_FORWARD = Factor(name="reward_forward", unit="m/s", doc="w_forward dx/dt, x of the torso")
_CTRL = Factor(name="reward_ctrl", unit="1", doc="-w_ctrl |action|^2")


def _x(task: TaskSpec, views: Views, xp: ModuleType) -> Array:
    return views["qpos"][..., :1]


def _xy(task: TaskSpec, views: Views, xp: ModuleType) -> Array:
    return views["qpos"][..., :2]


def _x_info(task: TaskSpec, views: Views, xp: ModuleType) -> dict[str, Array]:
    return {"x_position": views["qpos"][..., 0]}


def _xz_info(task: TaskSpec, views: Views, xp: ModuleType) -> dict[str, Array]:
    qpos = views["qpos"]
    return {"x_position": qpos[..., 0], "z_distance_from_origin": qpos[..., 1] - views["qpos0"][1]}


def _run(task: TaskSpec, views: Views, step: StepFacts, xp: ModuleType) -> dict[str, Array]:
    forward = task.weights["forward"] * step.velocity[..., 0]
    return {"reward_forward": forward, "reward_ctrl": effort(task, step, xp)}


# --- HalfCheetah, Swimmer: run, never terminate ---


def _cheetah_seen(task: TaskSpec, views: Views, xp: ModuleType) -> tuple[Array, ...]:
    return views["qpos"][..., 1:], views["qvel"]


def _swimmer_seen(task: TaskSpec, views: Views, xp: ModuleType) -> tuple[Array, ...]:
    return views["qpos"][..., 2:], views["qvel"]


HALF_CHEETAH = TaskSpec(
    name="HalfCheetah",
    model="half_cheetah.xml",
    frame_skip=5,
    timestep=0.01,
    max_episode_steps=1000,
    reads=("qpos", "qvel"),
    weights={"forward": 1.0, "ctrl": 0.1},
    safe_speed=3.2096,
    reset_noise=0.1,
    camera={"distance": 4.0},
    factors=(_FORWARD, _CTRL),
    ranking=("reward_forward", "reward_ctrl"),
    observation_parts=(ObservationPart(field="qpos", first=1), ObservationPart(field="qvel")),
    starts=NORMAL_START,
    observation=_cheetah_seen,
    position=_x,
    reward_terms=_run,
    info=_x_info,
    initial=normal_start,
)

SWIMMER = TaskSpec(
    name="Swimmer",
    model="swimmer.xml",
    frame_skip=4,
    timestep=0.01,
    max_episode_steps=1000,
    reads=("qpos", "qvel"),
    weights={"forward": 1.0, "ctrl": 1e-4},
    safe_speed=0.2282,
    reset_noise=0.1,
    factors=(_FORWARD, _CTRL),
    ranking=("reward_forward", "reward_ctrl"),
    observation_parts=(ObservationPart(field="qpos", first=2), ObservationPart(field="qvel")),
    starts=UNIFORM_START,
    observation=_swimmer_seen,
    position=_xy,
    reward_terms=_run,
    info=xy_info,
    initial=uniform_start,
)


# --- Hopper, Walker2d: run and stay up ---


def _legs_seen(task: TaskSpec, views: Views, xp: ModuleType) -> tuple[Array, ...]:
    return views["qpos"][..., 1:], views["qvel"].clip(*task.ranges["seen_velocity"])


def _hopper_down(task: TaskSpec, views: Views, xp: ModuleType) -> Array:
    state = xp.concatenate((views["qpos"][..., 2:], views["qvel"]), -1)
    return ~within(state, task.ranges["healthy_state"]).all(-1) | _walker_down(task, views, xp)


def _walker_down(task: TaskSpec, views: Views, xp: ModuleType) -> Array:
    qpos, ranges = views["qpos"], task.ranges
    return ~(within(qpos[..., 1], ranges["healthy_z"]) & within(qpos[..., 2], ranges["healthy_angle"]))


def _run_upright(task: TaskSpec, views: Views, step: StepFacts, xp: ModuleType) -> dict[str, Array]:
    survive = ~step.terminated * task.weights["survive"]
    return _run(task, views, step, xp) | {"reward_survive": survive}


def _gains_first(terms: Mapping[str, Array]) -> Array:
    return terms["reward_forward"] + terms["reward_survive"] + terms["reward_ctrl"]


HOPPER = TaskSpec(
    name="Hopper",
    model="hopper.xml",
    frame_skip=4,
    timestep=0.002,
    max_episode_steps=1000,
    reads=("qpos", "qvel"),
    constants=("qpos0",),
    weights={"forward": 1.0, "ctrl": 1e-3, "survive": 1.0},
    safe_speed=0.7402,
    ranges={
        "healthy_z": (0.7, float("inf")),
        "healthy_angle": (-0.2, 0.2),
        "healthy_state": (-100.0, 100.0),
        "seen_velocity": (-10.0, 10.0),
    },
    reset_noise=5e-3,
    camera={"trackbodyid": 2, "distance": 3.0, "lookat": (0.0, 0.0, 1.15), "elevation": -20.0},
    factors=(_FORWARD, _CTRL, SURVIVE),
    ranking=("reward_survive", "reward_forward", "reward_ctrl"),
    observation_parts=(ObservationPart(field="qpos", first=1), ObservationPart(field="qvel", within="seen_velocity")),
    starts=UNIFORM_START,
    ends=(
        "when the torso is at {healthy_z[0]:g} m or lower, pitched by {healthy_angle[1]:g} rad or more, or any other "
        "angle or any velocity is {healthy_state[1]:g} or more"
    ),
    observation=_legs_seen,
    position=_x,
    terminated=_hopper_down,
    reward_terms=_run_upright,
    reward=_gains_first,
    info=_xz_info,
    initial=uniform_start,
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
    safe_speed=2.3415,
    ranges={"healthy_z": (0.8, 2.0), "healthy_angle": (-1.0, 1.0), "seen_velocity": (-10.0, 10.0)},
    reset_noise=5e-3,
    camera={"trackbodyid": 2, "distance": 4.0, "lookat": (0.0, 0.0, 1.15), "elevation": -20.0},
    factors=(_FORWARD, _CTRL, SURVIVE),
    ranking=("reward_survive", "reward_forward", "reward_ctrl"),
    observation_parts=(ObservationPart(field="qpos", first=1), ObservationPart(field="qvel", within="seen_velocity")),
    starts=UNIFORM_START,
    ends=(
        "when the height of the torso is not in ({healthy_z[0]:g}, {healthy_z[1]:g}) m, or it is pitched by "
        "{healthy_angle[1]:g} rad or more"
    ),
    observation=_legs_seen,
    position=_x,
    terminated=_walker_down,
    reward_terms=_run_upright,
    reward=_gains_first,
    info=_xz_info,
    initial=uniform_start,
)


# --- Ant ---


def _ant_contacts(task: TaskSpec, views: Views) -> Array:
    return views["cfrc_ext"].clip(*task.ranges["contact_force"])


def _ant_seen(task: TaskSpec, views: Views, xp: ModuleType) -> tuple[Array, ...]:
    contacts = _ant_contacts(task, views)[:, 1:]
    return views["qpos"][..., 2:], views["qvel"], contacts.reshape(len(contacts), -1)


def _torso_xy(task: TaskSpec, views: Views, xp: ModuleType) -> Array:
    return views["xpos/torso"][..., :2]


def _ant_down(task: TaskSpec, views: Views, xp: ModuleType) -> Array:
    qpos, (low, high) = views["qpos"], task.ranges["healthy_z"]
    finite = xp.isfinite(qpos).all(-1) & xp.isfinite(views["qvel"]).all(-1)
    return ~(finite & (low <= qpos[..., 2]) & (qpos[..., 2] <= high))


def _ant_terms(task: TaskSpec, views: Views, step: StepFacts, xp: ModuleType) -> dict[str, Array]:
    contact = task.weights["contact"] * squares(_ant_contacts(task, views), xp)
    return _run(task, views, step, xp) | {
        "reward_contact": -contact,
        "reward_survive": ~step.terminated * task.weights["survive"],
    }


ANT = TaskSpec(
    name="Ant",
    model="ant.xml",
    frame_skip=5,
    timestep=0.01,
    max_episode_steps=1000,
    reads=("qpos", "qvel", "xpos/torso", "cfrc_ext"),
    weights={"forward": 1.0, "ctrl": 0.5, "contact": 5e-4, "survive": 1.0},
    safe_speed=2.6222,
    ranges={"healthy_z": (0.2, 1.0), "contact_force": (-1.0, 1.0)},
    reset_noise=0.1,
    camera={"distance": 4.0},
    factors=(
        _FORWARD,
        _CTRL,
        Factor(name="reward_contact", unit="1", doc="-w_contact |contact forces, each within 1|^2"),
        SURVIVE,
    ),
    ranking=("reward_survive", "reward_forward", "reward_ctrl", "reward_contact"),
    observation_parts=(
        ObservationPart(field="qpos", first=2),
        ObservationPart(field="qvel"),
        ObservationPart(field="cfrc_ext", first=1, within="contact_force"),
    ),
    starts=NORMAL_START,
    ends="when the height of the torso is not in [{healthy_z[0]:g}, {healthy_z[1]:g}] m, or the state is not finite",
    observation=_ant_seen,
    position=_torso_xy,
    terminated=_ant_down,
    reward_terms=_ant_terms,
    reward=gains_and_costs,
    info=xy_info,
    initial=normal_start,
)
