"""The meaning of each number of an observation or action, in words and units, from the task and its model."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from prefgym.sim.gl import MjModel, mujoco
from prefgym.sim.task import ObservationPart, TaskSpec

_AXES = ("x", "y", "z")
_HINGE, _SLIDE, _IS_FREE = (getattr(mujoco.mjtJoint, f"mjJNT_{name}").value for name in ("HINGE", "SLIDE", "FREE"))
_PER_DOF = {"qfrc_actuator": "actuators'", "qfrc_constraint": "constraints'"}
_FREE = {
    "qpos": (
        *((f"{axis} of body {{}}", "m") for axis in _AXES),
        *((f"{part} of the orientation of body {{}}, a quaternion", "1") for part in ("w", *_AXES)),
    ),
    "qvel": (
        *((f"velocity of body {{}} along {axis}", "m/s") for axis in _AXES),
        *((f"angular velocity of body {{}} about its own {axis} axis", "rad/s") for axis in _AXES),
    ),
    **{
        field: (
            *((f"{whose} force on body {{}} along {axis}", "N") for axis in _AXES),
            *((f"{whose} torque on body {{}} about its own {axis} axis", "N m") for axis in _AXES),
        )
        for field, whose in _PER_DOF.items()
    },
}
_PER_BODY = {
    "xpos": tuple((f"{axis} of body {{}}", "m") for axis in _AXES),
    # spatial quantities of MuJoCo are about the centre of mass of the robot, in the directions of the world
    "cinert": (
        *((f"inertia {pair} of body {{}}", "kg m^2") for pair in ("xx", "yy", "zz", "xy", "xz", "yz")),
        *((f"mass times {axis} offset of body {{}}", "kg m") for axis in _AXES),
        ("mass of body {}", "kg"),
    ),
    "cvel": (
        *((f"spatial angular velocity of body {{}} about {axis}", "rad/s") for axis in _AXES),
        *((f"spatial velocity of body {{}} along {axis}", "m/s") for axis in _AXES),
    ),
    "cfrc_ext": (
        *((f"contact torque on body {{}} about {axis}", "N m") for axis in _AXES),
        *((f"contact force on body {{}} along {axis}", "N") for axis in _AXES),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Number:
    """One number of an observation or of an action."""

    meaning: str
    unit: str
    low: float = -inf
    """Its lower bound."""
    high: float = inf
    """Its upper bound."""
    limits: tuple[float, float] | None = None
    """Limits of the joint, which are soft: the joint may exceed them a little."""
    of: str = ""
    """Field of the number, and its body if each body has several numbers."""


def observed(task: TaskSpec, model: MjModel) -> list[Number]:
    """Describe the numbers of an observation, in order."""
    return [number for part in task.observation_parts for number in _part(task, part, model)]


def controlled(model: MjModel) -> list[Number]:
    """Describe the numbers of an action, in order."""
    numbers: list[Number] = []
    for actuator, (low, high) in enumerate(model.actuator_ctrlrange.tolist()):
        joint, gear = model.joint(int(model.actuator_trnid[actuator, 0])), float(model.actuator_gear[actuator, 0])
        what, unit = ("force", "N") if joint.type[0] == _SLIDE else ("torque", "N m")
        scaled = f"{gear:g} {unit}" if gear != 1 else unit
        numbers.append(Number(meaning=f"{what} on joint `{joint.name}`", unit=scaled, low=low, high=high))
    return numbers


def _part(task: TaskSpec, part: ObservationPart, model: MjModel) -> Iterator[Number]:
    low, high = task.ranges[part.within] if part.within else (-inf, inf)
    for number in _field(part, model):
        meaning, unit, limits = number.meaning, number.unit, number.limits
        if part.less:
            meaning = f"{meaning} less that of `{part.less.partition('/')[2]}`"
        if part.through:  # a sine or a cosine
            meaning, unit, limits, low, high = f"{part.through} of the {meaning}", "1", None, -1.0, 1.0
        yield Number(meaning=meaning, unit=unit, low=low, high=high, limits=limits, of=number.of)


def _field(part: ObservationPart, model: MjModel) -> list[Number]:
    """Describe the observed rows of a field: numbers of joints, of one body, or of several bodies."""
    field, _, name = part.field.partition("/")
    rows = slice(part.first, part.last)
    if field in _PER_BODY and not name:
        return [number for body in range(model.nbody)[rows] for number in _of_body(model, field, body)]
    numbers = _of_body(model, field, model.body(name).id) if name else _joints(model, field)
    return numbers[rows]


def _of_body(model: MjModel, field: str, body: int) -> list[Number]:
    name, of = _body(model, body), f"{field}/{body}"
    return [Number(meaning=text.format(name), unit=unit, of=of) for text, unit in _PER_BODY[field]]


def _joints(model: MjModel, field: str) -> list[Number]:
    numbers: list[Number] = []
    for joint in map(model.joint, range(model.njnt)):
        kind, body = int(joint.type[0]), _body(model, int(model.jnt_bodyid[joint.id]))
        if kind == _IS_FREE:
            meanings = [(text.format(body), unit) for text, unit in _FREE[field]]
        else:
            meanings = [_of_joint(field, kind, f"joint `{joint.name}`")]
        has_limits = field == "qpos" and bool(model.jnt_limited[joint.id])
        limits = (float(joint.range[0]), float(joint.range[1])) if has_limits else None
        numbers += [Number(meaning=text, unit=unit, limits=limits, of=field) for text, unit in meanings]
    return numbers


def _of_joint(field: str, kind: int, joint: str) -> tuple[str, str]:
    turns = kind == _HINGE
    if field == "qpos":
        return (f"angle of {joint}", "rad") if turns else (f"position of {joint}", "m")
    if field == "qvel":
        return (f"angular velocity of {joint}", "rad/s") if turns else (f"velocity of {joint}", "m/s")
    return (f"{_PER_DOF[field]} torque on {joint}", "N m") if turns else (f"{_PER_DOF[field]} force on {joint}", "N")


def _body(model: MjModel, row: int) -> str:
    """Name a body; one without a name by its parent."""
    name = model.body(row).name
    return f"`{name}`" if name else f"below {_body(model, int(model.body_parentid[row]))}"
