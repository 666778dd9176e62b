"""Folders of `prefgym-feedback/1`, in which every answer was a choice and every query had one; they are read only."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import torch
from pydantic import BeforeValidator, Field, TypeAdapter
from torch import Tensor

from prefgym.common.schema import FileModel, Whole
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Comparison, Status
from prefgym.core.preferences import Preferences
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.data.feedback_rows import check_shown_bytes, checked_segments
from prefgym.data.schema import ANSWERS, MOST_ANSWERS, SEGMENTS
from prefgym.runs.answers import Answer, answers_of, rater_info, sum_of

_WORDS = {status.name.lower(): status for status in Status}


def _status(word: object) -> Status:
    if word not in _WORDS:
        raise ValueError(f"{word!r:.50} is none of {', '.join(_WORDS)}")
    return _WORDS[str(word)]


class FileSum1(FileModel):
    """The SHA-256 of a file."""

    sha256: Annotated[str, Field(min_length=1)]


class FileSums1(FileModel):
    """The files of a folder."""

    answers: FileSum1 = Field(alias=ANSWERS)
    segments: FileSum1 = Field(alias=SEGMENTS)


class Manifest1(FileModel):
    """`manifest.json`."""

    env: str
    num_answers: Annotated[Whole, Field(ge=0, le=MOST_ANSWERS)]
    files: FileSums1
    source: str = ""
    instructions: str = ""
    licence: str = ""
    consent: str = ""
    written_at: str = ""
    versions: dict[str, str] = Field(default_factory=dict)


class SegmentRow1(FileModel):
    """A shown segment."""

    dataset: Literal["segments.safetensors"]
    sha256: str
    episode: Annotated[Whole, Field(ge=0)]
    start: Literal[0]
    end: Annotated[Whole, Field(ge=1)]


class AnswerRow1(FileModel):
    """An answer: a row of `answers.parquet`."""

    event_id: str
    query_id: Whole
    feedback_type: Literal["comparison"]
    segments: Annotated[list[SegmentRow1], Field(min_length=2, max_length=1000)]
    shown_sha256: str
    shown_order: list[Whole]
    status: Annotated[Status, BeforeValidator(_status)]
    choice: str
    share: list[float]
    rater_id: str
    rater_kind: Literal["simulated", "human", "vlm"]
    rater_settings: str
    rater_config_hash: str
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    asked_at: Whole
    used_at: Whole | None = None
    created_at: str | None = None


ROWS_1 = TypeAdapter(list[AnswerRow1])


def converted(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return a checked manifest as one of version 2, but for its `format`; its instructions get the version 1."""
    instructions = {"1": manifest["instructions"]} if manifest.get("instructions") else {}
    return {**manifest, "instructions": instructions}


def arrow_schema_1(pa: Any) -> Any:  # noqa: ANN401
    """Return the columns of `answers.parquet` and their types."""
    segment = {"dataset": pa.string(), "sha256": pa.string(), "episode": pa.int64()}
    segment |= {"start": pa.int64(), "end": pa.int64()}
    columns = {
        "event_id": pa.string(),
        "query_id": pa.int64(),
        "feedback_type": pa.string(),
        "segments": pa.list_(pa.struct(list(segment.items()))),
        "shown_sha256": pa.string(),
        "shown_order": pa.list_(pa.int64()),
        "status": pa.string(),
        "choice": pa.string(),
        "share": pa.list_(pa.float64()),
        "rater_id": pa.string(),
        "rater_kind": pa.string(),
        "rater_settings": pa.string(),
        "rater_config_hash": pa.string(),
        "seconds": pa.float64(),
        "asked_at": pa.int64(),
        "used_at": pa.int64(),
        "created_at": pa.string(),
    }
    return pa.schema(list(columns.items()))


def feedback_of_rows_1(
    rows: Sequence[AnswerRow1], arrays: Mapping[str, Tensor], sha256: str
) -> tuple[Feedback, list[Answer]]:
    """Join rows with their segments, and check their hashes.

    Args:
        rows: At least one row.
        arrays: The arrays of the segments, by name.
        sha256: SHA-256 of their file.

    Returns:
        The feedback, and its answers with the ids of today and the times of their use.

    Raises:
        ValueError: If rows and segments do not fit each other.
    """
    if len({row.query_id for row in rows}) < len(rows):
        raise ValueError("a query has two answers")
    if any(segment.sha256 != sha256 for row in rows for segment in row.segments):
        raise ValueError(f"it shows segments of another {SEGMENTS}")
    segments = checked_segments(arrays)
    index = torch.tensor([[segment.episode for segment in row.segments] for row in rows])
    check_shown_bytes(arrays, index.numel())
    options = segments[index]
    lengths = torch.tensor([[segment.end for segment in row.segments] for row in rows])
    if not torch.equal(options.length, lengths):
        raise ValueError("a segment is not as long as its row says")
    preferences = _preferences(rows, options)
    answers = answers_of(preferences)
    for row, answer in zip(rows, answers):
        if row.rater_config_hash != hashlib.sha256(row.rater_settings.encode()).hexdigest():
            raise ValueError(f"rater_config_hash of query {row.query_id} is not that of rater_settings")
        if (row.event_id, row.choice) != (event_id_1(answer), choice_1(answer)):
            raise ValueError(f"the answer to query {row.query_id} is not the one its event_id stands for")
        if row.shown_sha256 != answer.shown_sha256:
            raise ValueError(f"shown_sha256 of query {row.query_id} is not that of the shown segments")
    used = [replace(answer, used_at=row.used_at, created_at=row.created_at) for row, answer in zip(rows, answers)]
    return Feedback.of(preferences), used


def _preferences(rows: Sequence[AnswerRow1], options: Segments) -> Preferences:
    who = [(row.rater_id, row.rater_settings, row.rater_kind) for row in rows]
    raters = [*dict.fromkeys(who)]
    infos = [{"name": name, "settings": json.loads(settings), "kind": kind} for name, settings, kind in raters]
    return Preferences(
        queries=Queries(options=options, query_id=_column(rows, "query_id"), asked_at=_column(rows, "asked_at")),
        answers=Comparison(
            status=torch.tensor([int(row.status) for row in rows]),
            choice=torch.tensor([row.share for row in rows]),
            tie=torch.tensor([row.choice == "tie" for row in rows]),
        ),
        rater=torch.tensor([raters.index(one) for one in who]),
        raters=tuple(rater_info(info) for info in infos),
        shown_order=_column(rows, "shown_order"),
        seconds=_column(rows, "seconds").float(),
    )


def _column(rows: Sequence[AnswerRow1], name: str) -> Tensor:
    return torch.tensor([getattr(row, name) for row in rows])


def event_id_1(answer: Answer) -> str:
    """Return the id that version 1 gave to an answer: it was a hash of its content."""
    stated = json.loads(answer.statement)
    values = (answer.query_id, answer.status, json.dumps(stated["choice"]), int(stated["tie"]), answer.rater)
    return sum_of([*values, answer.shown_order, answer.seconds, answer.asked_at, answer.shown_sha256])


def choice_1(answer: Answer) -> str:
    """Return the choice as a word: the number of an option, `tie`, `shared`, or the status of what is no answer."""
    stated = json.loads(answer.statement)
    if answer.status != "answered":
        return answer.status
    if stated["tie"]:
        return "tie"
    return str(stated["choice"].index(1.0)) if 1.0 in stated["choice"] else "shared"
