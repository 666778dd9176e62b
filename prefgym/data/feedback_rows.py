"""Answers as rows of `answers.parquet`, and segments that each lie in `segments.safetensors` once."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from prefgym.common.errors import UserError
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import KINDS, Reaction
from prefgym.core.preferences import Preferences
from prefgym.core.segments import Segments
from prefgym.data.row_schema import STATED, AnswerRow
from prefgym.data.schema import SittingRow
from prefgym.data.tables import pack_segments, unpack_segments
from prefgym.runs.answers import Answer, answers_of, joined

SHOWN_BYTES = 2**33
"""Most bytes of all segments as they are shown."""

_COLUMN = {"comparison": {"choice": "share"}, "mark": {"share": "mark"}}
"""Columns that are not called like the fields of the kind."""
_NEUTRAL: dict[str, Callable[[int, int, int], Any]] = {
    "share": lambda k, t, a: [0.0] * k,
    "tie": lambda k, t, a: False,
    "strength": lambda k, t, a: 0.0,
    "rank": lambda k, t, a: [-1] * k,
    "level": lambda k, t, a: 0,
    "reaction": lambda k, t, a: "silent",
    "mark": lambda k, t, a: [0.0] * t,
    "good": lambda k, t, a: False,
    "start": lambda k, t, a: 0,
    "end": lambda k, t, a: 0,
    "action": lambda k, t, a: [[0.0] * a] * t,
    "words": lambda k, t, a: "",
}
"""What a null stands for, where K options of T steps and A numbers an action are shown."""


def arrow_schema(pa: Any) -> Any:  # noqa: ANN401
    """Return the columns of `answers.parquet` and their types."""
    columns = {
        "event_id": pa.string(),
        "supersedes": pa.string(),
        "query_id": pa.int64(),
        "asked_at": pa.int64(),
        "kind": pa.string(),
        "criterion": pa.string(),
        "revision": pa.int64(),
        "event": pa.int64(),
        "segments": pa.list_(pa.int64()),
        "num_steps": pa.int64(),
        "shown_sha256": pa.string(),
        "shown_order": pa.list_(pa.int64()),
        "status": pa.string(),
        "share": pa.list_(pa.float32()),
        "tie": pa.bool_(),
        "strength": pa.float32(),
        "rank": pa.list_(pa.int64()),
        "level": pa.int64(),
        "num_levels": pa.int64(),
        "reaction": pa.string(),
        "mark": pa.list_(pa.float32()),
        "good": pa.bool_(),
        "start": pa.int64(),
        "end": pa.int64(),
        "action": pa.list_(pa.list_(pa.float32())),
        "words": pa.string(),
        "rater_id": pa.string(),
        "rater_kind": pa.string(),
        "rater_settings": pa.string(),
        "sitting": pa.string(),
        "seconds": pa.float64(),
        "used_at": pa.int64(),
        "created_at": pa.string(),
    }
    return pa.schema(list(columns.items()))


def stored(feedback: Feedback) -> tuple[Segments, list[Tensor]]:
    """Return the segments of all queries, each of them once, and where the options of each part are among them.

    Returns:
        Segments (M,), and an index (B, K) for each part.

    Raises:
        UserError: If the segments of the parts do not have the same arrays.
    """
    shown = [part.queries.options for part in feedback.parts]
    num_steps = max(options.num_steps for options in shown)
    flat = [options.map(lambda x: x.flatten(0, 1)).with_steps(num_steps) for options in shown]
    _check_alike([pack_segments(some) for some in flat])
    together = Segments.cat(flat)
    arrays = [array.numpy() for array in pack_segments(together).values()]
    sums = [hashlib.sha256(b"".join(a[row].tobytes() for a in arrays)).digest() for row in range(len(together))]
    first = {one: row for row, one in reversed([*enumerate(sums)])}  # where each of them comes first
    kept = sorted(first.values())
    place = {row: number for number, row in enumerate(kept)}
    index = np.array([place[first[one]] for one in sums])
    own = np.split(index, np.cumsum([options.length.numel() for options in shown])[:-1])
    return together[kept], [torch.as_tensor(some).view(options.batch_shape) for some, options in zip(own, shown)]


def _check_alike(parts: Sequence[Mapping[str, Tensor]]) -> None:
    first = {name: tuple(array.shape[1:]) for name, array in parts[0].items()}
    for arrays in parts[1:]:
        sizes = {name: tuple(array.shape[1:]) for name, array in arrays.items()}
        for name in (name for name in {**first, **sizes} if first.get(name) != sizes.get(name)):
            found = " and ".join(str(one.get(name, "nothing")) for one in (first, sizes))
            raise UserError(f"segments of one folder must have the same arrays, and {name} has {found}.")


def rows_of(feedback: Feedback, index: Sequence[Tensor], used: Mapping[str, Answer]) -> list[dict[str, Any]]:
    """Return answers as rows, in the order of `answers_of`.

    Args:
        feedback: The answers.
        index: Where their options are among the segments: see `stored`.
        used: Answers with their times of use, by `event_id`.
    """
    segments = [row for part in index for row in part.numpy().tolist()]
    num_steps = [part.queries.options.num_steps for part in feedback.parts for _ in range(len(part))]
    answers = answers_of(feedback)
    return [
        _row(answer, used.get(answer.event_id, answer), earlier, steps, own)
        for answer, earlier, steps, own in zip(answers, superseded(answers), num_steps, segments)
    ]


def _row(answer: Answer, used: Answer, supersedes: str | None, num_steps: int, segments: list[int]) -> dict[str, Any]:
    rater = json.loads(answer.rater)
    return {
        "event_id": answer.event_id,
        "supersedes": supersedes,
        "query_id": answer.query_id,
        "asked_at": answer.asked_at,
        "kind": answer.kind,
        "criterion": answer.criterion,
        "revision": answer.revision,
        "event": answer.event,
        "segments": segments,
        "num_steps": num_steps,
        "shown_sha256": answer.shown_sha256,
        "shown_order": json.loads(answer.shown_order),
        "status": answer.status,
        **_stated(answer),
        "rater_id": rater["name"],
        "rater_kind": rater["kind"],
        "rater_settings": json.dumps(rater["settings"], sort_keys=True),
        "sitting": rater["sitting"]["name"] if "sitting" in rater else None,
        "seconds": answer.seconds,
        "used_at": used.used_at,
        "created_at": used.created_at,
    }


def superseded(answers: Sequence[Answer]) -> list[str | None]:
    """Return the id of the answer that each answer supersedes; None if there is none among them."""

    def question(answer: Answer) -> tuple[object, ...]:
        name = json.loads(answer.rater)["name"]
        return answer.shown_sha256, answer.query_id, answer.kind, answer.criterion, name

    ids = {(question(answer), answer.revision): answer.event_id for answer in answers}
    return [ids.get((question(answer), answer.revision - 1)) for answer in answers]


def _stated(answer: Answer) -> dict[str, Any]:
    """Return the columns of what was stated."""
    names, statement = _COLUMN.get(answer.kind, {}), json.loads(answer.statement)
    columns = {str(names.get(name, name)): value for name, value in statement.items()}
    if answer.status != "answered":
        return {name: value for name, value in columns.items() if name == "num_levels"}
    if answer.kind == "thumbs":
        columns["reaction"] = Reaction(columns["reaction"]).name.lower()
    if answer.kind == "correction":
        is_in_words = bool(columns["words"]) and not any(number for step in columns["action"] for number in step)
        columns |= {"action": None if is_in_words else columns["action"], "words": columns["words"] or None}
    return columns


def feedback_of_rows(
    rows: Sequence[AnswerRow], arrays: Mapping[str, Tensor], sittings: Mapping[str, SittingRow]
) -> tuple[Feedback, list[Answer]]:
    """Join rows with their segments, and check their hashes.

    Args:
        rows: At least one row.
        arrays: The arrays of the segments, by name.
        sittings: Sittings of people, by name.

    Returns:
        The feedback, and its answers in plain values, with the times of their use.

    Raises:
        ValueError: If rows, segments and sittings do not fit each other.
    """
    segments = checked_segments(arrays)
    num_shown = sum(len(row.segments) for row in rows)
    check_shown_bytes(arrays, num_shown)
    alike: dict[tuple[object, ...], list[AnswerRow]] = {}
    for row in rows:
        if max(row.segments) >= len(segments):
            raise ValueError(f"query {row.query_id} shows segment {max(row.segments)}, and there are {len(segments)}")
        if (num_steps := row.num_steps or segments.num_steps) > segments.num_steps:
            raise ValueError(f"query {row.query_id} has {num_steps} steps, and the arrays {segments.num_steps}")
        scale = [getattr(row, name) for name in KINDS[row.kind].scale_names]
        alike.setdefault((row.kind, len(row.segments), num_steps, *scale), []).append(row)
    parts = [_part(some, segments, sittings) for some in alike.values()]
    feedback = Feedback(tuple(part for part, _ in parts))
    answers = [answer for _, some in parts for answer in some]
    _check_ids([row for some in alike.values() for row in some], answers)
    return feedback, answers


def checked_segments(arrays: Mapping[str, Tensor]) -> Segments:
    """Build segments (M,) from the arrays of a file.

    Raises:
        ValueError: If they are none.
    """
    segments = unpack_segments(arrays)
    if len(segments.batch_shape) != 1 or not len(segments):
        raise ValueError(f"the arrays of segments have the axes {tuple(segments.batch_shape)} before steps, not (M,)")
    for name, array in (("obs", segments.obs), ("action", segments.action)):
        if array.dtype != torch.float32 or not bool(array.isfinite().all()):
            raise ValueError(f"{name} must be finite numbers of 32 bits")
    if not segments.obs.numel():
        raise ValueError("obs is empty")
    return segments


def check_shown_bytes(arrays: Mapping[str, Tensor], num_shown: int) -> None:
    """Check that the options of all queries together have room in memory.

    Raises:
        ValueError: If they are too large.
    """
    num_bytes = bytes_of_one(arrays) * num_shown
    if num_bytes > SHOWN_BYTES:
        raise ValueError(f"it shows segments of {num_bytes:,} bytes, of {SHOWN_BYTES:,} at most")


def bytes_of_one(arrays: Mapping[str, Tensor]) -> int:
    """Return the size of one segment."""
    most = max((len(array) for array in arrays.values() if array.dim()), default=0)
    return sum(array.nbytes for array in arrays.values()) // max(most, 1)


def _part(
    rows: Sequence[AnswerRow], segments: Segments, sittings: Mapping[str, SittingRow]
) -> tuple[Preferences[Any], list[Answer]]:
    """Join rows of one kind, K, T and scale. Returns the times of use with the answers."""
    options = segments[torch.tensor([row.segments for row in rows])]
    options = options.with_steps(rows[0].num_steps or segments.num_steps)
    shape = (options.batch_shape[1], options.num_steps, options.action.shape[-1])
    part = joined([_answer(row, shape, sittings) for row in rows], options)
    answers = zip(rows, answers_of(part))
    return part, [replace(answer, used_at=row.used_at, created_at=row.created_at) for row, answer in answers]


def _answer(row: AnswerRow, shape: tuple[int, int, int], sittings: Mapping[str, SittingRow]) -> Answer:
    rater: dict[str, Any] = {"name": row.rater_id, "kind": row.rater_kind, "settings": json.loads(row.rater_settings)}
    if row.sitting is not None:
        if row.sitting not in sittings:
            raise ValueError(f"the sitting {row.sitting!r:.50} of query {row.query_id} is not in the manifest")
        rater["sitting"] = {"name": row.sitting, **sittings[row.sitting].model_dump()}
    fields = {column: name for name, column in _COLUMN.get(row.kind, {}).items()}
    stated: dict[str, Any] = {name: getattr(row, name) for name in STATED if name in type(row).model_fields}
    stated = {name: _NEUTRAL[name](*shape) if value is None else value for name, value in stated.items()}
    if row.kind == "thumbs":
        stated["reaction"] = int(Reaction[stated["reaction"].upper()])
    return Answer(
        query_id=row.query_id,
        kind=row.kind,
        criterion=row.criterion,
        status=row.status,
        statement=json.dumps({fields.get(name, name): value for name, value in stated.items()}),
        rater=json.dumps(rater, sort_keys=True),
        shown_order=json.dumps(row.shown_order),
        seconds=row.seconds,
        asked_at=row.asked_at,
        shown_sha256=row.shown_sha256,
        revision=row.revision,
        event=row.event,
    )


def _check_ids(rows: Sequence[AnswerRow], answers: Sequence[Answer]) -> None:
    seen: set[str] = set()
    for row, answer, earlier in zip(rows, answers, superseded(answers)):
        about = f"the answer to query {row.query_id}"
        if row.shown_sha256 != answer.shown_sha256:
            raise ValueError(f"shown_sha256 of query {row.query_id} is not that of the shown segments")
        if row.event_id != answer.event_id:
            raise ValueError(f"{about} is not the one its event_id stands for")
        if row.event_id in seen:
            raise ValueError(f"{about} is there twice")
        if row.supersedes != earlier:
            raise ValueError(f"{about} of revision {row.revision} must supersede {earlier}, and not {row.supersedes}")
        seen.add(row.event_id)
