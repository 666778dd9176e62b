"""Drawings of segments: poses where there are states, clips where there are pictures, or one sentence."""

import json
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
from recorded import record_states, segment_of
from videos import decode as decode_video

from prefgym.sim.source import EnvSource
from prefgym.video.drawing import KEYFRAMES, MP4, POSES, CannotDraw, drawer_of
from prefgym.video.poses import decode


def test_states_are_drawn_as_poses_of_the_valid_steps() -> None:
    _, states = record_states("prefgym/Walker2d-v0", 8)
    drawer = drawer_of("prefgym/Walker2d-v0")
    short = replace(segment_of(states), length=segment_of(states).length - 3)
    drawing = drawer.draw(short)
    assert drawing.media_type == POSES
    poses = decode(drawing.content)
    assert poses.places.shape == (6, 7, 3), "5 steps have 6 states; a walker has 7 shapes"
    np.testing.assert_array_equal(poses.places, decode(drawer.draw(segment_of(states)).content).places[:6])
    assert drawer.dt == 0.008
    geometry = drawer.geometry()
    assert geometry is not None
    assert len(json.loads(geometry)["moving"]) == 7


def test_recorded_pictures_are_drawn_as_a_clip() -> None:
    """Pictures of odd sizes are extended: H.264 has none."""
    drawer = drawer_of(EnvSource.of(lambda: gym.make("CartPole-v1")))  # 50 steps per second
    frames = np.zeros((8, 33, 47, 3), np.uint8)
    frames[:, 8:16, 8:16] = 255
    segment = replace(segment_of(np.zeros((9, 4)), frames), state=None)
    drawing = drawer.draw(segment)
    assert drawing.media_type == MP4
    assert drawer.geometry() is None
    shown = decode_video(drawing.content)
    assert shown.shape == (8, 34, 48, 3)
    assert shown[:, 12, 12].min() > 230
    assert shown[:, 25, 30].max() < 25


def test_a_clip_of_states_has_a_picture_for_each_and_short_stretches_between_whole_ones() -> None:
    _, states = record_states("prefgym/Hopper-v0", 20)
    drawer = drawer_of("prefgym/Hopper-v0", width=64, height=48)
    drawing = drawer.clip(segment_of(states))
    drawer.close()
    assert decode_video(drawing.content).shape == (21, 48, 64, 3)
    assert len(whole_pictures(drawing.content)) == -(-21 // KEYFRAMES)


def whole_pictures(mp4: bytes) -> list[int]:
    """List the pictures of a video that stand on their own."""
    import io
    from typing import Any

    import av

    reader: Any = av
    with reader.open(io.BytesIO(mp4)) as container:
        return [at for at, frame in enumerate(container.decode(video=0)) if frame.key_frame]


def test_what_has_neither_states_nor_pictures_is_refused_in_one_sentence() -> None:
    segment = replace(segment_of(np.zeros((3, 4))), state=None)
    with pytest.raises(CannotDraw, match=r"CartPole-v1 cannot be drawn: it has neither physics states nor pictures\.$"):
        drawer_of("CartPole-v1").draw(segment)


def test_states_of_another_task_are_refused_in_one_sentence() -> None:
    _, states = record_states("prefgym/Hopper-v0", 2)
    with pytest.raises(CannotDraw, match=r"prefgym/Ant-v0 cannot be drawn: states have shape \(3, 19\), but those of"):
        drawer_of("prefgym/Ant-v0").draw(segment_of(states))
