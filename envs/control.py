"""Tasks that balance or reach: InvertedPendulum, InvertedDoublePendulum, Reacher, Pusher.

They are the tasks `<Name>-v5` of Gymnasium, to the last bit.
"""

from types import ModuleType

from prefgym.envs.formulas import NORMAL_START, UNIFORM_START, effort, length, normal_start, uniform_start
from prefgym.sim.task import Array, Factor, ObservationPart, StateSampler, StepFacts, TaskSpec, Views


def _pendulum_seen(task: TaskSpec, views: Views, xp: ModuleType) -> tuple[Array, ...]:
    return views["qpos"], views["qvel"]


def _pendulum_down(task: TaskSpec, views: Views, xp: ModuleType) -> Array:
    qpos, qvel = views["qpos"], views["qvel"]
    finite = xp.isfinite(qpos).all(-1) & xp.isfinite(qvel).all(-1)
    return ~finite | (abs(qpos[..., 1]) > task.ranges["healthy_angle"][1])


def _pendulum_terms(task: TaskSpec, views: Views, step: StepFacts, xp: ModuleType) -> dict[str, Array]:
    return {"reward_survive": ~step.terminated * 1}  # an integer, as in Gymnasium


def _double_seen(task: TaskSpec, views: Views, xp: ModuleType) -> tuple[Array, ...]:
    qpos, bounds = views["qpos"], task.ranges["seen"]
    angles = qpos[..., 1:]
    force = views["qfrc_constraint"][..., :1]
    return qpos[..., :1], xp.sin(angles), xp.cos(angles), views["qvel"].clip(*bounds), force.clip(*bounds)


def _double_down(task: TaskSpec, views: Views, xp: ModuleType) -> Array:
    return views["site_xpos/tip"][..., 2] <= task.ranges["healthy_height"][0]


def _double_terms(task: TaskSpec, views: Views, step: StepFacts, xp: ModuleType) -> dict[str, Array]:
    tip, qvel = views["site_xpos/tip"], views["qvel"]
    # Gymnasium squares scalars, which goes through C's pow; x * x sometimes differs from that in the last bit
    distance = 0.01 * xp.float_power(tip[..., 0], 2) + xp.float_power(tip[..., 2] - 2, 2)
    velocity = 1e-3 * xp.float_power(qvel[..., 1], 2) + 5e-3 * xp.float_power(qvel[..., 2], 2)
    return {
        "reward_survive": ~step.terminated * task.weights["survive"],
        "distance_penalty": -distance,
        "velocity_penalty": -velocity,
    }


def _reacher_seen(task: TaskSpec, views: Views, xp: ModuleType) -> tuple[Array, ...]:
    qpos = views["qpos"]
    angles = qpos[..., :2]
    to_target = (views["xpos/fingertip"] - views["xpos/target"])[..., :2]
    return xp.cos(angles), xp.sin(angles), qpos[..., 2:], views["qvel"][..., :2], to_target


def _reacher_terms(task: TaskSpec, views: Views, step: StepFacts, xp: ModuleType) -> dict[str, Array]:
    distance = length(views["xpos/fingertip"] - views["xpos/target"], xp)
    return {"reward_dist": -distance * task.weights["dist"], "reward_ctrl": effort(task, step, xp)}


def _reacher_start(task: TaskSpec, sample: StateSampler, num: int, qpos0: Array, qvel0: Array) -> tuple[Array, Array]:
    """Place the target uniformly in a disc of radius 0.2 m."""
    qpos = sample.uniform(-0.1, 0.1, (num, len(qpos0))) + qpos0
    qpos[:, -2:] = sample.until(
        lambda target: (target * target).sum(-1) ** 0.5 < 0.2, lambda num: sample.uniform(-0.2, 0.2, (num, 2)), num
    )
    qvel = qvel0 + sample.uniform(-0.005, 0.005, (num, len(qvel0)))
    qvel[:, -2:] = 0
    return qpos, qvel


def _pusher_seen(task: TaskSpec, views: Views, xp: ModuleType) -> tuple[Array, ...]:
    bodies = views["xpos/tips_arm"], views["xpos/object"], views["xpos/goal"]
    return views["qpos"][..., :7], views["qvel"][..., :7], *bodies


def _pusher_terms(task: TaskSpec, views: Views, step: StepFacts, xp: ModuleType) -> dict[str, Array]:
    arm, thing, goal = views["xpos/tips_arm"], views["xpos/object"], views["xpos/goal"]
    return {
        "reward_dist": -length(thing - goal, xp) * task.weights["dist"],
        "reward_ctrl": effort(task, step, xp),
        "reward_near": -length(thing - arm, xp) * task.weights["near"],
    }


def _pusher_start(task: TaskSpec, sample: StateSampler, num: int, qpos0: Array, qvel0: Array) -> tuple[Array, Array]:
    """Place the object in a rectangle of 0.3 m x 0.4 m, at least 0.17 m from the goal."""
    place = sample.until(
        lambda place: (place * place).sum(-1) ** 0.5 > 0.17,
        lambda num: sample.uniform((-0.3, -0.2), (0.0, 0.2), (num, 2)),
        num,
    )
    qvel = qvel0 + sample.uniform(-0.005, 0.005, (num, len(qvel0)))
    qpos = qpos0 + 0 * qvel  # a row for each environment
    qpos[:, -4:-2], qpos[:, -2:] = place, 0
    qvel[:, -4:] = 0
    return qpos, qvel


