"""The tasks' formulas: against hand computation, and NumPy against torch."""

from typing import Any

import numpy as np
import pytest
import torch

from prefgym.envs import (
    ANT,
    HALF_CHEETAH,
    HOPPER,
    HUMANOID,
    HUMANOID_STANDUP,
    INVERTED_DOUBLE_PENDULUM,
    INVERTED_PENDULUM,
    PUSHER,
    REACHER,
    SWIMMER,
    TASKS,
    WALKER2D,
)
from prefgym.sim.seeding import HostSampler
from prefgym.sim.task import StepFacts, TaskSpec
from prefgym.sim.vector_env import PoolVectorEnv


def facts(action: list[float], velocity: tuple[float, ...] = (), terminated: bool = False) -> StepFacts:
    """Say what a step of one environment did."""
    return StepFacts(action=np.array([action]), velocity=np.array([velocity]), terminated=np.array([terminated]))


def terms_and_reward(task: TaskSpec, views: dict[str, Any], step: StepFacts) -> tuple[dict[str, float], float]:
    """Compute the terms and the reward of one environment."""
    assert task.reward_terms is not None
    terms = task.reward_terms(task, views, step, np)
    assert list(terms) == [factor.name for factor in task.factors]
    return {name: float(term[0]) for name, term in terms.items()}, float(task.reward(terms)[0])


def test_running_is_rewarded() -> None:
    """HalfCheetah at 2 m/s with six actions of 0.5: 2 - 0.1 x 6 x 0.25 = 1.85. Swimmer: 2 - 1e-4 x 2 x 0.25."""
    terms, reward = terms_and_reward(HALF_CHEETAH, {}, facts([0.5] * 6, (2.0,)))
    assert terms == pytest.approx({"reward_forward": 2.0, "reward_ctrl": -0.15})
    assert reward == pytest.approx(1.85)
    assert terms_and_reward(SWIMMER, {}, facts([0.5] * 2, (2.0, 7.0)))[1] == pytest.approx(1.99995)


@pytest.mark.parametrize("task", [HOPPER, WALKER2D], ids=lambda task: task.name)
def test_staying_up_is_rewarded(task: TaskSpec) -> None:
    """At 1 m/s with three actions of 1: 1 + 1 - 1e-3 x 3 = 1.997; 1 less when it falls."""
    assert terms_and_reward(task, {}, facts([1.0] * 3, (1.0,)))[1] == pytest.approx(1.997)
    assert terms_and_reward(task, {}, facts([1.0] * 3, (1.0,), terminated=True))[1] == pytest.approx(0.997)


def test_contacts_cost() -> None:
    """Ant: each component counts at most 1, so 3, -0.5 and 0 cost 5e-4 x 1.25; 8 actions of 1 cost 0.5 x 8."""
    forces = np.zeros((1, 14, 6))
    forces[0, 1, :2] = 3.0, -0.5
    terms, reward = terms_and_reward(ANT, {"cfrc_ext": forces}, facts([1.0] * 8, (2.0, 0.0)))
    expected = {"reward_forward": 2.0, "reward_ctrl": -4.0, "reward_contact": -6.25e-4, "reward_survive": 1.0}
    assert terms == pytest.approx(expected)
    assert reward == pytest.approx(-1.000625)


def test_humanoids_reward_for_applied_controls_and_for_impacts() -> None:
    """Controls of 0.4 cost 0.1 x 17 x 0.16 = 0.272, whatever was asked for; contact costs end at 10."""
    forces = np.zeros((1, 14, 6))
    forces[0, 2, 0] = 1000.0  # 5e-7 x 1e6 = 0.5
    views = {"ctrl": np.full((1, 17), 0.4), "cfrc_ext": forces, "qpos": np.full((1, 24), 1.2)}
    terms, reward = terms_and_reward(HUMANOID, views, facts([9.0] * 17, (2.0, 0.0)))
    expected = {"reward_survive": 5.0, "reward_forward": 2.5, "reward_ctrl": -0.272, "reward_contact": -0.5}
    assert terms == pytest.approx(expected)
    assert reward == pytest.approx(6.728)
    terms, reward = terms_and_reward(HUMANOID_STANDUP, views, facts([9.0] * 17))
    assert terms == pytest.approx({"reward_linup": 400.0, "reward_quadctrl": -0.272, "reward_impact": -0.5})
    assert reward == pytest.approx(400.228)  # and 1 for being there
    forces[0, 2, 0] = 1e6
    assert terms_and_reward(HUMANOID, views, facts([0.0] * 17, (0.0, 0.0)))[0]["reward_contact"] == -10.0


