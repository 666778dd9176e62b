"""Segments as named arrays, for files and for the question store."""

from collections.abc import Mapping

from torch import Tensor

from prefgym.core.segments import Segments

SEGMENT_ARRAYS = ("obs", "action", "length", "terminated", "truncated", "reward", "state", "frames", "origin")
"""Arrays of segments, beside those of their factors."""

FLAGS = ("terminated", "truncated", "tie", "good")
"""Arrays of flags, of segments and of answers."""

WHOLE = (
    "length",
    "origin",
    "status",
    "query_id",
    "asked_at",
    "rater",
    "shown_order",
    "criterion",
    "revision",
    "event",
    "rank",
    "level",
    "reaction",
    "start",
    "end",
)
"""Arrays of whole numbers, of segments and of answers."""

_BYTES = ("frames", "words")
_FACTOR = "factor/"


def pack_segments(segments: Segments) -> dict[str, Tensor]:
    """Return the arrays of segments, by name."""
    arrays: dict[str, Tensor | None] = {name: getattr(segments, name) for name in SEGMENT_ARRAYS}
    arrays |= {_FACTOR + name: value for name, value in segments.factors.items()}
    return {name: value.contiguous() for name, value in arrays.items() if value is not None}


def unpack_segments(arrays: Mapping[str, Tensor]) -> Segments:
    """Build segments from the output of `pack_segments`.

    Raises:
        ValueError: If an array has another type, or they do not fit together.
    """
    for name, array in arrays.items():
        kind = "bool" if name in FLAGS else "int64" if name in WHOLE else "uint8" if name in _BYTES else "float"
        if not str(array.dtype).removeprefix("torch.").startswith(kind):
            raise ValueError(f"{name} has the type {str(array.dtype).removeprefix('torch.')}, and not {kind}")
    factors = {name.removeprefix(_FACTOR): value for name, value in arrays.items() if name.startswith(_FACTOR)}
    return Segments(**{name: arrays[name] for name in SEGMENT_ARRAYS if name in arrays}, factors=factors)
