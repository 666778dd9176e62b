"""Tasks of the humanoid: Humanoid, HumanoidStandup.

They are the tasks `<Name>-v5` of Gymnasium, to the last bit. Their solver, PGS, is not on GPUs, so there is one of each
with Newton's, too: other physics, and thus other tasks.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

from prefgym.envs.formulas import SURVIVE, UNIFORM_START, gains_and_costs, squares, uniform_start, within, xy_info
from prefgym.sim.task import Array, Factor, ObservationPart, StepFacts, TaskSpec, Views


def _seen(task: TaskSpec, views: Views, xp: ModuleType) -> tuple[Array, ...]:
    num = len(views["qpos"])
    return (
        views["qpos"][..., 2:],
        views["qvel"],
        views["cinert"][:, 1:].reshape(num, -1),
        views["cvel"][:, 1:].reshape(num, -1),
        views["qfrc_actuator"][..., 6:],
        views["cfrc_ext"][:, 1:].reshape(num, -1),
    )


def _center_of_mass_xy(task: TaskSpec, views: Views, xp: ModuleType) -> Array:
    mass = views["body_mass"]
    if mass.ndim == 2:  # environments with masses of their own
        return (xp.einsum("nb,nbj->nj", mass, views["xipos"]) / mass.sum(-1)[:, None])[..., :2]
    return (xp.einsum("b,nbj->nj", mass, views["xipos"]) / mass.sum())[..., :2]


def _humanoid_down(task: TaskSpec, views: Views, xp: ModuleType) -> Array:
    return ~within(views["qpos"][..., 2], task.ranges["healthy_z"])


def _applied_effort(task: TaskSpec, views: Views, xp: ModuleType) -> Array:
    return task.weights["ctrl"] * squares(views["ctrl"], xp)


def _impact(task: TaskSpec, views: Views, xp: ModuleType) -> Array:
    return (task.weights["contact"] * squares(views["cfrc_ext"], xp)).clip(*task.ranges["contact_cost"])


def _humanoid_terms(task: TaskSpec, views: Views, step: StepFacts, xp: ModuleType) -> dict[str, Array]:
    return {
        "reward_survive": ~step.terminated * task.weights["survive"],
        "reward_forward": task.weights["forward"] * step.velocity[..., 0],
        "reward_ctrl": -_applied_effort(task, views, xp),
        "reward_contact": -_impact(task, views, xp),
    }


def _standup_terms(task: TaskSpec, views: Views, step: StepFacts, xp: ModuleType) -> dict[str, Array]:
    return {
        "reward_linup": views["qpos"][..., 2] / task.timestep,
        "reward_quadctrl": -_applied_effort(task, views, xp),
        "reward_impact": -_impact(task, views, xp),
    }


def _standup_reward(terms: Mapping[str, Array]) -> Array:
    return terms["reward_linup"] + terms["reward_quadctrl"] + terms["reward_impact"] + 1


def _humanoid_info(task: TaskSpec, views: Views, xp: ModuleType) -> dict[str, Array]:
    tendons = {"tendon_length": views["ten_length"], "tendon_velocity": views["ten_velocity"]}
    return xy_info(task, views, xp) | tendons


def _standup_info(task: TaskSpec, views: Views, xp: ModuleType) -> dict[str, Array]:
    qpos = views["qpos"]
    return {
        "x_position": qpos[..., 0],
        "y_position": qpos[..., 1],
        "z_distance_from_origin": qpos[..., 2] - views["qpos0"][2],
        "tendon_length": views["ten_length"],
        "tendon_velocity": views["ten_velocity"],
    }


_PARTS = (
    ObservationPart(field="qpos", first=2),
    ObservationPart(field="qvel"),
    ObservationPart(field="cinert", first=1),
    ObservationPart(field="cvel", first=1),
    ObservationPart(field="qfrc_actuator", first=6),
    ObservationPart(field="cfrc_ext", first=1),
)
_SEEN = tuple(part.field for part in _PARTS)

HUMANOID = TaskSpec(
    name="Humanoid",
    model="humanoid.xml",
    frame_skip=5,
    timestep=0.003,
    max_episode_steps=1000,
    reads=(*_SEEN, "ctrl", "xipos", "ten_length", "ten_velocity"),
    constants=("body_mass",),
    weights={"forward": 1.25, "ctrl": 0.1, "contact": 5e-7, "survive": 5.0},
    safe_speed=1.4149,
    ranges={"healthy_z": (1.0, 2.0), "contact_cost": (float("-inf"), 10.0)},
    reset_noise=1e-2,
    camera={"trackbodyid": 1, "distance": 4.0, "lookat": (0.0, 0.0, 2.0), "elevation": -20.0},
    factors=(
        SURVIVE,
        Factor(name="reward_forward", unit="m/s", doc="w_forward dx/dt, x of the centre of mass"),
        Factor(name="reward_ctrl", unit="1", doc="-w_ctrl |control|^2"),
        Factor(name="reward_contact", unit="1", doc="-min(w_contact |contact forces|^2, 10)"),
    ),
    ranking=("reward_survive", "reward_forward", "reward_ctrl", "reward_contact"),
    observation_parts=_PARTS,
    starts=UNIFORM_START,
    ends="when the height of the torso is not in ({healthy_z[0]:g}, {healthy_z[1]:g}) m",
    observation=_seen,
    position=_center_of_mass_xy,
    terminated=_humanoid_down,
    reward_terms=_humanoid_terms,
    reward=gains_and_costs,
    info=_humanoid_info,
    initial=uniform_start,
)

HUMANOID_STANDUP = TaskSpec(
    name="HumanoidStandup",
    model="humanoidstandup.xml",
    frame_skip=5,
    timestep=0.003,
    max_episode_steps=1000,
    reads=(*_SEEN, "ctrl", "ten_length", "ten_velocity"),
    constants=("qpos0",),
    weights={"ctrl": 0.1, "contact": 0.5e-6},
    ranges={"contact_cost": (float("-inf"), 10.0)},
    reset_noise=1e-2,
    camera={"trackbodyid": 1, "distance": 4.0, "lookat": (0.0, 0.0, 0.8925), "elevation": -20.0},
    factors=(
        Factor(name="reward_linup", unit="m/s", doc="height of the torso / duration of a simulation step"),
        Factor(name="reward_quadctrl", unit="1", doc="-w_ctrl |control|^2"),
        Factor(name="reward_impact", unit="1", doc="-min(w_contact |contact forces|^2, 10)"),
    ),
    ranking=("reward_linup", "reward_quadctrl", "reward_impact"),
    observation_parts=_PARTS,
    starts=UNIFORM_START,
    observation=_seen,
    reward_terms=_standup_terms,
    reward=_standup_reward,
    info=_standup_info,
    initial=uniform_start,
)

_ON_GPUS: dict[str, Any] = {"solver": "Newton", "num_contacts": 64, "num_constraints": 256}
HUMANOID_NEWTON = replace(HUMANOID, name="HumanoidNewton", **_ON_GPUS)
HUMANOID_STANDUP_NEWTON = replace(HUMANOID_STANDUP, name="HumanoidStandupNewton", **_ON_GPUS)
