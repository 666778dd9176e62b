"""Pictures of physics states: exact restoring, the camera, other people's contexts, and machines without OpenGL."""

import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from numpy.typing import NDArray

from prefgym.sim.gl import MjModel, RenderingUnavailable, mujoco
from prefgym.sim.render import STATE_SPEC, StateRenderer, render_states

States = NDArray[np.float64]
Draw = Callable[..., NDArray[np.uint8]]


@pytest.fixture(scope="module")
def model() -> MjModel:
    path = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets" / "half_cheetah.xml"
    return mujoco.MjModel.from_xml_path(str(path))


@pytest.fixture(scope="module")
def states(model: MjModel) -> States:
    """Six states of a cheetah that runs, 0.25 s apart."""
    data, recorded = mujoco.MjData(model), []
    for step in range(6):
        recorded.append(np.empty(mujoco.mj_stateSize(model, STATE_SPEC)))
        mujoco.mj_getState(model, data, recorded[-1], STATE_SPEC)
        data.ctrl[:] = np.sin(step + np.arange(model.nu))
        mujoco.mj_step(model, data, 25)
    return np.stack(recorded)


@pytest.fixture(scope="module")
def draw(model: MjModel) -> Draw:
    """Draw small pictures; skip where there is no OpenGL."""
    try:
        render_states(model, np.empty((0, mujoco.mj_stateSize(model, STATE_SPEC))), width=16, height=16)
    except RenderingUnavailable as error:
        pytest.skip(str(error))

    def draw_small(states: States, **kwargs: Any) -> NDArray[np.uint8]:  # noqa: ANN401
        return render_states(model, states, **{"width": 64, "height": 48, **kwargs})

    return draw_small


def test_pictures_have_the_size_that_was_asked_for(draw: Draw, states: States) -> None:
    frames = draw(states, width=64, height=48)
    assert frames.shape == (6, 48, 64, 3)
    assert frames.dtype == np.uint8
    assert draw(states[:0]).shape == (0, 48, 64, 3)


def test_pictures_may_be_larger_than_the_models_own_buffer(
    draw: Draw,
    model: MjModel,
    states: States,
) -> None:
    width = model.vis.global_.offwidth + 64
    assert draw(states[:1], width=width).shape == (1, 48, width, 3)
    assert model.vis.global_.offwidth == width - 64


def test_a_state_has_one_picture(draw: Draw, states: States) -> None:
    """What was drawn before leaves no trace: neither in this renderer nor in another."""
    forward, backward = draw(states), draw(states[::-1].copy())
    np.testing.assert_array_equal(forward, backward[::-1])


def test_states_that_differ_look_different(draw: Draw, states: States) -> None:
    frames = draw(states)
    assert all((before != after).any() for before, after in itertools.pairwise(frames))


def test_up_is_up(draw: Draw, states: States) -> None:
    """The chequered floor varies more than the plain sky."""
    picture = draw(states[:1])[0].astype(float)
    assert picture[:6].std() < picture[-6:].std()


def test_the_camera_follows_body_1_unless_told_not_to(
    draw: Draw,
    model: MjModel,
    states: States,
) -> None:
    gone = states[:1].copy()
    gone[:, 1] += 100.0  # x of the cheetah: time comes first
    near_body = draw(np.concatenate([states[:1], gone]), camera={"distance": 4.0})
    standing = draw(np.concatenate([states[:1], gone]), camera={"distance": 4.0, "trackbodyid": -1})
    empty = draw(gone + np.eye(gone.shape[1])[1] * 50, camera={"distance": 4.0, "trackbodyid": -1})

    def num_skin(frame: NDArray[np.uint8]) -> int:
        return int((frame[:, :, 0].astype(int) - frame[:, :, 2] > 40).sum())

    assert num_skin(near_body[0]) > 20
    assert num_skin(near_body[1]) > 20
    assert num_skin(standing[0]) > 20
    assert num_skin(standing[1]) == num_skin(empty[0]) == 0


def test_the_camera_takes_gymnasiums_configuration(draw: Draw, states: States) -> None:
    one = states[:1]
    config = {"trackbodyid": 0, "distance": 3.0, "lookat": np.array((0.0, 0.0, 1.15)), "elevation": -20.0}
    picture = draw(one, camera=config)
    assert (picture == draw(one, camera={**config, "lookat": (0.0, 0.0, 1.15)})).all()
    for change in ({"distance": 6.0}, {"elevation": -60.0}, {"azimuth": 10.0}, {"lookat": (0.0, 0.0, 0.0)}):
        assert (picture != draw(one, camera={**config, **change})).any(), change


