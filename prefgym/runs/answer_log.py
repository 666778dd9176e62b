"""The log of answers: each is appended when it is first used, and never changed."""

import sqlite3
from contextlib import closing
from dataclasses import astuple, fields, replace
from datetime import UTC, datetime
from functools import cache
from os import SEEK_END
from pathlib import Path

from prefgym.common.errors import DamageError, UserError
from prefgym.common.files import LOG_BYTES, open_to_read, writing
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Statement
from prefgym.core.preferences import Preferences
from prefgym.runs import answer_log_1
from prefgym.runs.answers import Answer, answers_of, feedback_of, sum_of
from prefgym.runs.folder import GO_ON, set_aside

_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    event_id TEXT PRIMARY KEY, query_id INTEGER, kind TEXT, criterion TEXT, status TEXT, statement TEXT, rater TEXT,
    shown_order TEXT, seconds REAL, asked_at INTEGER, shown_sha256 TEXT, revision INTEGER, event INTEGER,
    used_at INTEGER, created_at TEXT, sha256 TEXT
);
CREATE TRIGGER IF NOT EXISTS no_update BEFORE UPDATE ON answers BEGIN SELECT RAISE(ABORT, 'answers do not change'); END;
CREATE TRIGGER IF NOT EXISTS no_delete BEFORE DELETE ON answers BEGIN SELECT RAISE(ABORT, 'answers stay'); END;
"""


_SUPER_JOURNAL = bytes.fromhex("d9d505f920a163d7")
"""The end of a journal of a transaction over several databases (https://sqlite.org/fileformat.html)."""


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

    def append(self, answered: Feedback | Preferences[Statement], used_at: int | None) -> Feedback:
        """Append answers, and wait until they are on the disk; return them as the log has them.

        An answer whose id is there already counts as it was written, also if the rater answers otherwise now.

        Args:
            answered: The answers.
            used_at: Environment steps so far; None if unknown.

        Raises:
            UserError: If they cannot be written.
        """
        feedback = Feedback.of(answered)
        now = None if used_at is None else datetime.now(UTC).isoformat(timespec="milliseconds")
        answers = [replace(answer, used_at=used_at, created_at=now) for answer in answers_of(feedback)]
        with writing(self.file):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with closing(_connect(self.file, PATIENCE_S)) as connection:
                connection.execute("PRAGMA synchronous = EXTRA")
                if answer_log_1.is_one(_layout(connection)):
                    answer_log_1.upgrade(connection, _SCHEMA, lambda answer: _insert(connection, [answer]))
                connection.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
                with connection:
                    if not (there := _insert(connection, answers)):
                        return feedback
        return _as_written(feedback, answers, {answer.event_id: answer for answer in self.read()}, there)

    def read(self) -> list[Answer]:
        """Return all answers in the order of writing; an empty list before the first.

        Raises:
            DamageError: If the file is damaged.
            UserError: If it cannot be read for another reason.
        """
        if not self.file.is_file():
            return []
        try:
            with closing(_connect(self.file, READING_PATIENCE_S)) as connection:
                if not (layout := _layout(connection)):
                    return []
                if problems := [found for (found,) in connection.execute("PRAGMA integrity_check") if found != "ok"]:
                    raise sqlite3.DatabaseError(problems[0].splitlines()[-1])
                return answer_log_1.read(connection) if answer_log_1.is_one(layout) else _read(connection)
        except sqlite3.OperationalError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # errors of Python's own decoding have none
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN):
                raise UserError(f"{self.file} cannot be read: {error}.") from error
            raise DamageError(f"{self.file} is damaged: {error}; {GO_ON}.") from error
        except (sqlite3.Error, UnicodeDecodeError, ValueError) as error:
            raise DamageError(f"{self.file} is damaged: {error}; {GO_ON}.") from error

    def check(self, feedback: Feedback | None, *, mend: bool = False) -> None:
        """Check that the log has the answers of a checkpoint; later answers are kept.

        Args:
            feedback: The answers in the checkpoint; None before the first.
            mend: Whether to set a damaged log aside and write it again, instead of raising.

        Raises:
            UserError: If the log is damaged or missing.
        """
        expected = [] if feedback is None else [answer.event_id for answer in answers_of(feedback)]
        try:
            if not {*expected} <= {answer.event_id for answer in self.read()}:
                problem = "damaged: answers are missing" if self.file.is_file() else "missing"
                raise DamageError(f"{self.file} is {problem}; {GO_ON}.")
        except DamageError:
            if not mend:
                raise
            set_aside(self.file)
            if feedback is not None:
                self.append(feedback, None)


def _insert(connection: sqlite3.Connection, answers: list[Answer]) -> set[str]:
    """Insert answers, and return the ids of those that were there."""
    places = ", ".join("?" * (len(fields(Answer)) + 2))
    there: set[str] = set()
    for answer in answers:
        row = (answer.event_id, *astuple(answer), sum_of(astuple(answer)))
        if not connection.execute(f"INSERT OR IGNORE INTO answers VALUES ({places})", row).rowcount:
            there.add(answer.event_id)
    return there


def _read(connection: sqlite3.Connection) -> list[Answer]:
    """Read all answers.

    Raises:
        ValueError: If one does not have its SHA-256.
    """
    names = [field.name for field in fields(Answer)]
    answers: list[Answer] = []
    for *values, seal in connection.execute(f"SELECT {', '.join([*names, 'sha256'])} FROM answers ORDER BY rowid"):
        answer = Answer(**dict(zip(names, values)))
        if any(isinstance(value, bytes) for value in values) or sum_of(astuple(answer)) != seal:
            raise ValueError("the SHA-256 of an answer is not that of its row")
        answers.append(answer)
    return answers


def _as_written(feedback: Feedback, answers: list[Answer], log: dict[str, Answer], there: set[str]) -> Feedback:
    """Replace answers by those of the log with the same id, where they differ in more than the time of their use."""
    since = {"used_at": None, "created_at": None}
    written = [replace(log[answer.event_id] if answer.event_id in there else answer, **since) for answer in answers]
    if written == [replace(answer, **since) for answer in answers]:
        return feedback
    options = {
        answer.shown_sha256: one
        for answer, one in zip(
            answers, (part.queries.options[row] for part in feedback.parts for row in range(len(part)))
        )
    }
    return feedback_of(written, options)


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
        layout = _layout(connection)
        if layout not in (set(), _our_layout(_SCHEMA)) and not answer_log_1.is_one(layout):
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
def _our_layout(schema: str) -> set[tuple[str, str, str]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(schema)
        return _layout(connection)
