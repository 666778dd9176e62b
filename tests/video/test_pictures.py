"""Pictures for raters that look: the right ones, in the right places, for a rater in a real run."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from recorded import record_states, segment_of
from tiny import tiny_run

from prefgym.common.errors import UserError
from prefgym.core.context import RaterContext
from prefgym.core.segments import Segments
from prefgym.sim.gl import RenderingUnavailable, open_gl
from prefgym.sim.render import render_states
from prefgym.video.pictures import Pictures

TASK = "prefgym/InvertedPendulum-v0"
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def gl() -> None:
    """Skip the test where nothing can be drawn."""
    try:
        open_gl(16, 16).free()
    except RenderingUnavailable as error:
        pytest.skip(str(error))


def test_each_step_has_its_picture_and_padding_is_black(gl: None) -> None:
    physics, states = record_states(TASK, 6)
    one = segment_of(states)
    batch = Segments.stack([one, replace(one, length=torch.tensor(4))])
    batch = Segments.stack([batch, batch])  # shape (2, 2)
    pictures = Pictures(physics, TASK, (48, 32))
    shown = pictures(batch)
    pictures.close()
    assert (shown.shape, shown.dtype) == ((2, 2, 6, 32, 48, 3), torch.uint8)
    wanted = render_states(physics.model, states[:6], width=48, height=32, camera=physics.camera)
    for row in range(2):
        np.testing.assert_array_equal(shown[row, 0].numpy(), wanted)
        np.testing.assert_array_equal(shown[row, 1, :4].numpy(), wanted[:4])
        assert (shown[row, 1, 4:] == 0).all()


def test_recorded_pictures_are_taken_as_they_are() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3, 4, 6, 3), dtype=np.uint8)
    segment = replace(segment_of(np.zeros((4, 2)), frames), state=None)
    np.testing.assert_array_equal(Pictures(None, "Tower-v0")(segment).numpy(), frames)
    np.testing.assert_array_equal(RaterContext().render(segment).numpy(), frames)


def test_what_cannot_be_drawn_is_refused_in_one_sentence() -> None:
    segment = replace(segment_of(np.zeros((4, 2))), state=None)
    with pytest.raises(UserError, match=r"^segments of Tower-v0 have neither pictures nor physics states to draw"):
        Pictures(None, "Tower-v0")(segment)
    with pytest.raises(UserError, match=r"^segments cannot be drawn here: they carry no pictures"):
        RaterContext().render(segment)


def test_a_rater_that_looks_teaches_a_run(gl: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rater of the example, in a run of 600 steps."""
    shutil.copy(EXAMPLES / "looking_rater.py", tmp_path)  # the present folder, from which modules are taken
    feedback = tiny_run(TASK, rater="looking_rater:LookingRater", out=tmp_path / "run").preferences
    assert feedback is not None
    assert [info.name for info in feedback.parts[0].raters] == ["looking"]
    assert feedback.num_answered == len(feedback) == 10
