"""The floor of pictures: endless, ruled in metres, and still while a robot runs over it."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from prefgym.evaluation.envs import make_evaluation_env
from prefgym.evaluation.evaluate import record_episode
from prefgym.evaluation.experts import load_expert
from prefgym.sim.capabilities import physics_of
from prefgym.sim.floor import RULE, SKY, TILES, Floor
from prefgym.sim.gl import MjModel, RenderingUnavailable, mujoco
from prefgym.sim.render import StateRenderer

CHEETAH = "prefgym/HalfCheetah-v0"


@pytest.fixture(scope="module")
def model() -> MjModel:
    physics = physics_of(make_evaluation_env(CHEETAH, 1, 1))
    assert physics is not None
    return physics.model


@pytest.fixture(scope="module")
def state(model: MjModel) -> NDArray[np.float64]:
    env = make_evaluation_env(CHEETAH, 1, 1)
    env.reset(seed=0)
    physics = physics_of(env)
    assert physics is not None
    return physics.physics_state()[0]


@pytest.fixture(scope="module")
def draw(model: MjModel) -> Iterator[StateRenderer]:
    try:
        with StateRenderer(model, width=96, height=72, camera={"distance": 4.0}) as renderer:
            yield renderer
    except RenderingUnavailable as error:
        pytest.skip(str(error))


def moved(state: NDArray[np.float64], metres: float) -> NDArray[np.float64]:
    """Move a cheetah along x; its state begins with the time and x."""
    return np.concatenate([state[:1], [state[1] + metres], state[2:]])


def test_the_floor_is_there_forty_metres_out(draw: StateRenderer, state: NDArray[np.float64]) -> None:
    """Below the horizon all is as at the start, since 40 m are twenty periods of two tiles of a metre."""
    start, far, farther = draw(np.stack([moved(state, metres) for metres in (0.0, 40.0, 4000.0)])).astype(int)
    assert start[40:].std() > 5
    np.testing.assert_allclose(far, start, atol=3)
    assert np.abs(farther - start).mean() < 3
    assert (np.abs(start[:4] - SKY).max() < 12) and (start[40:].mean() < np.mean(SKY))


def test_the_floor_moves_below_the_robot_and_not_with_it(draw: StateRenderer, state: NDArray[np.float64]) -> None:
    """A metre along, light tiles are dark ones, and the robot is where it was; two metres along, all is as before."""
    start, one, two = draw(np.stack([moved(state, metres) for metres in (20.0, 21.0, 22.0)])).astype(int)
    np.testing.assert_allclose(two, start, atol=3)
    floor = np.s_[60:, :20]
    assert np.abs(one[floor] - start[floor]).mean() > 8
    body = np.s_[28:34, 40:56]
    assert np.abs(one[body] - start[body]).mean() < np.abs(one[floor] - start[floor]).mean()


@pytest.mark.slow
def test_the_expert_cheetah_runs_over_a_floor_to_its_last_step(draw: StateRenderer) -> None:
    """It comes more than forty metres far: the old floor ended there."""
    episode = record_episode(load_expert(CHEETAH), make_evaluation_env(CHEETAH, 1, 1))
    assert episode["state"][-1, 1] > 40
    frames = draw(episode["state"][[0, -3, -2, -1]])
    assert all(frame[50:].std() > 5 for frame in frames)
    assert np.abs(frames[3].astype(int) - frames[1]).mean() > 1


def test_a_model_of_others_is_left_alone(model: MjModel, draw: StateRenderer) -> None:
    """The renderer paints a copy: contacts and pictures of others are those of the model."""
    del draw
    assert model.geom_size[0].tolist() == [40.0, 40.0, 40.0]
    tile = np.asarray(model.tex_data)[int(model.tex_adr[2]) :][:3]
    assert tuple(tile) not in (*TILES, RULE)


PLAIN = """<mujoco><worldbody><geom type="plane" size="1 1 .1" pos="0 0 -.5"/>
<geom type="plane" size="1 1 .1" euler="30 0 0"/><body><freejoint/><geom size=".1"/></body></worldbody></mujoco>"""


def test_a_floor_without_a_texture_gets_strips_and_a_slope_stays_as_it_is() -> None:
    model = mujoco.MjModel.from_xml_string(PLAIN)
    data, scene = mujoco.MjData(model), mujoco.MjvScene(model, maxgeom=1000)
    floor = Floor(model)
    assert model.geom_size[:2, 0].tolist() == [60.0, 1.0]
    mujoco.mj_forward(model, data)
    lookat = np.array([101.2, -3.1, 0.0])
    floor.follow(data, lookat)
    assert data.geom_xpos[0].tolist() == [102.0, -4.0, -0.5]  # of two metres, the nearest multiples
    floor.add_strips(scene, lookat, distance=4.0)
    places = np.array([scene.geoms[k].pos for k in range(scene.ngeom)])
    across = places[: scene.ngeom // 2, 0]
    np.testing.assert_allclose(np.diff(across), 2.0)
    np.testing.assert_allclose(across % 2, 0.5)
    assert across.min() < 101.2 - 40 and across.max() > 101.2 + 40
