"""Tasks without a reward, for raters that judge pictures: a task description, and a metric for evaluation only.

They share model, observation and start with the tasks of `locomotion` and `humanoid`, and terminations unless the
described behaviour would terminate the episode.
"""

from dataclasses import replace
from math import pi
from types import ModuleType
from typing import Any

from prefgym.envs.formulas import length
from prefgym.envs.humanoid import HUMANOID
from prefgym.envs.locomotion import ANT, HALF_CHEETAH, HOPPER, WALKER2D
from prefgym.sim.task import Array, Metric, MetricStep, TaskSpec, Views


def _language_task(task: TaskSpec, name: str, task_description: str, metric: Metric, **changes: Any) -> TaskSpec:  # noqa: ANN401
    """Replace the reward of a task by a task description and a metric."""
    no_reward: dict[str, Any] = {"weights": {}, "factors": (), "ranking": (), "reward_terms": None}
    return replace(task, name=name, task_description=task_description, metric=metric, **no_reward, **changes)


def _nothing(task: TaskSpec, views: Views, xp: ModuleType) -> Array:
    return views["qpos"][..., :0]


def ramp(value: Array, none: float, full: float) -> Array:
    """Map a value to 0..1: 0 at `none` and beyond, 1 at `full` and beyond, linear between.

    >>> import numpy as np
    >>> ramp(np.array([0.1, 0.3, 0.5]), none=0.4, full=0.2)
    array([1. , 0.5, 0. ])
    """
    return ((value - none) / (full - none)).clip(0.0, 1.0)


def upright(quaternion: Array) -> Array:
    """Return the cosine of the angle between a body's own z axis and the vertical: 1 upright, 0 lying, -1 upside down.

    Args:
        quaternion: Real part first. Shape: (N, 4).
    """
    return 1 - 2 * (quaternion[..., 1] ** 2 + quaternion[..., 2] ** 2)


# --- backflips ---


def lowest(views: Views, xp: ModuleType) -> Array:
    """Return the height of the lowest point of a robot that is made of capsules; geom 0 is the floor. Shape: (N,)."""
    radius, half_length = views["geom_size"][1:, 0], views["geom_size"][1:, 1]
    height, axis_z = views["geom_xpos"][:, 1:, 2], views["geom_xmat"][:, 1:, 8]
    return xp.amin(height - half_length * abs(axis_z) - radius, -1)


def _turn(task: TaskSpec, views: Views, xp: ModuleType) -> Array:
    """Remember which turn it is, and that the ground was not touched in it."""
    turn = xp.round(-views["qpos"][..., 2:3] / (2 * pi))
    return xp.concatenate((turn, 0 * turn), -1)


def _backflips(task: TaskSpec, views: Views, memory: Array, xp: ModuleType) -> tuple[Array, Array]:
    """Count a turn when the torso is upright again, unless it has touched the ground upside down."""
    pitch, turn, touched = views["qpos"][..., 2], memory[..., 0], memory[..., 1]
    is_upright, is_upside_down = xp.cos(pitch) >= 0.5, xp.cos(pitch) <= -0.5
    flips = (xp.round(-pitch / (2 * pi)) - turn) * is_upright
    touches = (is_upside_down & (lowest(views, xp) <= 0.03)) * 1.0
    remembered = xp.stack((turn + flips, xp.maximum(touched, touches) * ~is_upright), -1)
    return remembered, flips * (1 - touched)


_BACKFLIPS = Metric(
    name="backflips",
    unit="1",
    doc=(
        "full turns of the torso, backward ones less forward ones, each counted when the torso is within 60 degrees of "
        "upright again, if no part of the robot was at 0.03 m or lower while it was within 60 degrees of upside down"
    ),
    reads=("geom_xpos", "geom_xmat"),
    constants=("geom_size",),
    begin=_turn,
    step=_backflips,
)

HALF_CHEETAH_BACKFLIP = _language_task(
    HALF_CHEETAH,
    "HalfCheetahBackflip",
    "The cheetah does backflips: it jumps off, turns over backwards, head first up, and lands on its feet.",
    _BACKFLIPS,
)

HOPPER_BACKFLIP = _language_task(
    HOPPER,
    "HopperBackflip",
    "The hopper does backflips: it jumps off, turns over backwards in the air, and lands on its foot.",
    _BACKFLIPS,
    terminated=None,
    ends="never",
)


# --- Walker2d on one leg ---


def _sole(views: Views, foot: str) -> Array:
    """Return the height of the lowest point of a foot, which is a capsule. Shape: (N,)."""
    size = views[f"geom_size/{foot}"]  # radius and half length
    axis_z = views[f"geom_xmat/{foot}"][..., 8]
    return views[f"geom_xpos/{foot}"][..., 2] - size[1] * abs(axis_z) - size[0]


