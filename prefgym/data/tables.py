"""Answers and segments as named arrays, in memory and on disk."""

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from torch import Tensor

from prefgym.common.array_files import read_arrays, write_arrays
from prefgym.common.errors import read_as
from prefgym.common.files import named, read_json, write_text, writing
from prefgym.common.schema import checked
from prefgym.common.states import State
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import KINDS, Statement
from prefgym.core.packing import SEGMENT_ARRAYS
from prefgym.core.packing import pack_segments as pack_segments
from prefgym.core.packing import unpack_segments as unpack_segments
from prefgym.core.preferences import Preferences
from prefgym.core.queries import Queries
from prefgym.data.schema import PartCard, PreferencesCard
from prefgym.runs.answers import in_plain_values, rater_info

_ROW_ARRAYS = ("rater", "shown_order", "seconds", "criterion", "revision", "event")


def save_preferences(path: Path, feedback: Feedback | Preferences[Statement]) -> None:
    """Write `path`.safetensors and `path`.json, each atomically, and the folder if it is missing.

    Raises:
        UserError: If they cannot be written.
    """
    packed = pack_feedback(Feedback.of(feedback))
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_arrays(named(path, ".safetensors"), packed["arrays"])
    write_text(named(path, ".json"), json.dumps({"parts": packed["parts"]}, indent=2) + "\n")


def load_preferences(path: Path) -> Feedback:
    """Read answers that `save_preferences` wrote.

    Raises:
        DamageError: If one of the two files is missing or damaged.
    """
    file = named(path, ".json")
    card, arrays = checked(PreferencesCard, read_json(file), file), read_arrays(named(path, ".safetensors"))
    with read_as(f"{path}.* cannot be read"):
        feedback = unpack_feedback({"arrays": arrays, **card.model_dump(exclude_none=True)})
        for options in (part.queries.options for part in feedback.parts):
            for name, array in (("obs", options.obs), ("action", options.action), ("state", options.state)):
                if array is not None and not bool(array.isfinite().all()):
                    raise ValueError(f"{name} must be finite numbers")
    return feedback


def pack_feedback(feedback: Feedback) -> State:
    """Split answers into arrays, named by their part, and a card for each part."""
    arrays: dict[str, Tensor] = {}
    for number, part in enumerate(feedback.parts):
        queries = part.queries
        own = {_stated(name): value for name, value in part.answers.tensors().items()}
        own |= {"query_id": queries.query_id, "asked_at": queries.asked_at}
        own |= {name: getattr(part, name) for name in _ROW_ARRAYS}
        packed = pack_segments(queries.options) | {name: value.contiguous() for name, value in own.items()}
        arrays |= {f"{number}/{name}": value for name, value in packed.items()}
    return {"arrays": arrays, "parts": [_card(part) for part in feedback.parts]}


def _stated(name: str) -> str:
    """Return the name of an array of a statement, which is another one than that of an array of segments."""
    return f"stated/{name}" if name in SEGMENT_ARRAYS else name


def _card(part: Preferences[Statement]) -> dict[str, Any]:
    return {
        "kind": part.answers.kind,
        "scale": dict(zip(part.answers.scale_names, part.answers.scale)),
        "criteria": list(part.criteria),
        "raters": [in_plain_values(info) for info in part.raters],
    }


def unpack_feedback(packed: State) -> Feedback:
    """Build answers from the output of `pack_feedback`, of this version or of 0.2."""
    if "parts" not in packed:  # of a version in which every answer was a choice
        packed = {"arrays": {f"0/{name}": value for name, value in packed["arrays"].items()}, "parts": [packed]}
    cards = [PartCard.model_validate(card) for card in packed["parts"]]
    arrays: Mapping[str, Tensor] = packed["arrays"]
    parts: list[dict[str, Tensor]] = [
        {name.partition("/")[2]: value for name, value in arrays.items() if name.startswith(f"{number}/")}
        for number in range(len(cards))
    ]
    return Feedback(tuple(_unpacked(card, part) for card, part in zip(cards, parts)))


def _unpacked(card: PartCard, arrays: Mapping[str, Tensor]) -> Preferences[Statement]:
    kind = KINDS[card.kind]
    stated: dict[str, Any] = {f.name: arrays[_stated(f.name)] for f in fields(kind) if _stated(f.name) in arrays}
    stated |= card.scale
    return Preferences(
        queries=Queries(options=unpack_segments(arrays), query_id=arrays["query_id"], asked_at=arrays["asked_at"]),
        answers=kind(**stated),
        raters=tuple(rater_info(info.model_dump()) for info in card.raters),
        criteria=tuple(card.criteria),
        **{name: arrays[name] for name in _ROW_ARRAYS if name in arrays},
    )