def test_balancing_is_rewarded() -> None:
    """Tip at x = 2, height 1.5, poles at 1 and -2 rad/s: 10 - (0.04 + 0.25) - (0.001 + 0.02) = 9.689."""
    tip, qvel = np.array([[2.0, 0.0, 1.5]]), np.array([[9.0, 1.0, -2.0]])
    terms, reward = terms_and_reward(INVERTED_DOUBLE_PENDULUM, {"site_xpos/tip": tip, "qvel": qvel}, facts([0.0]))
    assert terms == pytest.approx({"reward_survive": 10.0, "distance_penalty": -0.29, "velocity_penalty": -0.021})
    assert reward == pytest.approx(9.689)
    assert terms_and_reward(INVERTED_PENDULUM, {}, facts([0.0]))[1] == 1.0
    assert terms_and_reward(INVERTED_PENDULUM, {}, facts([0.0], terminated=True))[1] == 0.0


def test_reaching_is_rewarded() -> None:
    """Distances 5 (3, 4, 0) and 13 (3, 4, 12), actions of norm 1."""
    zero, near, far = np.zeros((1, 3)), np.array([[3.0, 4.0, 0.0]]), np.array([[3.0, 4.0, 12.0]])
    terms, reward = terms_and_reward(REACHER, {"xpos/fingertip": near, "xpos/target": zero}, facts([0.6, 0.8]))
    assert terms == pytest.approx({"reward_dist": -5.0, "reward_ctrl": -1.0})
    assert reward == pytest.approx(-6.0)
    views = {"xpos/object": zero, "xpos/tips_arm": near, "xpos/goal": far}
    terms, reward = terms_and_reward(PUSHER, views, facts([0.6, 0.8, 0, 0, 0, 0, 0]))
    assert terms == pytest.approx({"reward_dist": -13.0, "reward_ctrl": -0.1, "reward_near": -2.5})
    assert reward == pytest.approx(-15.6)


@pytest.mark.parametrize(
    ("task", "changed", "final"),
    [
        (HOPPER, {}, False),
        (HOPPER, {1: 0.7}, True),
        (HOPPER, {1: 0.701}, False),
        (HOPPER, {2: 0.2}, True),
        (HOPPER, {2: -0.199}, False),
        (HOPPER, {4: 100.0}, True),
        (HOPPER, {3: float("nan")}, True),
        (WALKER2D, {}, False),
        (WALKER2D, {1: 2.0}, True),
        (WALKER2D, {1: 0.8}, True),
        (WALKER2D, {2: -1.0}, True),
        (ANT, {2: 0.2}, False),
        (ANT, {2: 1.0}, False),
        (ANT, {2: 1.001}, True),
        (ANT, {9: float("inf")}, True),
        (HUMANOID, {2: 1.4}, False),
        (HUMANOID, {2: 1.0}, True),
        (INVERTED_PENDULUM, {1: 0.2}, False),
        (INVERTED_PENDULUM, {1: -0.201}, True),
        (INVERTED_PENDULUM, {0: float("nan")}, True),
    ],
)
def test_final_states(task: TaskSpec, changed: dict[int, float], final: bool) -> None:
    """States on, within and beyond the bounds of health."""
    rest = {"Hopper": (6, 1.25), "Walker2d": (9, 1.25), "Ant": (15, 0.75), "Humanoid": (24, 1.4)}
    size, height = rest.get(task.name, (2, 0.0))
    qpos = np.zeros((1, size))
    qpos[0, 2 if task in (ANT, HUMANOID) else 1] = height
    for index, value in changed.items():
        qpos[0, index] = value
    assert task.terminated is not None
    assert task.terminated(task, {"qpos": qpos, "qvel": np.zeros((1, size))}, np).tolist() == [final]


