"""Scripted demonstrators: what they do where, that they succeed, and that quality is what it says."""

from typing import Any

import numpy as np
import pytest

from prefgym.envs.demonstrators import CONTROLLERS, Demonstrator, DemonstratorCfg
from prefgym.evaluation.envs import make_evaluation_env

REACH, PUSH, PICK = "prefgym/FetchReach-v0", "prefgym/FetchPush-v0", "prefgym/FetchPickAndPlace-v0"


def observation(gripper: Any, thing: Any, goal: Any, finger: float = 0.05) -> np.ndarray:  # noqa: ANN401
    """Observe an object where it is said to be."""
    obs = np.zeros(31)
    obs[:3], obs[3:6], obs[6:9], obs[12:15], obs[15] = thing, goal, gripper, np.subtract(thing, gripper), finger
    return obs


@pytest.mark.parametrize(
    ("gripper", "finger", "action"),
    [
        # beside and above the object at (1.3, 0.7, 0.42): over it, at 0.42 + 0.08; 10 / m times (0.05, 0, 0.03)
        ((1.25, 0.7, 0.47), 0.05, (0.5, 0.0, 0.3, 1.0)),
        # above it: down, 10 (0.42 - 0.49) = -0.7, open
        ((1.3, 0.7, 0.49), 0.05, (0.0, 0.0, -0.7, 1.0)),
        # around it: shut
        ((1.3, 0.7, 0.42), 0.05, (0.0, 0.0, 0.0, -1.0)),
        # holding it: to the goal at (1.3, 0.75, 0.52), 10 (0, 0.05, 0.1), shut
        ((1.3, 0.7, 0.42), 0.025, (0.0, 0.5, 1.0, -1.0)),
        # shut elsewhere: that is not holding
        ((1.25, 0.7, 0.47), 0.0, (0.5, 0.0, 0.3, 1.0)),
    ],
)
def test_how_it_picks_and_places(gripper: Any, finger: float, action: Any) -> None:  # noqa: ANN401
    obs = observation(gripper, (1.3, 0.7, 0.42), (1.3, 0.75, 0.52), finger)
    assert Demonstrator(PICK).predict(obs)[0] == pytest.approx(action, abs=1e-6)


@pytest.mark.parametrize(
    ("gripper", "action"),
    [
        # beside the object at (1.3, 0.7, 0.42), low: straight up
        ((1.3, 0.62, 0.42), (0.0, 0.0, 0.8, -1.0)),
        # high: over the place behind it, (1.3 - 0.07, 0.7, 0.42 + 0.08), as the goal is along x
        ((1.2, 0.65, 0.5), (0.3, 0.5, 0.0, -1.0)),
        # there: down
        ((1.23, 0.7, 0.5), (0.0, 0.0, -0.8, -1.0)),
        # behind it, 1 cm beside the line: to 4.5 cm short of the goal at 1.4, and 1 cm beyond the line
        ((1.23, 0.71, 0.42), (1.0, -0.2, 0.0, -1.0)),
    ],
)
def test_how_it_pushes(gripper: Any, action: Any) -> None:  # noqa: ANN401
    obs = observation(gripper, (1.3, 0.7, 0.42), (1.4, 0.7, 0.42))
    assert Demonstrator(PUSH).predict(obs)[0] == pytest.approx(action, abs=1e-6)


def test_it_leaves_alone_what_has_arrived() -> None:
    obs = observation((1.25, 0.7, 0.42), (1.3, 0.7, 0.42), (1.31, 0.7, 0.42))
    assert Demonstrator(PUSH).predict(obs)[0] == pytest.approx((0, 0, 0, -1), abs=1e-6)


@pytest.mark.parametrize("env_id", CONTROLLERS)
def test_envs_do_not_know_of_each_other(env_id: str) -> None:
    """Many at once give what each gives alone."""
    generator = np.random.default_rng(0)
    obs = generator.normal(size=(20, 16 if env_id == REACH else 31)) * 0.1
    together = Demonstrator(env_id).predict(obs)[0]
    assert together.shape == (20, 4)
    assert np.array_equal(together, [Demonstrator(env_id).predict(row)[0] for row in obs])
    assert np.abs(together).max() <= 1


def test_quality_is_the_share_of_steps_without_a_slip() -> None:
    """At the goal the script does nothing; of 4000 steps at quality 0.7, 2800 are like that, within 4 deviations."""
    obs = np.tile(observation((1.3, 0.7, 0.5), (1.3, 0.7, 0.5), (1.3, 0.7, 0.5)), (4000, 1))
    slipping = Demonstrator(REACH, DemonstratorCfg(quality=0.7), seed=1)
    actions, _ = slipping.predict(obs)
    stays = (actions[:, :3] == 0).all(-1)
    assert abs(int(stays.sum()) - 2800) < 4 * np.sqrt(4000 * 0.7 * 0.3)
    assert abs(actions[~stays].mean()) < 0.05  # of a uniform draw, whose mean has a deviation of 0.58 / sqrt(4800)
    assert actions[~stays].std() == pytest.approx(1 / np.sqrt(3), rel=0.05)
    assert np.array_equal(actions, Demonstrator(REACH, DemonstratorCfg(quality=0.7), seed=1).predict(obs)[0])
    assert (slipping.predict(obs, deterministic=True)[0][:, :3] == 0).all()


def success(env_id: str, quality: float, num_episodes: int) -> float:
    """Play episodes; the share that ends at the goal."""
    envs = make_evaluation_env(env_id, num_episodes, 1)
    demonstrator = Demonstrator(env_id, DemonstratorCfg(quality=quality))
    obs, _ = envs.reset(seed=0)
    reward = np.zeros(num_episodes)
    for _ in range(50):
        obs, reward, *_ = envs.step(demonstrator.predict(obs)[0])
    return float(reward.mean())


@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
@pytest.mark.parametrize(("env_id", "middle"), [(REACH, 0.4), (PUSH, 0.5), (PICK, 0.8)])
def test_success_grows_with_quality(env_id: str, middle: float) -> None:
    """Over six episodes: at least five at quality 1, at most one at 0, and no more between than at 1."""
    best, between, worst = (success(env_id, quality, 6) for quality in (1.0, middle, 0.0))
    assert best >= 5 / 6
    assert worst <= 1 / 6
    assert worst <= between <= best


def test_what_there_is_no_script_for_is_named() -> None:
    with pytest.raises(ValueError, match="no demonstrator for prefgym/FetchSlide-v0: there is one for prefgym/FetchRe"):
        Demonstrator("prefgym/FetchSlide-v0")
    with pytest.raises(ValueError, match=r"quality must be between 0 and 1, not 1.5"):
        DemonstratorCfg(quality=1.5)