def _one_leg(task: TaskSpec, views: Views, memory: Array, xp: ModuleType) -> tuple[Array, Array]:
    qpos, right, left = views["qpos"], _sole(views, "foot_geom"), _sole(views, "foot_left_geom")
    stands = (xp.minimum(right, left) <= 0.02) & (xp.maximum(right, left) >= 0.1)
    is_up = (qpos[..., 1] >= 1.0) & (abs(qpos[..., 2]) <= 0.5)
    stays = abs(views["qvel"][..., 0]) <= 0.5
    return memory, (stands & is_up & stays) * 1.0


_FEET = ("foot_geom", "foot_left_geom")

WALKER2D_ONE_LEG = _language_task(
    WALKER2D,
    "Walker2dOneLeg",
    "The walker stands on one leg: torso upright, the other foot well off the ground, and it stays where it is.",
    Metric(
        name="steps on one leg",
        unit="1",
        doc=(
            "steps after which the sole of one foot is at 0.02 m or lower, that of the other at 0.1 m or higher, the "
            "torso at 1 m or higher, pitched by 0.5 rad at most, and no faster than 0.5 m/s"
        ),
        reads=tuple(f"geom_{field}/{foot}" for foot in _FEET for field in ("xpos", "xmat")),
        constants=tuple(f"geom_size/{foot}" for foot in _FEET),
        begin=_nothing,
        step=_one_leg,
    ),
)


# --- Ant in a circle ---

LEASH_M = 1.0
"""Length of the leash on which a point is dragged behind the ant: circles of smaller radius do not count."""


def _leash_slack(task: TaskSpec, views: Views, xp: ModuleType) -> Array:
    xy = views["qpos"][..., :2]
    return xp.concatenate((xy, 0 * xy), -1)


def _laps(task: TaskSpec, views: Views, memory: Array, xp: ModuleType) -> tuple[Array, Array]:
    """Count the turns of the leash, which turns only if the ant moves along, not if its torso or legs turn."""
    xy, dragged, course = views["qpos"][..., :2], memory[..., :2], memory[..., 2:]
    leash = xy - dragged
    distance = length(leash, xp)[..., None]
    is_taut = distance >= LEASH_M
    heading = xp.where(is_taut, leash / distance.clip(LEASH_M), course)
    dragged = xp.where(is_taut, xy - LEASH_M * heading, dragged)
    cosine = (course * heading).sum(-1)  # 0 before the first course
    sine = course[..., 0] * heading[..., 1] - course[..., 1] * heading[..., 0]
    # a turn by a right angle or more in one step means that it has walked back over the point
    counts = (cosine > 0) & (upright(views["qpos"][..., 3:7]) >= 0.5)
    return xp.concatenate((dragged, heading), -1), xp.arctan2(sine, cosine) / (2 * pi) * counts


ANT_CIRCLE = _language_task(
    ANT,
    "AntCircle",
    "The ant walks in a circle, counter-clockwise as seen from above, on its feet.",
    Metric(
        name="laps",
        unit="1",
        doc=(
            "turns of the course, counter-clockwise ones less clockwise ones, while the torso is tilted by 60 degrees "
            "at most; the course is the direction of a leash of 1 m on which the torso drags a point behind it"
        ),
        begin=_leash_slack,
        step=_laps,
    ),
)


# --- Humanoid: kneel, splits, lotus ---


def _legs(views: Views, xp: ModuleType) -> dict[str, tuple[Array, Array]]:
    """Return the positions of hips, knees and feet, the right ones first. Shape of each: (N, 3)."""
    return {
        "hip": (views["xpos/right_thigh"], views["xpos/left_thigh"]),
        "knee": (views["xpos/right_shin"], views["xpos/left_shin"]),
        "foot": (views["geom_xpos/right_foot"], views["geom_xpos/left_foot"]),
    }


def _cosine(one: Array, other: Array, xp: ModuleType) -> Array:
    return xp.linalg.vecdot(one, other) / (length(one, xp) * length(other, xp))


def _highest(pair: tuple[Array, Array], xp: ModuleType) -> Array:
    return xp.maximum(pair[0][..., 2], pair[1][..., 2])


def _kneeling(task: TaskSpec, views: Views, memory: Array, xp: ModuleType) -> tuple[Array, Array]:
    legs = _legs(views, xp)
    knees_down = ramp(_highest(legs["knee"], xp), none=0.25, full=0.12)
    does_not_sit = ramp(views["xpos/pelvis"][..., 2], none=0.15, full=0.25)
    return memory, knees_down * does_not_sit * _up_and_still(views, xp)


def _up_and_still(views: Views, xp: ModuleType) -> Array:
    is_up = ramp(upright(views["qpos"][..., 3:7]), none=0.5, full=0.85)  # 60 and 32 degrees
    return is_up * ramp(length(views["qvel"][..., :3], xp), none=1.0, full=0.5)


def _sits(views: Views) -> Array:
    return ramp(views["xpos/pelvis"][..., 2], none=0.35, full=0.2)


