"""`prefgym-feedback/1`: preferences as a folder that others can read, with provenance and checksums.

answers.parquet        a row per answer: rater, choice, times, and shown segments
segments.safetensors   a row per segment
manifest.json          format and card, and the SHA-256 and size of both files; written last
"""

import hashlib
import json
import shutil
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from prefgym.common.array_files import packed, read_arrays
from prefgym.common.errors import UserError, read_as
from prefgym.common.files import digest, open_to_read, read_sealed_json, sync, verify, write_sealed_json, writing
from prefgym.common.folders import check_folder
from prefgym.common.schema import checked, in_words
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Statement
from prefgym.core.preferences import Answers, Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.data.asked import recover
from prefgym.data.schema import ANSWERS, SEGMENTS, AnswerRow, FeedbackManifest
from prefgym.data.tables import load_preferences, pack_segments, unpack_segments
from prefgym.runs.answer_log import AnswerLog
from prefgym.runs.answers import Answer, answers_of, sum_of
from prefgym.runs.manifest import read_sums, verify_in
from prefgym.runs.schema import RaterCard

_FORMAT, _VERSION = "prefgym-feedback", 1
_ANSWERS, _SEGMENTS, _MANIFEST = ANSWERS, SEGMENTS, "manifest.json"
_ROWS = TypeAdapter(list[AnswerRow])
_ROW_BYTES, _SHOWN_BYTES = 2**14, 2**33
"""Most bytes of a row, on average, and of all segments as they are shown."""
_PACKAGES = ("prefgym", "gymnasium", "mujoco")


@dataclass(frozen=True, kw_only=True)
class Card:
    """Documentation for readers of the answers."""

    env: str
    """Environment id."""
    source: str = ""
    """Address of the files that the answers were imported from."""
    instructions: str = ""
    """Instructions for the raters."""
    licence: str = ""
    """Licence of the folder."""
    consent: str = ""
    """Consent given by human raters."""


def export_run(run: Path, folder: Path, card: Card, *, truth: bool = True) -> Feedback:
    """Write the preferences of a run into a new folder, and return them.

    Args:
        run: Run folder; also of a run that is running, or was killed.
        folder: New folder, which must not exist.
        card: Documentation of the answers.
        truth: Whether to include task reward, factors, physics states and images of the segments.

    Raises:
        UserError: If the run has no preferences, a file of it is damaged, or the folder cannot be written.
    """
    log, has_ended = AnswerLog(run / "preferences" / "answers.sqlite"), (run / "manifest.json").exists()
    if has_ended and "preferences/preferences.json" in read_sums(run):
        names = ("preferences.json", "preferences.safetensors", "answers.sqlite")
        verify_in(run, *(f"preferences/{name}" for name in names))
        preferences = load_preferences(run / "preferences" / "preferences")
    elif has_ended and not log.read():
        raise UserError(f"{run} has no preferences: its rater answered no queries.")
    else:  # it is running, or was killed, or found no room for its preferences
        preferences = recover(run)
    preferences = preferences if truth else preferences.without_truth()
    write_feedback(folder, preferences, card, log.read())
    return preferences


def write_feedback(
    folder: Path, preferences: Feedback | Preferences[Statement], card: Card, logged: Sequence[Answer] = ()
) -> None:
    """Write preferences into a new folder, atomically, and only if `read_feedback` can read them.

    Args:
        folder: New folder, which must not exist.
        preferences: The preferences, together with any fields that `without_truth` drops.
        card: Documentation of the answers.
        logged: Logged answers with their times of use, for those that have one.

    Raises:
        UserError: If the folder exists or cannot be written, the preferences could not be read again, or pyarrow is
            not installed.
    """
    pa, parquet = _pyarrow()
    preferences = Feedback.of(preferences).only
    if not len(preferences):
        raise UserError("there are no answers to write: pass preferences with one answer or more.")
    with writing(folder), new_folder(folder) as part:
        options = preferences.queries.options
        (part / _SEGMENTS).write_bytes(packed(pack_segments(options.map(lambda x: x.flatten(0, 1)))))
        columns = _columns(preferences, {row.event_id: row for row in logged}, digest(part / _SEGMENTS))
        parquet.write_table(pa.table(columns, schema=_schema(pa)), part / _ANSWERS, compression="zstd")
        for name in (_ANSWERS, _SEGMENTS):
            sync(part / name)
        write_sealed_json(part / _MANIFEST, _manifest(part, card, len(preferences)))
        read_feedback(part)


def copy_feedback(folder: Path, into: Path) -> None:
    """Copy a folder of `write_feedback` to a new one, atomically.

    Raises:
        UserError: If the copy fails.
    """
    with writing(into), new_folder(into) as part:
        for name in (_ANSWERS, _SEGMENTS, _MANIFEST):
            with open_to_read(folder / name) as source, (part / name).open("xb") as copy:
                shutil.copyfileobj(source, copy)
            sync(part / name)