INVERTED_PENDULUM = TaskSpec(
    name="InvertedPendulum",
    model="inverted_pendulum.xml",
    frame_skip=2,
    timestep=0.02,
    max_episode_steps=1000,
    reads=("qpos", "qvel"),
    ranges={"healthy_angle": (-0.2, 0.2)},
    reset_noise=0.01,
    camera={"trackbodyid": 0, "distance": 2.04},
    factors=(Factor(name="reward_survive", unit="1", doc="1 while the pole is within 0.2 rad of upright"),),
    ranking=("reward_survive",),
    observation_parts=(ObservationPart(field="qpos"), ObservationPart(field="qvel")),
    starts=UNIFORM_START,
    ends="when the pole leans by more than {healthy_angle[1]:g} rad, or the state is not finite",
    observation=_pendulum_seen,
    terminated=_pendulum_down,
    reward_terms=_pendulum_terms,
    initial=uniform_start,
)

INVERTED_DOUBLE_PENDULUM = TaskSpec(
    name="InvertedDoublePendulum",
    model="inverted_double_pendulum.xml",
    frame_skip=5,
    timestep=0.01,
    max_episode_steps=1000,
    reads=("qpos", "qvel", "qfrc_constraint", "site_xpos/tip"),
    weights={"survive": 10.0},
    ranges={"healthy_height": (1.0, float("inf")), "seen": (-10.0, 10.0)},
    reset_noise=0.1,
    camera={"trackbodyid": 0, "distance": 4.1225, "lookat": (0.0, 0.0, 0.12250000000000005)},
    factors=(
        Factor(name="reward_survive", unit="1", doc="10 while the tip is above 1 m"),
        Factor(name="distance_penalty", unit="m^2", doc="-(0.01 x^2 + (y - 2)^2), tip at height y"),
        Factor(
            name="velocity_penalty", unit="rad^2/s^2", doc="-(0.001 w1^2 + 0.005 w2^2), angular velocities of the poles"
        ),
    ),
    ranking=("reward_survive", "distance_penalty", "velocity_penalty"),
    observation_parts=(
        ObservationPart(field="qpos", last=1),
        ObservationPart(field="qpos", first=1, through="sine"),
        ObservationPart(field="qpos", first=1, through="cosine"),
        ObservationPart(field="qvel", within="seen"),
        ObservationPart(field="qfrc_constraint", last=1, within="seen"),
    ),
    starts=NORMAL_START,
    ends="when the tip is at {healthy_height[0]:g} m or lower",
    observation=_double_seen,
    terminated=_double_down,
    reward_terms=_double_terms,
    initial=normal_start,
)

REACHER = TaskSpec(
    name="Reacher",
    model="reacher.xml",
    frame_skip=2,
    timestep=0.01,
    max_episode_steps=50,
    reads=("qpos", "qvel", "xpos/fingertip", "xpos/target"),
    weights={"dist": 1.0, "ctrl": 1.0},
    camera={"trackbodyid": 0},
    factors=(
        Factor(name="reward_dist", unit="m", doc="-w_dist |fingertip - target|"),
        Factor(name="reward_ctrl", unit="1", doc="-w_ctrl |action|^2"),
    ),
    ranking=("reward_dist", "reward_ctrl"),
    observation_parts=(
        ObservationPart(field="qpos", last=2, through="cosine"),
        ObservationPart(field="qpos", last=2, through="sine"),
        ObservationPart(field="qpos", first=2),
        ObservationPart(field="qvel", last=2),
        ObservationPart(field="xpos/fingertip", last=2, less="xpos/target"),
    ),
    starts=(
        "the model's own state, with uniform noise of up to ±0.1 rad on the arm's angles and ±0.005 rad/s on their "
        "velocities; the target at rest, uniformly in a disc of radius 0.2 m"
    ),
    observation=_reacher_seen,
    reward_terms=_reacher_terms,
    initial=_reacher_start,
)

PUSHER = TaskSpec(
    name="Pusher",
    model="pusher_v5.xml",
    frame_skip=5,
    timestep=0.01,
    max_episode_steps=100,
    reads=("qpos", "qvel", "xpos/tips_arm", "xpos/object", "xpos/goal"),
    weights={"near": 0.5, "dist": 1.0, "ctrl": 0.1},
    camera={"trackbodyid": -1, "distance": 4.0},
    factors=(
        Factor(name="reward_dist", unit="m", doc="-w_dist |object - goal|"),
        Factor(name="reward_ctrl", unit="1", doc="-w_ctrl |action|^2"),
        Factor(name="reward_near", unit="m", doc="-w_near |object - arm's tip|"),
    ),
    ranking=("reward_dist", "reward_near", "reward_ctrl"),
    observation_parts=(
        ObservationPart(field="qpos", last=7),
        ObservationPart(field="qvel", last=7),
        ObservationPart(field="xpos/tips_arm"),
        ObservationPart(field="xpos/object"),
        ObservationPart(field="xpos/goal"),
    ),
    starts=(
        "the model's own state, with uniform noise of up to ±0.005 rad/s on the arm's velocities; the object at rest, "
        "uniformly in a rectangle of 0.3 m x 0.4 m, at least 0.17 m from the goal"
    ),
    observation=_pusher_seen,
    reward_terms=_pusher_terms,
    initial=_pusher_start,
)
