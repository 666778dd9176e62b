"""Preferences and segments as named arrays, in memory and on disk."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from torch import Tensor

from prefgym.common.array_files import read_arrays, write_arrays
from prefgym.common.errors import read_as
from prefgym.common.files import named, read_json, write_text, writing
from prefgym.common.schema import checked
from prefgym.common.states import State
from prefgym.core.preferences import Answers, Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.data.schema import PreferencesCard

_SEGMENT_ARRAYS = ("obs", "action", "length", "terminated", "truncated", "reward", "state", "frames", "origin")


_ANSWER_ARRAYS = ("status", "choice", "tie")
_FLAGS = ("terminated", "truncated", "tie")
_WHOLE = ("length", "origin", "status", "query_id", "asked_at", "rater", "shown_order")


_FACTOR = "factor/"


def save_preferences(path: Path, preferences: Preferences) -> None:
    """Write `path`.safetensors and `path`.json, each atomically, and the folder if it is missing.

    Raises:
        UserError: If they cannot be written.
    """
    packed = pack_preferences(preferences)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_arrays(named(path, ".safetensors"), packed["arrays"])
    write_text(named(path, ".json"), json.dumps({"raters": packed["raters"]}, indent=2) + "\n")


def load_preferences(path: Path) -> Preferences:
    """Read preferences that `save_preferences` wrote.

    Raises:
        DamageError: If one of the two files is missing or damaged.
    """
    file = named(path, ".json")
    card, arrays = checked(PreferencesCard, read_json(file), file), read_arrays(named(path, ".safetensors"))
    with read_as(f"{path}.* cannot be read"):
        preferences = unpack_preferences({"arrays": arrays, **card.model_dump()})
        options = preferences.queries.options
        for name, array in (("obs", options.obs), ("action", options.action), ("state", options.state)):
            if array is not None and not bool(array.isfinite().all()):
                raise ValueError(f"{name} must be finite numbers")
    return preferences


def pack_preferences(preferences: Preferences) -> State:
    """Split preferences into arrays, by name, and the table of raters."""
    answers, queries = preferences.answers, preferences.queries
    arrays: dict[str, Tensor] = {name: getattr(answers, name) for name in _ANSWER_ARRAYS}
    arrays |= {"query_id": preferences.query_id, "asked_at": queries.asked_at}
    arrays |= {name: getattr(preferences, name).contiguous() for name in ("rater", "shown_order", "seconds")}
    return {
        "arrays": {**pack_segments(queries.options), **{name: value.contiguous() for name, value in arrays.items()}},
        "raters": [asdict(info) for info in preferences.raters],
    }


def unpack_preferences(packed: State) -> Preferences:
    """Build preferences from the output of `pack_preferences`."""
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
    """Return the arrays of segments, by name."""
    arrays: dict[str, Tensor | None] = {name: getattr(segments, name) for name in _SEGMENT_ARRAYS}
    arrays |= {_FACTOR + name: value for name, value in segments.factors.items()}
    return {name: value.contiguous() for name, value in arrays.items() if value is not None}


def unpack_segments(arrays: Mapping[str, Tensor]) -> Segments:
    """Build segments from the output of `pack_segments`."""
    for name, array in arrays.items():
        kind = "bool" if name in _FLAGS else "int64" if name in _WHOLE else "uint8" if name == "frames" else "float"
        if not str(array.dtype).removeprefix("torch.").startswith(kind):
            raise ValueError(f"{name} has the type {str(array.dtype).removeprefix('torch.')}, and not {kind}")
    factors = {name.removeprefix(_FACTOR): value for name, value in arrays.items() if name.startswith(_FACTOR)}
    return Segments(**{name: arrays[name] for name in _SEGMENT_ARRAYS if name in arrays}, factors=factors)
