"""`prefgym-feedback/2`: feedback as a folder that others can read and write, with provenance and checksums.

answers.parquet        a row per answer: what was shown, asked and stated, by whom, and when
segments.safetensors   a row per segment
manifest.json          format and card, sittings, and the SHA-256 and size of both files; written last
"""

import shutil
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from prefgym.common.array_files import packed, read_arrays
from prefgym.common.errors import UserError, read_as
from prefgym.common.files import digest, open_to_read, read_sealed_json, sync, verify, write_sealed_json, writing
from prefgym.common.folders import check_folder
from prefgym.common.schema import Checked, checked, in_words
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Statement
from prefgym.core.preferences import Preferences
from prefgym.data.asked import recover
from prefgym.data.feedback_1 import ROWS_1, Manifest1, arrow_schema_1, converted, feedback_of_rows_1
from prefgym.data.feedback_rows import arrow_schema, bytes_of_one, feedback_of_rows, rows_of, stored
from prefgym.data.row_schema import ROWS
from prefgym.data.schema import ANSWERS, SEGMENTS, FeedbackManifest
from prefgym.data.tables import load_preferences, pack_segments
from prefgym.runs.answer_log import AnswerLog
from prefgym.runs.answers import Answer
from prefgym.runs.manifest import read_sums, verify_in

FORMAT, VERSION, MANIFEST = "prefgym-feedback", 2, "manifest.json"
_ROW_BYTES = 2**14
"""Most bytes of a row, on average and beside what it says about each step."""
_PACKAGES = ("prefgym", "gymnasium", "mujoco")


@dataclass(frozen=True, kw_only=True)
class Card:
    """Documentation for readers of the answers."""

    env: str
    """Environment id."""
    source: str = ""
    """Address of the files that the answers were imported from."""
    instructions: str | Mapping[str, str] = ""
    """Instructions for the raters; several versions of them by their names."""
    licence: str = ""
    """Licence of the folder."""
    consent: str = ""
    """Consent given by human raters."""


@dataclass(frozen=True, eq=False, kw_only=True)
class FeedbackFolder:
    """What a folder holds."""

    card: Card
    """Documentation of the answers."""
    feedback: Feedback
    """The answers."""
    logged: Sequence[Answer] = field(repr=False)
    """The answers in plain values, with their times of use."""


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


def export_folder(source: Path, folder: Path, changes: Mapping[str, str], *, truth: bool = True) -> Feedback:
    """Write a feedback folder of any version into a new one, of this version, and return its answers.

    Args:
        source: Feedback folder.
        folder: New folder, which must not exist.
        changes: Fields of its `Card` that are replaced, by name.
        truth: As for `export_run`.

    Raises:
        UserError: If `source` is damaged, or the folder cannot be written.
    """
    whole = read_folder(source)
    feedback = whole.feedback if truth else whole.feedback.without_truth()
    write_feedback(folder, feedback, replace(whole.card, **changes), whole.logged)
    return feedback


def write_feedback(
    folder: Path, preferences: Feedback | Preferences[Statement], card: Card, logged: Sequence[Answer] = ()
) -> None:
    """Write feedback of any kinds into a new folder, atomically, and only if `read_feedback` can read it.

    Args:
        folder: New folder, which must not exist.
        preferences: The answers, together with any fields that `without_truth` drops.
        card: Documentation of the answers.
        logged: Logged answers with their times of use, for those that have one.

    Raises:
        UserError: If the folder exists or cannot be written, the answers could not be read again, or pyarrow is not
            installed.
    """
    pa, parquet = _pyarrow()
    feedback = Feedback.of(preferences)
    if not len(feedback):
        raise UserError("there are no answers to write: pass preferences with one answer or more.")
    sittings = _sittings(feedback)
    segments, index = stored(feedback)
    with writing(folder), new_folder(folder) as part:
        (part / SEGMENTS).write_bytes(packed(pack_segments(segments)))
        rows = rows_of(feedback, index, {row.event_id: row for row in logged})
        parquet.write_table(pa.Table.from_pylist(rows, schema=arrow_schema(pa)), part / ANSWERS, compression="zstd")
        for name in (ANSWERS, SEGMENTS):
            sync(part / name)
        write_sealed_json(part / MANIFEST, _manifest(part, card, sittings, len(feedback)))
        read_feedback(part)


def copy_feedback(folder: Path, into: Path) -> None:
    """Copy a folder of `write_feedback` to a new one, atomically.

    Raises:
        UserError: If the copy fails.
    """
    with writing(into), new_folder(into) as part:
        for name in (ANSWERS, SEGMENTS, MANIFEST):
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
    """Read and check a folder that `write_feedback` wrote, of this version or of version 1.

    Raises:
        UserError: If a file is missing, damaged, inconsistent or of a newer version, or pyarrow is missing.
    """
    return read_folder(folder).feedback