def test_a_low_tip_is_final() -> None:
    """The double pendulum is over when its tip is at 1 m or lower."""
    assert INVERTED_DOUBLE_PENDULUM.terminated is not None
    tips = np.array([[0, 0, 1.0], [0, 0, 1.01]])
    assert INVERTED_DOUBLE_PENDULUM.terminated(INVERTED_DOUBLE_PENDULUM, {"site_xpos/tip": tips}, np).tolist() == [
        True,
        False,
    ]


def test_speeds_are_seen_within_bounds() -> None:
    """Hopper and Walker2d see speeds within 10, and not where they are along x."""
    views = {"qpos": np.arange(6.0)[None], "qvel": np.array([[-20.0, -10, 0, 5, 10, 11]])}
    seen = np.concatenate(HOPPER.observation(HOPPER, views, np), -1)
    assert seen.tolist() == [[1, 2, 3, 4, 5, -10, -10, 0, 5, 10, 10]]


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_numpy_and_torch_agree(task: TaskSpec) -> None:
    """Observations, positions, ends, terms, rewards and infos of 16 random steps of 5 worlds."""
    assert task.reward_terms is not None
    env = PoolVectorEnv(task, 5, autoreset_mode="SameStep")
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(16):
        action = env.action_space.sample().astype(np.float64)  # in float32, sums would differ visibly
        env.step(action)
        views = {name: view.copy() for name, view in env._worlds.pool.views.items()}
        tensors = {name: torch.from_numpy(view) for name, view in views.items()}
        velocity = np.zeros((5, 0)) if task.position is None else task.position(task, views, np) * 3.0
        terminated = np.array([True, False, False, True, False])
        if task.terminated is not None:
            agree(task.terminated(task, views, np), task.terminated(task, tensors, torch))
        if task.position is not None:
            agree(task.position(task, views, np), task.position(task, tensors, torch))
        for ours, theirs in zip(task.observation(task, views, np), task.observation(task, tensors, torch), strict=True):
            agree(ours, theirs)
        step = {"action": action, "velocity": velocity, "terminated": terminated}
        terms = task.reward_terms(task, views, StepFacts(**step), np)
        same_step = StepFacts(**{name: torch.from_numpy(value.copy()) for name, value in step.items()})
        same_terms = task.reward_terms(task, tensors, same_step, torch)
        assert list(terms) == list(same_terms)
        for name, term in terms.items():
            agree(term, same_terms[name])
        agree(task.reward(terms), task.reward(same_terms))
        info, same_info = task.info(task, views, np), task.info(task, tensors, torch)
        assert list(info) == list(same_info)
        for name, value in info.items():
            agree(value, same_info[name])


def agree(array: np.ndarray, tensor: torch.Tensor) -> None:
    """Compare up to the last few bits: NumPy and torch add in different orders."""
    assert array.shape == tuple(tensor.shape)
    assert np.allclose(array, tensor.numpy(), rtol=1e-12, atol=1e-12)


def test_targets_are_within_reach() -> None:
    """Reacher's targets fill a disc of 0.2 m; Pusher's objects a rectangle, 0.17 m away from the goal."""
    rng = np.random.default_rng(0)
    qpos, qvel = REACHER.initial(REACHER, HostSampler(rng), 2000, np.zeros(4), np.zeros(4))
    distances = np.linalg.norm(qpos[:, -2:], axis=1)
    assert distances.max() < 0.2
    assert abs((distances**2).mean() - 0.02) < 0.001  # uniform over the disc: E r^2 = R^2 / 2
    assert not qvel[:, -2:].any()
    assert 0.004 < abs(qvel[:, :-2]).max() <= 0.005
    qpos, qvel = PUSHER.initial(PUSHER, HostSampler(rng), 2000, np.ones(11), np.zeros(11))
    place = qpos[:, -4:-2]
    assert np.linalg.norm(place, axis=1).min() > 0.17
    assert place.min(0) == pytest.approx([-0.3, -0.2], abs=0.01)
    assert place.max(0) == pytest.approx([0.0, 0.2], abs=0.01)
    assert (qpos[:, :-4] == 1).all()
    assert not qpos[:, -2:].any()
    assert not qvel[:, -4:].any()
