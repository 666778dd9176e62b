"""Environments that are not ours: found, flattened, and told apart by whether they can tell their state."""

import sys
import types
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from prefgym.common.errors import UserError
from prefgym.sim.render import StateRenderer
from prefgym.sim.third_party import PhysicsVectorEnv, World, draw, find, make_vector, shrink

SAME_STEP = AutoresetMode.SAME_STEP
MUJOCO = ("FetchReachDense-v4", "dm_control/walker-walk-v0", "InvertedPendulum-v5")

pytestmark = pytest.mark.filterwarnings("ignore")  # of packages that are not ours


def play(env: Any, num_steps: int, watch: Callable[[], Any]) -> list[Any]:  # noqa: ANN401
    """Take random steps and note what is watched after each."""
    env.action_space.seed(0)
    seen: list[Any] = []
    for _ in range(num_steps):
        env.step(env.action_space.sample())
        seen.append(watch())
    return seen


@pytest.mark.parametrize("env_id", MUJOCO)
def test_worlds_that_mujoco_simulates_tell_their_state(env_id: str) -> None:
    """The same seed brings the same states; the ones before a reset are kept until the next step."""
    env = make_vector(env_id, 2, SAME_STEP)
    assert isinstance(env, PhysicsVectorEnv)
    assert env.single_observation_space.shape is not None and len(env.single_observation_space.shape) == 1
    runs: list[Any] = []
    for _ in range(2):
        env.reset(seed=3)
        runs.append(np.array(play(env, 5, env.physics_state)))
    assert runs[0].shape == (5, 2, env.state_size)
    assert np.array_equal(*runs)
    assert not np.array_equal(runs[0][0], runs[0][1])


def test_the_state_before_a_reset_is_that_of_the_last_observation() -> None:
    """InvertedPendulum observes its state, so the two can be compared: time, cart and pole come first."""
    env = make_vector("InvertedPendulum-v5", 1, SAME_STEP)
    assert isinstance(env, PhysicsVectorEnv)
    env.reset(seed=0)
    env.action_space.seed(0)
    obs, ended = np.zeros((1, 4)), False
    while not ended:
        obs, _, terminated, _, info = env.step(env.action_space.sample())
        ended = bool(terminated[0])
        last = info["final_obs"][0] if ended else obs[0]
        assert np.array_equal(env.physics_state(final=True)[0, 1:5], last)
    assert np.array_equal(env.physics_state()[0, 1:5], obs[0])


def test_a_goal_is_where_its_mark_is() -> None:
    """Fetch's first site marks the goal; the state says where it is, so that a picture can be drawn of it."""
    world = World(find("FetchReachDense-v4").make())
    obs, _ = world.reset(seed=1)
    goal = obs[3:6]  # achieved, desired, observation, in the order of their names
    base: Any = world.unwrapped
    assert np.allclose(base.goal, goal)
    sites = world.physics_state()[0, -base.model.site_pos.size :].reshape(-1, 3)
    assert any(np.allclose(base.data.site_xpos[site], goal) for site in range(len(sites)))
    with StateRenderer(world.model, width=64, height=64, camera=world.camera) as draw:
        here = draw(world.physics_state())
        there = world.physics_state()
        there[0, -base.model.site_pos.size :] += 0.2
        assert not np.array_equal(here, draw(there))


def test_others_have_no_state() -> None:
    env = make_vector("Pendulum-v1", 2, SAME_STEP)
    assert type(env) is SyncVectorEnv
    assert not hasattr(env, "physics_state")


def test_worlds_draw_themselves_smaller() -> None:
    """Pendulum draws 500 by 500 pixels; each world is drawn as it is, alone as among others."""
    env = make_vector("Pendulum-v1", 2, SAME_STEP, "rgb_array")
    env.reset(seed=3)
    pictures = draw(env, 96)
    assert (pictures.shape, pictures.dtype) == ((2, 96, 96, 3), np.uint8)
    single = gym.make("Pendulum-v1", render_mode="rgb_array")
    for seed, picture in zip((3, 4), pictures):
        single.reset(seed=seed)
        assert np.array_equal(draw(single, 96), picture[None])
    assert not np.array_equal(*pictures)


