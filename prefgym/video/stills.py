"""Stills for judges that take pictures, and for papers: key frames of a segment, and sheets of them."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from prefgym.video.clips import Frames

PAPER, INK = (255, 255, 255), (27, 31, 36)
"""Colours between pictures, and of words."""
GAP = 4
"""Pixels between pictures."""


def key_frames(frames: Frames, num: int) -> Frames:
    """Pick evenly spaced pictures, the first and the last among them; all, if there are no more than `num`.

    >>> key_frames(np.arange(9, dtype=np.uint8)[:, None, None, None], 3).ravel().tolist()
    [0, 4, 8]

    Args:
        frames: Pictures. Shape: (T, H, W, 3).
        num: Number of pictures.

    Returns:
        Shape: (min(num, T), H, W, 3).

    Raises:
        ValueError: If `num` is not positive, or there are no pictures.
    """
    if num < 1 or not len(frames):
        raise ValueError(f"{num} of {len(frames)} pictures cannot be picked: both numbers must be positive")
    if num == 1:
        return frames[len(frames) // 2 : len(frames) // 2 + 1]
    return frames[np.round(np.linspace(0, len(frames) - 1, min(num, len(frames)))).astype(int)]


def contact_sheet(rows: Sequence[Frames], num: int = 6, names: Sequence[str] = ()) -> Frames:
    """Lay key frames of segments out in rows, time from the left to the right.

    Args:
        rows: Pictures of each segment. Shape of each: (T_k, H, W, 3), of one height and width.
        num: Most pictures in a row.
        names: A name for each row, written above it; none by default.

    Returns:
        Shape: (rows x (H + line) + gaps, columns x W + gaps, 3).

    Raises:
        ValueError: If pictures differ in size, or names and rows in number.
    """
    if len({frames.shape[1:] for frames in rows}) != 1:
        raise ValueError(f"a sheet needs pictures of one size, not {[frames.shape[1:] for frames in rows]}")
    if names and len(names) != len(rows):
        raise ValueError(f"{len(rows)} rows need as many names, not {len(names)}")
    picked = [key_frames(frames, num) for frames in rows]
    height, width = picked[0].shape[1:3]
    line = max(12, height // 8) if names else 0
    columns, step = max(map(len, picked)), line + height + GAP
    sheet = np.empty((len(rows) * step + GAP, columns * (width + GAP) + GAP, 3), np.uint8)
    sheet[:] = PAPER
    for row, frames in enumerate(picked):
        for column, frame in enumerate(frames):
            top, left = GAP + row * step + line, GAP + column * (width + GAP)
            sheet[top : top + height, left : left + width] = frame
    return _named(sheet, names, step, line) if names else sheet


def _named(sheet: Frames, names: Sequence[str], step: int, line: int) -> Frames:
    image = Image.fromarray(sheet)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(size=round(0.75 * line))
    for row, name in enumerate(names):
        pen.text((GAP, GAP + row * step + line / 2), name, fill=INK, anchor="lm", font=font)
    return np.asarray(image)
