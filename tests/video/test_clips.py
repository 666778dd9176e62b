"""Videos: decoded again with another tool, and looked at pixel by pixel."""

import io
from dataclasses import replace
from typing import Any

import av
import numpy as np
import pytest
import torch
from videos import decode

from prefgym.core.segments import Segments
from prefgym.video.clips import MAX_FPS, MIN_FPS, Frames, choose_pace, encode_mp4, make_clip, segment_frames
from prefgym.video.clips import side_by_side as put_side_by_side

BLUE, ORANGE, GREEN = np.array([42, 99, 212]), np.array([168, 74, 5]), np.array([0, 120, 95])


def moving_square(num_frames: int = 12, size: int = 64) -> Frames:
    """A white square that walks to the right over grey."""
    frames = np.full((num_frames, size, size, 3), 90, dtype=np.uint8)
    for at, frame in enumerate(frames):
        frame[24:40, 2 * at : 2 * at + 16] = 255
    return frames


@pytest.mark.parametrize("fps", [20.0, 125.0 / 4, 66.667])
def test_a_video_comes_back_as_it_went_in(fps: float) -> None:
    frames = moving_square()
    mp4 = encode_mp4(frames, fps)
    decoded = decode(mp4)
    assert decoded.shape == frames.shape
    assert np.abs(decoded.astype(int) - frames).mean() < 6
    with av.open(io.BytesIO(mp4)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.average_rate is not None
        assert float(stream.average_rate) == pytest.approx(fps, rel=1e-3)


def test_a_video_plays_before_it_has_come_in_whole() -> None:
    mp4 = encode_mp4(moving_square(), 20)
    assert mp4.index(b"moov") < mp4.index(b"mdat")


def test_a_video_is_small() -> None:
    assert len(encode_mp4(moving_square(60), 20)) < 20_000


def test_one_input_makes_one_video() -> None:
    assert encode_mp4(moving_square(), 20) == encode_mp4(moving_square(), 20)


@pytest.mark.parametrize("shape", [(0, 64, 64, 3), (5, 63, 64, 3), (5, 64, 63, 3), (64, 64, 3)])
def test_what_h264_cannot_take_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="even height and width"):
        encode_mp4(np.zeros(shape, dtype=np.uint8), 20)


def test_options_stand_side_by_side_on_one_clock() -> None:
    """The second option is over after 5 of 12 pictures: it stays, half as bright."""
    first, second = moving_square(12), moving_square(5)
    shown = put_side_by_side([first, second], [True, False])
    assert shown.shape == (12, 64, 64 + 6 + 64, 3)
    assert shown.shape[2] % 2 == 0
    middle = slice(28, 38)  # clear of outline and letter
    np.testing.assert_array_equal(shown[:, middle, 24:56], first[:, middle, 24:56])
    np.testing.assert_array_equal(shown[:5, middle, -40:], second[:, middle, -40:])
    assert (shown[5:, middle, -40:] == second[4, middle, -40:] // 2).all()
    np.testing.assert_array_equal(first, moving_square(12))


@pytest.mark.parametrize("chosen", [(True, False), (False, True), (True, True), (False, False)])
def test_what_was_chosen_is_outlined_in_its_colour_and_ties_in_green(chosen: tuple[bool, bool]) -> None:
    shown = put_side_by_side([moving_square(), moving_square()], chosen)
    colours = (GREEN, GREEN) if all(chosen) else (BLUE, ORANGE)
    for is_chosen, colour, panel in zip(chosen, colours, (shown[:, :, :64], shown[:, :, -64:]), strict=True):
        edges = np.concatenate([panel[:, 0], panel[:, -1], panel[:, :, 0], panel[:, :, -1]], axis=1)
        assert ((edges == colour).all(-1)).all() == is_chosen
        assert not (panel[:, 32, 32] == colour).all(-1).any()


def test_options_are_lettered() -> None:
    shown = put_side_by_side([moving_square()] * 3, [False] * 3)
    letters = [shown[0, 10:30, start + 10 : start + 30] for start in (0, 70, 140)]
    assert (letters[0] != letters[1]).any()
    assert (letters[1] != letters[2]).any()
    assert shown.shape[2] == 3 * 64 + 2 * 6


@pytest.mark.parametrize(
    ("num_states", "fps", "stride", "shown_fps", "speed"),
    [
        (1001, 20.0, 1, 20.0, 1.0),  # HalfCheetah, an episode
        (51, 20.0, 1, 20.0, 1.0),  # HalfCheetah, a segment: 2.55 s
        (1001, 125.0, 5, 25.0, 1.0),  # Hopper, an episode
        (51, 125.0, 1, 25.5, 0.204),  # Hopper, a segment: 0.4 s, slowed down to 2 s
        (11, 125.0, 1, 12.0, 0.096),  # too few pictures for 2 s
        (11, 10.0, 1, 10.0, 1.0),  # slow as it is
    ],
)
def test_pace(num_states: int, fps: float, stride: int, shown_fps: float, speed: float) -> None:
    pace = choose_pace(num_states, fps)
    assert (pace.stride, pace.fps, pace.speed) == (stride, pytest.approx(shown_fps), pytest.approx(speed))
    assert pace.fps <= MAX_FPS * 1.1
    assert pace.fps >= min(fps, MIN_FPS)


def test_a_clip_knows_how_long_it_plays() -> None:
    clip = make_clip(moving_square(40), choose_pace(40, 20.0))
    assert (clip.width, clip.height, clip.speed, clip.seconds) == (64, 64, 1.0, 2.0)
    assert clip.poster.startswith(b"\xff\xd8")


@pytest.fixture
def options() -> Segments:
    """Make two segments with states, of 8 steps and of 3."""
    zeros, flags = torch.zeros(2, 9, 3), torch.zeros(2, dtype=torch.bool)
    length = torch.tensor([8, 3])
    return Segments(obs=zeros, action=zeros[:, 1:], length=length, terminated=flags, truncated=flags, state=zeros)


def test_segments_show_valid_steps_only(options: Segments) -> None:
    """The second one has 3 steps of 8, and so 4 states."""
    seen: list[int] = []

    def draw(states: np.ndarray[Any, Any]) -> Frames:
        seen.append(len(states))
        return np.zeros((len(states), 4, 4, 3), dtype=np.uint8)

    assert [segment_frames(options[k], draw) is None for k in range(2)] == [False, False]
    segment_frames(options[0], draw, stride=3)
    assert seen == [9, 4, 3]


def test_recorded_pictures_need_no_physics(options: Segments) -> None:
    option = replace(options[1], state=None, frames=torch.ones(8, 4, 6, 3, dtype=torch.uint8))
    frames = segment_frames(option, None)
    assert frames is not None
    assert frames.shape == (3, 4, 6, 3)
    assert segment_frames(replace(option, frames=None), None) is None