def test_a_picture_is_made_smaller_by_the_mean_of_its_pixels() -> None:
    """Of 4 by 8 pixels, each of the 2 by 4 is the mean of four: (0 + 100 + 100 + 200) / 4 = 100."""
    square = np.array([[0, 100], [100, 200]], np.uint8)
    picture = np.repeat(np.tile(square, (2, 4))[..., None], 3, 2)
    picture[:, 4:] = 40
    small = shrink(picture, 2)
    assert small[..., 0].tolist() == [[100, 100, 40, 40]] * 2


@pytest.mark.parametrize(
    ("drawn", "height", "kept"),
    [
        ((400, 600), 96, (96, 144)),  # 600 * 96 / 400 = 144
        ((500, 500), 97, (96, 96)),  # videos have even sizes
        ((100, 75), 50, (50, 36)),  # 75 * 50 / 100 = 37.5
        ((64, 64), 96, (64, 64)),  # never larger than drawn
        ((63, 65), 96, (62, 62)),  # 65 * 62 / 63 = 63.97
        ((40, 40), 1, (2, 2)),
    ],
)
def test_sizes_are_even_and_in_proportion(drawn: tuple[int, int], height: int, kept: tuple[int, int]) -> None:
    assert shrink(np.full((*drawn, 3), 7, np.uint8), height).shape == (*kept, 3)


@pytest.mark.parametrize("drawn", [None, np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3))])
def test_what_is_no_picture_is_refused(drawn: Any) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match=r"must be uint8 of shape \(H, W, 3\)"):
        shrink(drawn, 2)


@pytest.mark.parametrize(
    ("env_id", "provider", "extra"),
    [
        ("FetchReachDense-v9", "gymnasium_robotics", "robotics"),
        ("AdroitHandDoor-v9", "gymnasium_robotics", "robotics"),
        ("dm_control/walker-fly-v0", "shimmy", "dm-control"),
    ],
)
def test_what_an_extra_would_register_names_the_extra(
    env_id: str, provider: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, provider, None)  # as if it were not installed
    with pytest.raises(UserError, match=rf"{env_id} needs {provider}, which is not installed: .*prefgym\[{extra}\]"):
        find(env_id)


def test_what_nobody_registers_is_not_found() -> None:
    with pytest.raises(gym.error.Error):
        find("Nowhere-v0")


class Told(gym.Env[Any, Any]):
    """A world of somebody else's that tells states and factors."""

    observation_space = action_space = gym.spaces.Box(-1, 1, (2,))
    state_size, camera = 1, types.MappingProxyType({})
    task = types.SimpleNamespace(ranking=("fast",))
    place = 0.0

    def __init__(self, **_: Any) -> None:  # noqa: ANN401
        self.render_mode = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Go back to where it was put."""
        self.place = float(seed or 0)
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:  # noqa: ANN401
        """Go one further."""
        self.place += 1.0
        return np.zeros(2, np.float32), 1.0, False, False, {}

    def physics_state(self, final: bool = False) -> np.ndarray:
        """Tell where it is."""
        return np.array([[self.place]])

    def factors(self) -> dict[str, np.ndarray]:
        """Tell the same."""
        return {"fast": np.array([self.place])}


def test_worlds_may_tell_states_and_factors_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are asked, each for its own; one that tells neither is asked for nothing."""
    monkeypatch.setitem(gym.registry, "tests/Told-v0", EnvSpec("tests/Told-v0", entry_point=Told))
    env = make_vector("tests/Told-v0", 2, SAME_STEP)
    assert isinstance(env, PhysicsVectorEnv)
    env.reset(seed=5)
    env.step(np.zeros((2, 2), np.float32))
    assert env.physics_state().tolist() == [[6.0], [7.0]]
    assert env.factors()["fast"].tolist() == [6.0, 7.0]
    assert env.task.ranking == ("fast",)
    other = make_vector("InvertedPendulum-v5", 1, SAME_STEP)
    assert isinstance(other, PhysicsVectorEnv)
    assert (other.task, other.factors()) == (None, {})
