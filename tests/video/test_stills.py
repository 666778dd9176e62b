"""Stills: which pictures are picked, and where each stands on a sheet."""

import numpy as np
import pytest

from prefgym.video.clips import Frames
from prefgym.video.stills import GAP, contact_sheet, key_frames


def shades(num: int, height: int = 16, width: int = 24) -> Frames:
    """Picture k has brightness 10 + k everywhere."""
    return np.repeat(10 + np.arange(num, dtype=np.uint8), height * width * 3).reshape(num, height, width, 3)


@pytest.mark.parametrize(
    ("num_frames", "num", "picked"),
    [(9, 3, [0, 4, 8]), (10, 4, [0, 3, 6, 9]), (3, 6, [0, 1, 2]), (7, 1, [3]), (1, 1, [0]), (5, 5, [0, 1, 2, 3, 4])],
)
def test_key_frames_are_evenly_spaced_with_both_ends(num_frames: int, num: int, picked: list[int]) -> None:
    frames = key_frames(shades(num_frames), num)
    assert frames.shape == (len(picked), 16, 24, 3)
    assert (frames[:, 5, 5, 0] - 10).tolist() == picked


@pytest.mark.parametrize(("num_frames", "num"), [(0, 3), (3, 0)])
def test_nothing_cannot_be_picked(num_frames: int, num: int) -> None:
    with pytest.raises(ValueError, match="both numbers must be positive"):
        key_frames(shades(num_frames), num)


def test_a_sheet_has_a_row_for_each_segment() -> None:
    """Two rows of three and of two pictures of 24 x 16: 4 + 3 x 28 wide, 4 + 2 x 20 high."""
    sheet = contact_sheet([shades(9), shades(2)], 3)
    assert sheet.shape == (44, 88, 3)
    assert sheet[GAP, GAP, 0] == 10
    assert sheet[4 + 15, 4 + 2 * 28 + 23, 0] == 18, "the last of nine pictures stands at the right"
    assert sheet[24, 4 + 28, 0] == 11
    assert (sheet[24:40, 60:] == 255).all(), "the second row has no third picture"
    assert (sheet[:4] == 255).all()
    assert (sheet[20:24] == 255).all()


def test_names_stand_above_their_rows() -> None:
    """A line of 12 pixels above each row: 4 + 2 x 32 high."""
    sheet = contact_sheet([shades(3), shades(3)], 3, ["walks", "falls"])
    assert sheet.shape == (4 + 2 * 32, 88, 3)
    assert (sheet[4:16] < 128).any()
    assert (sheet[36:48] < 128).any()
    assert sheet[16, 4, 0] == 10


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="pictures of one size"):
        contact_sheet([shades(3), shades(3, height=18)])
    with pytest.raises(ValueError, match="2 rows need as many names, not 1"):
        contact_sheet([shades(3), shades(3)], names=["one"])
