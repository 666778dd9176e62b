"""Segments of the queries of a run, on disk before the rater sees them, so that answers outlive a run that is killed.

`preferences/asked/` has a file for each session, named by its first query and by the SHA-256 of its content.
"""

import hashlib
import json
import shutil
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
import yaml
from torch import Tensor

from prefgym.common.array_files import packed, read_arrays
from prefgym.common.errors import DamageError, UserError, read_as
from prefgym.common.files import digest, named, sync, write_bytes, write_sealed_text, writing
from prefgym.core.preferences import Answers, Preferences, RaterInfo, Status
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.data.schema import RaterCard
from prefgym.data.tables import load_preferences, pack_segments, unpack_segments
from prefgym.runs.answer_log import Answer, AnswerLog, shown_sum

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


def remove_asked(run: Path, answered: Preferences) -> None:
    """Remove the files of queries that have an answer, once these are written with their segments."""
    numbers = {int(number) for number in answered.query_id}
    for file in sorted((run / ASKED).glob("*.safetensors")):
        if {int(number) for number in read_arrays(file)["query_id"]} <= numbers:
            file.unlink()
    if (run / ASKED).is_dir() and not any((run / ASKED).iterdir()):
        (run / ASKED).rmdir()


def recover(run: Path) -> Preferences:
    """Join the answers that a run has logged with the segments that they are about; it may have been killed.

    Of several answers to a query, the last one counts. Answers whose segments are missing are named, and left out.

    Raises:
        UserError: If there is no answer with its segments, or a file is damaged.
    """
    answers = AnswerLog(run / "preferences" / "answers.sqlite").read()
    if not answers:
        raise UserError(f"{run} has no answers yet.")
    options = _options(run)
    found = {answer.query_id: answer for answer in answers if answer.shown_sha256 in options}
    num_lost = len({answer.query_id for answer in answers} - {*found})
    if not found:
        raise UserError(f"{run} has {num_lost} answers, and not the segments they are about, as of an earlier version.")
    if num_lost:
        print(f"{run}: {num_lost} answers are left out, since their segments are missing", file=sys.stderr)
    rows = [found[number] for number in sorted(found)]
    with read_as(f"{run / ASKED} is damaged"):
        return _joined(rows, Segments.stack([options[row.shown_sha256] for row in rows]))


def _options(run: Path) -> Mapping[str, Segments]:
    """Read the options of each query, by the SHA-256 of what was shown. Batch shape of each: (K,)."""
    parts: list[Segments] = []
    if named(last := run / "preferences" / "preferences", ".json").is_file():  # of a run that was stopped, and resumed
        parts.append(load_preferences(last).queries.options)
    for file in sorted((run / ASKED).glob("*.safetensors")):
        arrays = read_arrays(file)
        if digest(file)[:_DIGITS] != file.stem.partition("-")[2]:
            raise DamageError(f"{file} is damaged: its SHA-256 is not the one in its name.")
        with read_as(f"{file} is damaged"):
            parts.append(unpack_segments(arrays))
    return {shown_sum(options[row]): options[row] for options in parts for row in range(len(options))}


def _joined(rows: list[Answer], options: Segments) -> Preferences:
    infos = [json.loads(row.rater) for row in rows]
    raters = [info for index, info in enumerate(infos) if info not in infos[:index]]

    def column(name: str) -> Tensor:
        return torch.tensor([getattr(row, name) for row in rows])

    return Preferences(
        queries=Queries(options=options, query_id=column("query_id"), asked_at=column("asked_at")),
        answers=Answers(
            status=torch.tensor([int(Status[row.status.upper()]) for row in rows]),
            choice=torch.tensor([json.loads(row.choice) for row in rows]),
            tie=column("tie").bool(),
        ),
        rater=torch.tensor([raters.index(info) for info in infos]),
        raters=tuple(RaterInfo(**RaterCard.model_validate(info).model_dump()) for info in raters),
        shown_order=torch.tensor([json.loads(row.shown_order) for row in rows]),
        seconds=column("seconds").float(),
    )
