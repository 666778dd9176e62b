"""The log of answers: each is appended when it is first used, and never changed."""

import hashlib
import json
import sqlite3
from contextlib import closing
from dataclasses import asdict, astuple, dataclass, fields, replace
from datetime import UTC, datetime
from functools import cache
from os import SEEK_END
from pathlib import Path
from typing import Any

from prefgym.common.errors import DamageError, UserError
from prefgym.common.files import LOG_BYTES, open_to_read, writing
from prefgym.core.preferences import Preferences, Status
from prefgym.core.segments import Segments
from prefgym.runs.folder import GO_ON, set_aside

_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    event_id TEXT PRIMARY KEY, query_id INTEGER, status TEXT, choice TEXT, tie INTEGER, rater TEXT, shown_order TEXT,
    seconds REAL, asked_at INTEGER, shown_sha256 TEXT, used_at INTEGER, created_at TEXT, sha256 TEXT
);
CREATE TRIGGER IF NOT EXISTS no_update BEFORE UPDATE ON answers BEGIN SELECT RAISE(ABORT, 'answers do not change'); END;
CREATE TRIGGER IF NOT EXISTS no_delete BEFORE DELETE ON answers BEGIN SELECT RAISE(ABORT, 'answers stay'); END;
"""


_SUPER_JOURNAL = bytes.fromhex("d9d505f920a163d7")
"""The end of a journal of a transaction over several databases (https://sqlite.org/fileformat.html)."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The outcome of one query, in plain values."""

    query_id: int
    """Number of the query."""
    status: str
    """A `Status`, in lower case."""
    choice: str
    """Share of the choice on each option: a JSON list."""
    tie: int
    """1 for a tie."""
    rater: str
    """The rater and its settings: a JSON object."""
    shown_order: str
    """Options in the order in which they were shown: a JSON list."""
    seconds: float
    """Time the rater took."""
    asked_at: int
    """Environment steps at the time of the query."""
    shown_sha256: str
    """SHA-256 of the options: see `shown_sum`."""
    used_at: int | None = None
    """Environment steps when the answer was first used; None if unknown."""
    created_at: str | None = None
    """Time of that first use: ISO 8601, UTC."""

    @property
    def event_id(self) -> str:
        """Return the id of the answer: the SHA-256 of the JSON list of all fields but `used_at` and `created_at`."""
        return _sum(astuple(self)[:-2])


def answers_of(preferences: Preferences) -> list[Answer]:
    """Convert answers to plain values."""
    answers, queries = preferences.answers, preferences.queries
    choice, seconds = answers.choice.float(), preferences.seconds.float()  # the precision of files
    raters = [json.dumps(asdict(info), sort_keys=True) for info in preferences.raters]
    return [
        Answer(
            query_id=int(queries.query_id[row]),
            status=Status(int(answers.status[row])).name.lower(),
            choice=json.dumps(choice[row].numpy().tolist()),
            tie=int(answers.tie[row]),
            rater=raters[int(preferences.rater[row])],
            shown_order=json.dumps(preferences.shown_order[row].numpy().tolist()),
            seconds=float(seconds[row]),
            asked_at=int(queries.asked_at[row]),
            shown_sha256=shown_sum(queries.options[row]),
        )
        for row in range(len(preferences))
    ]


def shown_sum(options: Segments) -> str:
    """Return the SHA-256 over length (int64), obs and action (float32) of K options, one after the other, unpadded."""
    checksum = hashlib.sha256()
    for length, obs, action in zip(options.length, options.obs, options.action):
        for array in (length.long(), obs[: int(length) + 1].float(), action[: int(length)].float()):
            checksum.update(array.cpu().contiguous().numpy().tobytes())
    return checksum.hexdigest()


PATIENCE_S = 300.0
"""Seconds that a writer waits for other processes that hold a lock on the file."""

READING_PATIENCE_S = 5.0
"""Seconds that a reader waits."""


class AnswerLog:
    """An append-only SQLite file of answers; an answer that is already there is not written again.

    Args:
        file: Created with the first answer.
    """

    def __init__(self, file: Path) -> None:
        self.file = file

    def append(self, preferences: Preferences, used_at: int | None) -> None:
        """Append answers, and wait until they are on the disk.

        Args:
            preferences: The answered queries.
            used_at: Environment steps so far; None if unknown.

        Raises:
            UserError: If they cannot be written.
        """
        now = None if used_at is None else datetime.now(UTC).isoformat(timespec="milliseconds")
        answers = [replace(answer, used_at=used_at, created_at=now) for answer in answers_of(preferences)]
        rows = ((answer.event_id, *astuple(answer), _seal(answer)) for answer in answers)
        with writing(self.file):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with closing(_connect(self.file, PATIENCE_S)) as connection:
                connection.execute("PRAGMA synchronous = EXTRA")
                connection.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
                with connection:
                    places = ", ".join("?" * (len(fields(Answer)) + 2))
                    connection.executemany(f"INSERT OR IGNORE INTO answers VALUES ({places})", rows)

    def read(self) -> list[Answer]:
        """Return all answers in the order of writing; an empty list before the first.

        Raises:
            DamageError: If the file is damaged.
            UserError: If it cannot be read for another reason.
        """
        names = [field.name for field in fields(Answer)]
        answers: list[Answer] = []
        for *values, seal in self._rows(", ".join([*names, "sha256"])):
            answer = Answer(**dict(zip(names, values)))
            if any(isinstance(value, bytes) for value in values) or _seal(answer) != seal:
                raise DamageError(f"{self.file} is damaged: the SHA-256 of an answer is not that of its row; {GO_ON}.")
            answers.append(answer)
        return answers

    def _rows(self, columns: str) -> list[tuple[Any, ...]]:
        if not self.file.is_file():
            return []
        try:
            with closing(_connect(self.file, READING_PATIENCE_S)) as connection:
                if not _layout(connection):
                    return []
                if problems := [found for (found,) in connection.execute("PRAGMA integrity_check") if found != "ok"]:
                    raise sqlite3.DatabaseError(problems[0].splitlines()[-1])
                return connection.execute(f"SELECT {columns} FROM answers ORDER BY rowid").fetchall()
        except sqlite3.OperationalError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # errors of Python's own decoding have none
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN):
                raise UserError(f"{self.file} cannot be read: {error}.") from error
            raise DamageError(f"{self.file} is damaged: {error}; {GO_ON}.") from error
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise DamageError(f"{self.file} is damaged: {error}; {GO_ON}.") from error

    def check(self, preferences: Preferences | None, *, mend: bool = False) -> None:
        """Check that the log has the answers of a checkpoint; later answers are kept.

        Args:
            preferences: The answers in the checkpoint; None before the first.
            mend: Whether to set a damaged log aside and write it again, instead of raising.

        Raises:
            UserError: If the log is damaged or missing.
        """
        expected = [] if preferences is None else [answer.event_id for answer in answers_of(preferences)]
        try:
            if not {*expected} <= {answer.event_id for answer in self.read()}:
                problem = "damaged: answers are missing" if self.file.is_file() else "missing"
                raise DamageError(f"{self.file} is {problem}; {GO_ON}.")
        except DamageError:
            if not mend:
                raise
            set_aside(self.file)
            if preferences is not None:
                self.append(preferences, None)


