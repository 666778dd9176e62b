"""Preference tables in and out: safetensors for the arrays, JSON for who answered."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from safetensors.torch import load_file, save_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor

from prefgym.preferences import Answers, Preferences, RaterInfo
from prefgym.queries import Queries
from prefgym.segments import Segments
from prefgym.states import State

_SEGMENT_ARRAYS = ("obs", "action", "length", "terminated", "truncated", "reward", "state", "frames", "origin")
_ANSWER_ARRAYS = ("status", "choice", "tie")
_FACTOR = "factor/"


def save_preferences(path: Path, preferences: Preferences) -> None:
    """Write `path`.safetensors and `path`.json."""
    packed = pack_preferences(preferences)
    save_file(packed["arrays"], path.with_suffix(".safetensors"))
    path.with_suffix(".json").write_text(json.dumps({"raters": packed["raters"]}, indent=2) + "\n")


def load_preferences(path: Path) -> Preferences:
    """Read what `save_preferences` wrote.

    Raises:
        FileNotFoundError: If one of the two files is missing.
    """
    raters = json.loads(path.with_suffix(".json").read_text())["raters"]
    return unpack_preferences({"arrays": load_file(path.with_suffix(".safetensors")), "raters": raters})


def pack_preferences(preferences: Preferences) -> State:
    """Part preferences into arrays, by name, and what is known of the raters."""
    answers, queries = preferences.answers, preferences.queries
    arrays: dict[str, Tensor] = {name: getattr(answers, name) for name in _ANSWER_ARRAYS}
    arrays |= {"query_id": preferences.query_id, "asked_at": queries.asked_at}
    arrays |= {name: getattr(preferences, name).contiguous() for name in ("rater", "shown_order", "seconds")}
    return {
        "arrays": {**pack_segments(queries.options), **{name: value.contiguous() for name, value in arrays.items()}},
        "raters": [asdict(info) for info in preferences.raters],
    }


def unpack_preferences(packed: State) -> Preferences:
    """Put together what `pack_preferences` took apart."""
    arrays: Mapping[str, Tensor] = packed["arrays"]
    options = unpack_segments(arrays)
    return Preferences(
        queries=Queries(options=options, query_id=arrays["query_id"], asked_at=arrays["asked_at"]),
        answers=Answers(**{name: arrays[name] for name in _ANSWER_ARRAYS}),
        rater=arrays["rater"],
        raters=tuple(RaterInfo(**info) for info in packed["raters"]),
        shown_order=arrays["shown_order"],
        seconds=arrays["seconds"],
    )


def pack_segments(segments: Segments) -> dict[str, Tensor]:
    """Name the arrays of segments."""
    arrays: dict[str, Tensor | None] = {name: getattr(segments, name) for name in _SEGMENT_ARRAYS}
    arrays |= {_FACTOR + name: value for name, value in segments.factors.items()}
    return {name: value.contiguous() for name, value in arrays.items() if value is not None}


def unpack_segments(arrays: Mapping[str, Tensor]) -> Segments:
    """Put together what `pack_segments` took apart."""
    factors = {name.removeprefix(_FACTOR): value for name, value in arrays.items() if name.startswith(_FACTOR)}
    return Segments(**{name: arrays[name] for name in _SEGMENT_ARRAYS if name in arrays}, factors=factors)
