"""Preference tables in and out: safetensors for the arrays, JSON for who answered."""

import json
from dataclasses import asdict
from pathlib import Path

from safetensors.torch import load_file, save_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor

from prefgym.preferences import Answers, Preferences, RaterInfo
from prefgym.queries import Queries
from prefgym.segments import Segments

_SEGMENT_ARRAYS = ("obs", "action", "length", "terminated", "truncated", "reward", "state", "frames", "origin")
_ANSWER_ARRAYS = ("status", "choice", "tie")
_FACTOR = "factor/"


def save_preferences(path: Path, preferences: Preferences) -> None:
    """Write `path`.safetensors and `path`.json."""
    options, answers = preferences.queries.options, preferences.answers
    arrays: dict[str, Tensor | None] = {name: getattr(options, name) for name in _SEGMENT_ARRAYS}
    arrays |= {_FACTOR + name: value for name, value in options.factors.items()}
    arrays |= {name: getattr(answers, name) for name in _ANSWER_ARRAYS}
    arrays |= {"query_id": preferences.query_id, "asked_at": preferences.queries.asked_at}
    arrays |= {name: getattr(preferences, name) for name in ("rater", "shown_order", "seconds")}
    kept = {name: value.contiguous() for name, value in arrays.items() if value is not None}
    save_file(kept, path.with_suffix(".safetensors"))
    raters = {"raters": [asdict(info) for info in preferences.raters]}
    path.with_suffix(".json").write_text(json.dumps(raters, indent=2) + "\n")


def load_preferences(path: Path) -> Preferences:
    """Read what `save_preferences` wrote.

    Raises:
        FileNotFoundError: If one of the two files is missing.
    """
    arrays = load_file(path.with_suffix(".safetensors"))
    raters = json.loads(path.with_suffix(".json").read_text())["raters"]
    factors = {name.removeprefix(_FACTOR): value for name, value in arrays.items() if name.startswith(_FACTOR)}
    options = Segments(**{name: arrays[name] for name in _SEGMENT_ARRAYS if name in arrays}, factors=factors)
    return Preferences(
        queries=Queries(options=options, query_id=arrays["query_id"], asked_at=arrays["asked_at"]),
        answers=Answers(**{name: arrays[name] for name in _ANSWER_ARRAYS}),
        rater=arrays["rater"],
        raters=tuple(RaterInfo(**info) for info in raters),
        shown_order=arrays["shown_order"],
        seconds=arrays["seconds"],
    )
