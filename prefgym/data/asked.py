"""Segments of the queries of a run, on disk before the rater sees them, so that answers outlive a run that is killed.

`preferences/asked/` has a file for each session, named by its first query and by the SHA-256 of its content.
"""

import hashlib
import shutil
import sys
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from prefgym.common.array_files import packed, read_arrays
from prefgym.common.errors import DamageError, UserError, read_as
from prefgym.common.files import digest, named, sync, write_bytes, write_sealed_text, writing
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Statement
from prefgym.core.preferences import Preferences
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.data.tables import load_preferences, pack_segments, unpack_segments
from prefgym.runs.answer_log import AnswerLog
from prefgym.runs.answers import feedback_of, shown_sum

ASKED = Path("preferences") / "asked"
"""Subfolder of a run."""
_DIGITS = 16
"""Digits of the SHA-256 in a name."""


def write_asked(run: Path, queries: Queries) -> None:
    """Write queries into a run folder, and wait until they are on the disk; those that are repeated are there already.

    Raises:
        UserError: If they cannot be written.
    """
    content = packed({**pack_segments(queries.options), "query_id": queries.query_id, "asked_at": queries.asked_at})
    name = f"{int(queries.query_id[0]):06d}-{hashlib.sha256(content).hexdigest()[:_DIGITS]}.safetensors"
    folder = run / ASKED
    with writing(folder):
        if not folder.is_dir():
            folder.mkdir(parents=True)
            sync(folder.parent)
            sync(run)
        if not (folder / name).is_file():
            write_bytes(folder / name, content)


@contextmanager
def kept_beside(folder: Path, env: str, queries: Queries) -> Generator[AnswerLog]:
    """Keep queries and their answers in `FOLDER.answers` until the folder itself is written within the context.

    Whoever answers may take hours, and the folder is written when all is answered; what a killed process leaves there
    is exported like the answers of a run.

    Args:
        folder: Folder to be written.
        env: Environment id.
        queries: The queries.

    Raises:
        UserError: If a call that was killed has left answers there.
    """
    beside = folder.with_name(f"{folder.name}.answers")
    log = AnswerLog(beside / "preferences" / "answers.sqlite")
    if left := len(log.read()):
        keeps = f"prefgym feedback export {beside} OTHER keeps them, and then it can be removed"
        raise UserError(f"{beside} has {left} answers of a call that was killed: {keeps}.")
    with writing(beside):
        if beside.is_dir() and not beside.is_symlink():
            if others := sorted({path.name for path in beside.iterdir()} - {"config.yaml", "preferences"}):
                raise UserError(f"{beside} exists and holds {others[0]}: rename it, or name another folder.")
            shutil.rmtree(beside)  # of a call that was killed before the first answer
        beside.mkdir(parents=True)
    write_sealed_text(beside / "config.yaml", yaml.safe_dump({"env": env}))
    write_asked(beside, queries)
    try:
        yield log
    finally:
        if folder.exists() or not log.read():
            shutil.rmtree(beside, ignore_errors=True)
        else:
            print(f"prefgym feedback export {beside} OTHER keeps the answers so far", file=sys.stderr)


def remove_asked(run: Path, answered: Feedback | Preferences[Statement]) -> None:
    """Remove the files of queries that have an answer, once these are written with their segments."""
    numbers = {int(number) for number in answered.query_id}
    for file in sorted((run / ASKED).glob("*.safetensors")):
        if {int(number) for number in read_arrays(file)["query_id"]} <= numbers:
            file.unlink()
    if (run / ASKED).is_dir() and not any((run / ASKED).iterdir()):
        (run / ASKED).rmdir()


def recover(run: Path) -> Feedback:
    """Join the answers that a run has logged with the segments that they are about; it may have been killed.

    Answers whose segments are missing are named, and left out.

    Raises:
        UserError: If there is no answer with its segments, or a file is damaged.
    """
    answers = AnswerLog(run / "preferences" / "answers.sqlite").read()
    if not answers:
        raise UserError(f"{run} has no answers yet.")
    options = options_of(run)
    rows = [answer for answer in answers if answer.shown_sha256 in options]
    num_lost = len(answers) - len(rows)
    if not rows:
        raise UserError(f"{run} has {num_lost} answers, and not the segments they are about, as of an earlier version.")
    if num_lost:
        print(f"{run}: {num_lost} answers are left out, since their segments are missing", file=sys.stderr)
    rows.sort(key=lambda row: row.query_id)
    with read_as(f"{run / ASKED} is damaged"):
        return feedback_of(rows, options)


def asked_queries(run: Path, but: Collection[str] = ()) -> dict[str, Queries]:
    """Read the queries of a run, by the name of the file they are in; a run that goes on writes further files.

    Args:
        run: Run folder.
        but: Names of files that are left out, since they have been read.

    Raises:
        DamageError: If a file is damaged.
    """
    parts: dict[str, Queries] = {}
    last = run / "preferences" / "preferences"  # of a run that has ended
    if last.name not in but and named(last, ".json").is_file():
        answered = load_preferences(last).parts
        parts |= {f"{last.name}{number or ''}": part.queries for number, part in enumerate(answered)}
    for file in sorted((run / ASKED).glob("*.safetensors")):
        if file.name in but:
            continue
        arrays = read_arrays(file)
        if digest(file)[:_DIGITS] != file.stem.partition("-")[2]:
            raise DamageError(f"{file} is damaged: its SHA-256 is not the one in its name.")
        with read_as(f"{file} is damaged"):
            numbers = {name: arrays[name] for name in ("query_id", "asked_at")}
            parts[file.name] = Queries(options=unpack_segments(arrays), **numbers)
    return parts


def options_of(run: Path) -> Mapping[str, Segments]:
    """Read the options of each query, by the SHA-256 of what was shown. Batch shape of each: (K,)."""
    parts = [queries.options for queries in asked_queries(run).values()]
    return {shown_sum(options[row]): options[row] for options in parts for row in range(len(options))}