def test_states_of_another_model_are_refused(draw: Draw, states: States) -> None:
    with pytest.raises(ValueError, match=r"states have shape \(6, 27\), but those of this model have shape \(T, 28\)"):
        draw(states[:, :-1])


def test_a_renderer_draws_again_and_again_until_it_is_closed(
    draw: Draw,
    model: MjModel,
    states: States,
) -> None:
    with StateRenderer(model, width=64, height=48) as renderer:
        np.testing.assert_array_equal(np.concatenate([renderer(states[:2]), renderer(states[2:])]), draw(states))
    renderer.close()
    with pytest.raises(ValueError, match="closed"):
        renderer(states)


def test_gymnasiums_renderer_keeps_its_context(draw: Draw, states: States, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", os.environ.get("MUJOCO_GL") or "egl")  # Gymnasium tries a window first
    env = gymnasium.make("HalfCheetah-v5", render_mode="rgb_array", width=64, height=48)
    env.reset(seed=0)
    before: Any = env.render()
    draw(states)
    np.testing.assert_array_equal(before, np.asarray(env.render()))
    env.close()


DRAW_ONE = """
import numpy as np
from prefgym.sim.gl import RenderingUnavailable, mujoco
from prefgym.sim.render import STATE_SPEC, render_states

model = mujoco.MjModel.from_xml_string("<mujoco><worldbody><geom size='1'/></worldbody></mujoco>")
mujoco.mj_step(model, mujoco.MjData(model))
for _ in range(2):  # the second attempt meets modules that are half imported
    try:
        render_states(model, np.zeros((1, mujoco.mj_stateSize(model, STATE_SPEC))))
    except RenderingUnavailable as error:
        print(error)
"""
WITHOUT_GL = {
    "another platform was chosen": {"MUJOCO_GL": "egl", "PYOPENGL_PLATFORM": "glx"},
    "no driver": {"MUJOCO_GL": "", "__EGL_VENDOR_LIBRARY_DIRS": "/nonexistent", "__EGL_VENDOR_LIBRARY_FILENAMES": ""},
    "no library": {"MUJOCO_GL": "osmesa", "PYTHONPATH": "without_library"},
    "switched off": {"MUJOCO_GL": "disabled"},
    "misspelt": {"MUJOCO_GL": "hologram"},
}


@pytest.mark.parametrize("case", WITHOUT_GL)
def test_without_opengl_one_sentence_says_what_to_install(case: str) -> None:
    """The process goes on: physics works, and rendering raises exactly one exception."""
    package = Path("without_library") / "OpenGL"  # PyOpenGL fails like this where the library is missing
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("None.glGetError")
    ran = subprocess.run(
        [sys.executable, "-c", DRAW_ONE], env=os.environ | WITHOUT_GL[case], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    first, second = ran.stdout.splitlines()
    assert first == second
    assert first.startswith("pictures cannot be drawn (")
    assert first.endswith("install libegl1 and libgl1-mesa-dri, or libosmesa6 and set MUJOCO_GL=osmesa")
    assert "Traceback" not in ran.stderr


def test_an_optimiser_can_be_made_after_a_picture_was_drawn() -> None:
    """Torch's optimisers import triton where it is installed; its LLVM and OpenGL's must get along in one process."""
    optimiser = "import torch; torch.optim.Adam([torch.zeros(1)]); print('made')"
    ran = subprocess.run(
        [sys.executable, "-c", f"{DRAW_ONE}\n{optimiser}"], capture_output=True, text=True, check=False
    )
    assert ran.stdout.endswith("made\n"), ran.stderr


@pytest.mark.parametrize("library", ["import sys; print('opengl' if 'mujoco.egl' in sys.modules else 'first')", None])
def test_triton_is_loaded_before_opengl(library: str | None) -> None:
    """A package by that name says whether OpenGL came before it; one that lacks its library stops nothing."""
    package = Path("path") / "triton" / "_C"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").touch()
    if library is not None:
        (package / "libtriton.py").write_text(library)
    environment = os.environ | {"PYTHONPATH": "path"}
    ran = subprocess.run([sys.executable, "-c", DRAW_ONE], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[:1] == ([] if library is None else ["first"])