def _connect(file: Path, patience_s: float) -> sqlite3.Connection:
    """Open a file of answers; others may have written it, and the statements of a schema run when it is used.

    Raises:
        DamageError: If its tables and triggers are not ours, or its journal names files elsewhere.
    """
    for part in (file, *(file.with_name(file.name + ending) for ending in ("-journal", "-wal", "-shm"))):
        if part.exists() or part.is_symlink():
            with open_to_read(part, LOG_BYTES) as opened:
                opened.seek(max(0, opened.seek(0, SEEK_END) - 8))
                if part.name.endswith("-journal") and opened.read() == _SUPER_JOURNAL:
                    raise DamageError(f"{part} is damaged: it names a file elsewhere, which SQLite would remove.")
    connection = sqlite3.connect(file, timeout=patience_s)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 2**24)
        if _layout(connection) not in (set(), _our_layout()):
            raise DamageError(f"{file} is damaged: its tables are not those of a log of answers; {GO_ON}.")
    except BaseException:
        connection.close()
        raise
    return connection


def _layout(connection: sqlite3.Connection) -> set[tuple[str, str, str]]:
    """Return type, name and statement of all that a database holds."""
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master")
    return {(kind, name, " ".join((statement or "").split())) for kind, name, statement in rows}


@cache
def _our_layout() -> set[tuple[str, str, str]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(_SCHEMA)
        return _layout(connection)


def _seal(answer: Answer) -> str:
    return _sum(astuple(answer))


def _sum(values: Any) -> str:  # noqa: ANN401
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()