@contextmanager
def new_folder(folder: Path) -> Generator[Path]:
    """Yield a temporary folder, and rename it to `folder` on exit.

    Raises:
        UserError: If `folder` exists.
    """
    if folder.exists():
        raise UserError(f"{folder} exists: name another folder.")
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)  # left by an interrupted write
    part.mkdir(parents=True)
    try:
        yield part
        sync(part)
        part.rename(folder)
        sync(folder.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def check_new(folder: Path) -> None:
    """Check, before queries are answered, that `write_feedback` can create a folder here.

    Raises:
        UserError: If it cannot be created.
    """
    _pyarrow()
    with writing(folder), new_folder(folder):
        pass
    folder.rmdir()


def read_feedback(folder: Path | str) -> Feedback:
    """Read and check a folder that `write_feedback` wrote.

    Raises:
        UserError: If a file is missing, damaged, inconsistent or of a newer version, or pyarrow is missing.
    """
    pa, parquet = _pyarrow()
    folder = Path(folder)
    manifest = checked(FeedbackManifest, read_manifest(folder), folder / _MANIFEST)
    verify(folder / _ANSWERS, manifest.files.answers.sha256)
    verify(folder / _SEGMENTS, manifest.files.segments.sha256)
    schema = _schema(pa)
    with read_as(f"{folder} is not valid"):  # torch and Arrow raise their own errors
        file = parquet.ParquetFile(folder / _ANSWERS)
        if (found := file.metadata.num_rows) != manifest.num_answers:
            raise ValueError(f"it has {found} answers, and says that it has {manifest.num_answers}")
        sizes = (file.metadata.row_group(group).total_byte_size for group in range(file.metadata.num_row_groups))
        if sum(sizes) > (most := _ROW_BYTES * (found + 64)):
            raise ValueError(f"{_ANSWERS} is too large: {found} answers have {most} bytes at most")
        if missing := [field.name for field in schema if field.name not in file.schema_arrow.names]:
            raise ValueError(f"{_ANSWERS} has no column {missing[0]}")
        table = file.read().select(schema.names).cast(schema)
        if table.nbytes > most:
            raise ValueError(f"{_ANSWERS} is too large: {found} answers have {most} bytes at most")
        try:
            rows = _ROWS.validate_python(table.to_pylist())
        except ValidationError as error:
            raise ValueError(in_words(error)) from None
        return Feedback.of(_preferences(rows, read_arrays(folder / _SEGMENTS), manifest.files.segments.sha256))


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a folder: format, card and checksums.

    Raises:
        UserError: If it is not a feedback folder, or of a newer version.
    """
    if not (folder / _MANIFEST).is_file():
        raise UserError(f"{folder} is not a {_FORMAT} folder: it has no {_MANIFEST}.")
    check_folder(folder)
    manifest = read_sealed_json(folder / _MANIFEST)
    name, _, number = str(manifest.get("format")).partition("/")
    if name != _FORMAT or not number.isdecimal() or len(number) > 9 or int(number) < 1:
        raise UserError(f"{folder} is not a {_FORMAT} folder.")
    if int(number) > _VERSION:
        raise UserError(f"{folder} is of version {number}; this prefgym reads {_FORMAT}/{_VERSION}.")
    checked(FeedbackManifest, manifest, folder / _MANIFEST)
    return manifest


def _manifest(folder: Path, card: Card, num_answers: int) -> dict[str, Any]:
    files = {name: folder / name for name in (_ANSWERS, _SEGMENTS)}
    return {
        "format": f"{_FORMAT}/{_VERSION}",
        **asdict(card),
        "num_answers": num_answers,
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: version(name) for name in _PACKAGES},
        "files": {name: {"sha256": digest(file), "bytes": file.stat().st_size} for name, file in files.items()},
    }


def _schema(pa: Any) -> Any:  # noqa: ANN401
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


def _columns(preferences: Preferences, logged: Mapping[str, Answer], sha256: str) -> dict[str, list[Any]]:
    num_options = preferences.queries.num_options
    lengths = preferences.queries.options.length.numpy().tolist()
    raters = [preferences.raters[int(index)] for index in preferences.rater]
    columns: dict[str, list[Any]] = {}
    for row, (answer, rater) in enumerate(zip(answers_of(preferences), raters)):
        used = logged.get(answer.event_id, answer)
        settings = json.dumps(rater.settings, sort_keys=True)
        share, tie = _share(answer)
        first = row * num_options
        values = {
            "event_id": _event_id(answer),
            "query_id": answer.query_id,
            "feedback_type": "comparison",
            "segments": [
                {"dataset": _SEGMENTS, "sha256": sha256, "episode": first + option, "start": 0, "end": length}
                for option, length in enumerate(lengths[row])
            ],
            "shown_sha256": answer.shown_sha256,
            "shown_order": json.loads(answer.shown_order),
            "status": answer.status,
            "choice": _choice(answer.status, tie, share),
            "share": share,
            "rater_id": rater.name,
            "rater_kind": rater.kind,
            "rater_settings": settings,
            "rater_config_hash": hashlib.sha256(settings.encode()).hexdigest(),
            "seconds": answer.seconds,
            "asked_at": answer.asked_at,
            "used_at": used.used_at,
            "created_at": used.created_at,
        }
        for name, value in values.items():
            columns.setdefault(name, []).append(value)
    return columns


def _share(answer: Answer) -> tuple[list[float], bool]:
    stated = json.loads(answer.statement)
    return stated["choice"], stated["tie"]


def _event_id(answer: Answer) -> str:
    share, tie = _share(answer)
    values = (answer.query_id, answer.status, json.dumps(share), int(tie), answer.rater, answer.shown_order)
    return sum_of([*values, answer.seconds, answer.asked_at, answer.shown_sha256])


def _choice(status: str, tie: bool, share: list[float]) -> str:
    """Return the choice as a word.

    >>> _choice("answered", False, [0.0, 1.0]), _choice("answered", True, [0.5, 0.5])
    ('1', 'tie')
    """
    if status != "answered":
        return status
    if tie:
        return "tie"
    return str(share.index(1.0)) if 1.0 in share else "shared"


def _preferences(rows: list[AnswerRow], arrays: Mapping[str, Tensor], sha256: str) -> Preferences:
    """Build preferences from rows, and check their hashes.

    Raises:
        ValueError: If rows and segments do not fit each other.
    """
    if not rows:
        raise ValueError("there are no answers")
    if len({row.query_id for row in rows}) < len(rows):
        raise ValueError("a query has two answers")
    if any(segment.sha256 != sha256 for row in rows for segment in row.segments):
        raise ValueError(f"it shows segments of another {_SEGMENTS}")
    segments = unpack_segments(arrays)
    for name, array in (("obs", segments.obs), ("action", segments.action)):
        if array.dtype != torch.float32 or not bool(array.isfinite().all()):
            raise ValueError(f"{name} must be finite numbers of 32 bits")
    index = torch.tensor([[segment.episode for segment in row.segments] for row in rows])
    num_bytes = sum(array.nbytes for array in arrays.values()) // max(len(segments), 1) * index.numel()
    if num_bytes > _SHOWN_BYTES:
        raise ValueError(f"it shows segments of {num_bytes:,} bytes, of {_SHOWN_BYTES:,} at most")
    options = segments[index]
    lengths = torch.tensor([[segment.end for segment in row.segments] for row in rows])
    if not torch.equal(options.length, lengths):
        raise ValueError("a segment is not as long as its row says")
    raters: dict[tuple[str, str, str], RaterInfo] = {}
    for row in rows:
        key = (row.rater_id, row.rater_settings, row.rater_kind)
        if key not in raters:
            settings = RaterCard(name=row.rater_id, settings=json.loads(row.rater_settings), kind=row.rater_kind)
            raters[key] = RaterInfo(**settings.model_dump())
    order = {key: number for number, key in enumerate(raters)}
    preferences = Preferences(
        queries=Queries(options=options, query_id=_column(rows, "query_id"), asked_at=_column(rows, "asked_at")),
        answers=Answers(
            status=torch.tensor([int(row.status) for row in rows]),
            choice=torch.tensor([row.share for row in rows]),
            tie=torch.tensor([row.choice == "tie" for row in rows]),
        ),
        rater=torch.tensor([order[row.rater_id, row.rater_settings, row.rater_kind] for row in rows]),
        raters=tuple(raters.values()),
        shown_order=_column(rows, "shown_order"),
        seconds=_column(rows, "seconds").float(),
    )
    for row, answer in zip(rows, answers_of(preferences)):
        if row.rater_config_hash != hashlib.sha256(row.rater_settings.encode()).hexdigest():
            raise ValueError(f"rater_config_hash of query {row.query_id} is not that of rater_settings")
        choice = _choice(answer.status, _share(answer)[1], row.share)
        if (row.event_id, row.choice) != (_event_id(answer), choice):
            raise ValueError(f"the answer to query {row.query_id} is not the one its event_id stands for")
        if row.shown_sha256 != answer.shown_sha256:
            raise ValueError(f"shown_sha256 of query {row.query_id} is not that of the shown segments")
    return preferences


def _column(rows: list[AnswerRow], name: str) -> Tensor:
    return torch.tensor([getattr(row, name) for row in rows])


def _pyarrow() -> tuple[Any, Any]:
    """Import pyarrow and its Parquet module.

    Raises:
        UserError: If pyarrow is not installed.
    """
    if find_spec("pyarrow") is None:
        raise UserError("Parquet needs pyarrow: pip install 'prefgym[data]'.")
    return import_module("pyarrow"), import_module("pyarrow.parquet")
