"""Short videos: H.264 that every browser plays, and the options of a query side by side."""

import io
import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from prefgym.common.array_files import read_arrays, write_arrays
from prefgym.common.errors import DamageError
from prefgym.core.segments import Segments

_av: Any = av

Frames = NDArray[np.uint8]
Draw = Callable[[NDArray[np.float64]], Frames]
"""Function that renders physics states (T, S) as pictures (T, H, W, 3)."""

MAX_FPS = 30.0
"""Most pictures per second."""
MIN_SECONDS = 2.0
"""Shortest clip in real time, in seconds; shorter ones are shown in slow motion."""
MIN_FPS = 12.0
"""Fewest pictures per second in slow motion."""
FINAL_SECONDS = 10.0
"""Most seconds of the final policy's episode in a report."""

_ENCODER = {"preset": "veryfast", "crf": "25", "mbtree": "0"}  # with mbtree, small videos differ from run to run
_GAP, _BORDER = 6, 5
_SIDES = (42, 99, 212), (168, 74, 5)
_CHOSEN, _DARK = (0, 120, 95), (27, 31, 36)
"""Colours of a page: blue and orange for the first two options, green for more of them and for ties."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Clip:
    """A video for a page."""

    mp4: bytes
    poster: bytes
    """A picture of it, as JPEG."""
    width: int
    height: int
    speed: float
    """1 is real time, less is slow motion."""
    seconds: float
    """Duration, in seconds."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """The states to render, and the pace of the pictures."""

    stride: int
    fps: float
    speed: float


def choose_pace(num_states: int, fps: float) -> Pace:
    """Choose states and pace for `num_states` states that are 1/`fps` seconds apart."""
    stride = max(1, math.ceil(fps / MAX_FPS - 0.1))
    if num_states / fps >= MIN_SECONDS:
        return Pace(stride=stride, fps=fps / stride, speed=1.0)
    slow_fps = min(fps, MAX_FPS, max(MIN_FPS, num_states / MIN_SECONDS))
    return Pace(stride=1, fps=slow_fps, speed=slow_fps / fps)


def encode_mp4(frames: Frames, fps: float, *, keyframes: int | None = None) -> bytes:
    """Encode pictures (T, H, W, 3) as H.264 in an MP4 that plays while it loads.

    Args:
        frames: Pictures.
        fps: Pictures per second.
        keyframes: Every how many pictures one stands on its own, so that a page can go to any of them; None leaves it
            to the encoder, for videos that are played.

    Raises:
        ValueError: If there are none, or height or width are odd: H.264 in yuv420p has no odd sizes.
    """
    if frames.ndim != 4 or not len(frames) or frames.shape[1] % 2 or frames.shape[2] % 2:
        raise ValueError(f"a video needs pictures of even height and width, not {frames.shape}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"  # faststart rewrites the file by its name: memory will not do
        # Not through imageio: its plugin passes no options to the encoder, whose defaults take twice as long.
        with _av.open(path, "w", options={"movflags": "+faststart"}) as container:
            rate = Fraction(fps).limit_denominator(1000)
            short = {} if keyframes is None else {"g": str(keyframes), "bf": "0"}
            stream = container.add_stream("libx264", rate, options={**_ENCODER, **short})
            stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], "yuv420p"
            stream.codec_context.thread_count = 1  # or the bytes would depend on the number of cores
            for frame in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
            container.mux(stream.encode())
        return path.read_bytes()


def make_clip(frames: Frames, pace: Pace, poster_at: int | None = None) -> Clip:
    """Encode pictures (T, H, W, 3) at a pace; the poster is the one in the middle, or the one that is given."""
    poster = io.BytesIO()
    Image.fromarray(frames[len(frames) // 2 if poster_at is None else poster_at]).save(poster, "JPEG", quality=80)
    height, width = frames.shape[1:3]
    return Clip(
        mp4=encode_mp4(frames, pace.fps), poster=poster.getvalue(), width=width, height=height, speed=pace.speed,
        seconds=len(frames) / pace.fps,
    )  # fmt: skip


def save_clip(path: Path, clip: Clip) -> None:
    """Write a clip as safetensors."""
    files = {name: torch.frombuffer(bytearray(getattr(clip, name)), dtype=torch.uint8) for name in ("mp4", "poster")}
    numbers = torch.tensor([clip.width, clip.height, clip.speed, clip.seconds], dtype=torch.float64)
    write_arrays(path, {**files, "numbers": numbers})


def load_clip(path: Path) -> Clip:
    """Load the clip that `save_clip` wrote.

    Raises:
        DamageError: If it cannot be read.
    """
    arrays = read_arrays(path)
    try:
        width, height, speed, seconds = (float(number) for number in arrays["numbers"])
        mp4, poster = (arrays[name].numpy().tobytes() for name in ("mp4", "poster"))
    except (KeyError, ValueError, TypeError) as error:
        raise DamageError(f"{path} is damaged: it holds no clip.") from error
    if not all(0 < number <= 1e5 for number in (width, height, speed, seconds)):
        raise DamageError(f"{path} is damaged: no clip is {width} by {height} and lasts {seconds} s.")
    return Clip(mp4=mp4, poster=poster, width=int(width), height=int(height), speed=speed, seconds=seconds)


def segment_frames(option: Segments, draw: Draw | None, stride: int = 1) -> Frames | None:
    """Return the pictures of a segment: recorded ones, or else those of its physics states. Shape: (T, H, W, 3)."""
    length = int(option.length)
    if option.frames is not None:
        return np.ascontiguousarray(option.frames[:length:stride].numpy())
    if option.state is None or draw is None:
        return None
    return draw(option.state[: length + 1 : stride].double().numpy())


def side_by_side(options: Sequence[Frames], chosen: Sequence[bool]) -> Frames:
    """Put the options of a query side by side on one clock, lettered from A on.

    The chosen option has an outline, blue for A and orange for B; in a tie all have a green one. An option that has
    ended stays, darkened.

    Args:
        options: Pictures of each option. Shape of each: (T_k, H, W, 3).
        chosen: Whether each option was chosen.
    """
    num_frames = max(len(option) for option in options)
    panels: list[Frames] = []
    for index, (option, is_chosen) in enumerate(zip(options, chosen, strict=True)):
        clock = np.minimum(np.arange(num_frames), len(option) - 1)
        panel = option[clock]
        panel[len(option) :] //= 2
        own = _SIDES[index] if index < len(_SIDES) and not all(chosen) else _CHOSEN
        panels += [
            _mark(panel, chr(ord("A") + index), own if is_chosen else None),
            np.full_like(panel[:, :, :_GAP], 27),
        ]
    return np.concatenate(panels[:-1], axis=2)


def _mark(panel: Frames, letter: str, chosen: tuple[int, int, int] | None) -> Frames:
    height, width = panel.shape[1:3]
    colour = chosen or _DARK
    overlay = Image.new("RGBA", (width, height))
    pen = ImageDraw.Draw(overlay)
    if chosen:
        pen.rectangle((0, 0, width - 1, height - 1), outline=(*colour, 255), width=_BORDER)
    side = max(16, height // 9)
    box = (2 * _BORDER, 2 * _BORDER, 2 * _BORDER + side, 2 * _BORDER + side)
    pen.rounded_rectangle(box, radius=side // 5, fill=(*colour, 235))
    middle = (box[0] + side / 2, box[1] + side / 2)
    pen.text(middle, letter, fill="white", anchor="mm", font=ImageFont.load_default(size=round(0.7 * side)))
    paint = np.asarray(overlay, dtype=np.uint16)
    alpha = paint[:, :, 3:]
    return ((panel * (255 - alpha) + paint[:, :, :3] * alpha) // 255).astype(np.uint8)