def _split(task: TaskSpec, views: Views, memory: Array, xp: ModuleType) -> tuple[Array, Array]:
    (right_hip, left_hip), (right_knee, left_knee), (right_foot, left_foot) = _legs(views, xp).values()
    right = _cosine(right_knee - right_hip, right_foot - right_knee, xp)
    left = _cosine(left_knee - left_hip, left_foot - left_knee, xp)
    straight = ramp(xp.minimum(right, left), none=0.5, full=0.85)
    spread = ramp(_cosine(right_foot - right_hip, left_foot - left_hip, xp), none=0.5, full=-0.34)  # 60, 110 degrees
    feet_down = ramp(_highest((right_foot, left_foot), xp), none=0.4, full=0.2)
    return memory, straight * spread * feet_down * _sits(views) * _up_and_still(views, xp)


def _lotus(task: TaskSpec, views: Views, memory: Array, xp: ModuleType) -> tuple[Array, Array]:
    (right_hip, left_hip), (right_knee, left_knee), (right_foot, left_foot) = _legs(views, xp).values()
    right = _cosine(right_knee - right_hip, right_foot - right_knee, xp)
    left = _cosine(left_knee - left_hip, left_foot - left_knee, xp)
    bent = ramp(xp.maximum(right, left), none=0.5, full=0.0)  # by 60, by 90 degrees
    knees_down = ramp(_highest((right_knee, left_knee), xp), none=0.45, full=0.3)
    to_left = (left_hip - right_hip)[..., :2]
    to_left = to_left / length(to_left, xp)[..., None]
    knees_apart = ramp(xp.linalg.vecdot((left_knee - right_knee)[..., :2], to_left), none=0.25, full=0.5)
    feet_together = ramp(xp.linalg.vecdot((left_foot - right_foot)[..., :2], to_left), none=0.3, full=0.15)
    to_front = xp.stack((to_left[..., 1], -to_left[..., 0]), -1)
    feet = ((right_foot + left_foot) / 2 - views["xpos/pelvis"])[..., :2]
    feet_in_front = ramp(xp.linalg.vecdot(feet, to_front), none=0.0, full=0.15)
    crossed = knees_apart * feet_together * feet_in_front
    return memory, bent * knees_down * crossed * _sits(views) * _up_and_still(views, xp)


_SIDES = ("right", "left")
_LEGS = (
    "xpos/pelvis",
    *(f"xpos/{side}_thigh" for side in _SIDES),
    *(f"xpos/{side}_shin" for side in _SIDES),
    *(f"geom_xpos/{side}_foot" for side in _SIDES),
)


_UP_AND_STILL = (
    "1 where the torso is tilted by 32 degrees at most, 0 from 60 degrees on; 1 where it is no faster than 0.5 m/s, 0 "
    "from 1 m/s on"
)


def _posed(name: str, task_description: str, counted: str, doc: str, step: MetricStep) -> TaskSpec:
    """Return a pose task of the humanoid without termination; `doc` has the conditions beside upright and still."""
    rule = f"product of what holds after a step, linear between the bounds: {doc}{_UP_AND_STILL}"
    metric = Metric(name=counted, unit="1", doc=rule, reads=_LEGS, begin=_nothing, step=step)
    return _language_task(HUMANOID, name, task_description, metric, terminated=None, ends="never")


HUMANOID_KNEEL = _posed(
    "HumanoidKneel",
    "The humanoid kneels on both knees, torso upright.",
    "steps on its knees",
    "1 where both knees are at 0.12 m or lower, "
    "0 from 0.25 m on; 1 where the pelvis is at 0.25 m or higher, 0 up to 0.15 m; ",
    _kneeling,
)

HUMANOID_SPLITS = _posed(
    "HumanoidSplits",
    "The humanoid does the splits: it sits on the ground, torso upright, legs straight and spread wide.",
    "steps in splits",
    "1 where the legs, from hip to foot, are "
    "110 degrees or more apart, 0 up to 60 degrees; 1 where both knees are bent by 32 degrees at most, 0 from "
    "60 degrees on; 1 where both feet are at 0.2 m or lower, 0 from 0.4 m on; 1 where the pelvis is at 0.2 m "
    "or lower, 0 from 0.35 m on; ",
    _split,
)

HUMANOID_LOTUS = _posed(
    "HumanoidLotus",
    "The humanoid sits in the lotus position: on the ground, torso upright, knees apart, feet together in front of it.",
    "steps in lotus",
    "1 where both knees are bent by 90 degrees "
    "or more, 0 up to 60 degrees; 1 where the left knee is 0.5 m or more to the left of the right one, 0 up to "
    "0.25 m; 1 where the left foot is 0.15 m or less to the left of the right one, 0 from 0.3 m on; 1 where "
    "the feet are 0.15 m or more in front of the pelvis, 0 behind it; 1 where both knees are at 0.3 m or "
    "lower, 0 from 0.45 m on; 1 where the pelvis is at 0.2 m or lower, 0 from 0.35 m on; ",
    _lotus,
)