def read_folder(folder: Path | str) -> FeedbackFolder:
    """Read and check a folder as `read_feedback`, with its documentation and the times at which answers were used.

    Raises:
        UserError: As `read_feedback`.
    """
    pa, _ = _pyarrow()
    folder = Path(folder)
    manifest, content = _read_manifest(folder)
    verify(folder / ANSWERS, manifest.files.answers.sha256)
    verify(folder / SEGMENTS, manifest.files.segments.sha256)
    with read_as(f"{folder} is not valid"):  # torch and Arrow raise their own errors
        arrays = read_arrays(folder / SEGMENTS)
        most = (_ROW_BYTES + 4 * bytes_of_one(arrays)) * (manifest.num_answers + 64)
        if isinstance(manifest, FeedbackManifest):
            rows = _rows(folder, ROWS, arrow_schema(pa), manifest.num_answers, most)
            feedback, logged = feedback_of_rows(rows, arrays, manifest.sittings)
        else:
            rows = _rows(folder, ROWS_1, arrow_schema_1(pa), manifest.num_answers, most)
            feedback, logged = feedback_of_rows_1(rows, arrays, manifest.files.segments.sha256)
    card = Card(**{field.name: content.get(field.name, "") for field in fields(Card)})
    return FeedbackFolder(card=card, feedback=feedback, logged=logged)


def _rows(folder: Path, rows: TypeAdapter[Checked], schema: Any, num_answers: int, most_bytes: int) -> Checked:  # noqa: ANN401
    pa, parquet = _pyarrow()
    file = parquet.ParquetFile(folder / ANSWERS)
    if (found := file.metadata.num_rows) != num_answers or not found:
        raise ValueError(f"it has {found} answers, and says that it has {num_answers}")
    sizes = (file.metadata.row_group(group).total_byte_size for group in range(file.metadata.num_row_groups))
    if sum(sizes) > most_bytes:
        raise ValueError(f"{ANSWERS} is too large: {found} answers have {most_bytes} bytes at most")
    known = [column for column in schema if column.name in file.schema_arrow.names]
    table = file.read().select([column.name for column in known]).cast(pa.schema(known))
    if table.nbytes > most_bytes:
        raise ValueError(f"{ANSWERS} is too large: {found} answers have {most_bytes} bytes at most")
    try:
        return rows.validate_python([{n: v for n, v in row.items() if v is not None} for row in table.to_pylist()])
    except ValidationError as error:
        raise ValueError(in_words(error)) from None


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a folder: format, card and checksums; one of version 1 is converted.

    Raises:
        UserError: If it is not a feedback folder, or of a newer version.
    """
    return _read_manifest(folder)[1]


def _read_manifest(folder: Path) -> tuple[FeedbackManifest | Manifest1, dict[str, Any]]:
    if not (folder / MANIFEST).is_file():
        raise UserError(f"{folder} is not a {FORMAT} folder: it has no {MANIFEST}.")
    check_folder(folder)
    manifest = read_sealed_json(folder / MANIFEST)
    name, _, number = str(manifest.get("format")).partition("/")
    if name != FORMAT or not number.isdecimal() or len(number) > 9 or int(number) < 1:
        raise UserError(f"{folder} is not a {FORMAT} folder.")
    if int(number) > VERSION:
        raise UserError(f"{folder} is of version {number}; this prefgym reads {FORMAT}/{VERSION}.")
    if int(number) == VERSION:
        return checked(FeedbackManifest, manifest, folder / MANIFEST), manifest
    return checked(Manifest1, manifest, folder / MANIFEST), converted(manifest)


def _sittings(feedback: Feedback) -> dict[str, dict[str, Any]]:
    """Return the table of sittings by name.

    Raises:
        UserError: If two have the same name.
    """
    found = (info.sitting for part in feedback.parts for info in part.raters if info.sitting is not None)
    table: dict[str, dict[str, Any]] = {}
    for sitting in found:
        values = asdict(sitting)
        name = values.pop("name")
        if table.setdefault(name, values) != values:
            raise UserError(f"two sittings are called {name!r:.50}: give each its own name.")
    return table


def _manifest(folder: Path, card: Card, sittings: dict[str, dict[str, Any]], num_answers: int) -> dict[str, Any]:
    files = {name: folder / name for name in (ANSWERS, SEGMENTS)}
    texts = card.instructions
    return {
        "format": f"{FORMAT}/{VERSION}",
        "env": card.env,
        "source": card.source,
        "instructions": ({"1": texts} if texts else {}) if isinstance(texts, str) else dict(texts),
        "licence": card.licence,
        "consent": card.consent,
        "sittings": sittings,
        "num_answers": num_answers,
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: version(name) for name in _PACKAGES},
        "files": {name: {"sha256": digest(file), "bytes": file.stat().st_size} for name, file in files.items()},
    }


def _pyarrow() -> tuple[Any, Any]:
    """Import pyarrow and its Parquet module.

    Raises:
        UserError: If pyarrow is not installed.
    """
    if find_spec("pyarrow") is None:
        raise UserError("Parquet needs pyarrow: pip install 'prefgym[data]'.")
    return import_module("pyarrow"), import_module("pyarrow.parquet")
