"""Connections to SQLite and PostgreSQL, and the two kinds of transactions: those that read, and those that write."""

import os
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from prefgym.common.errors import UserError, in_one_line
from prefgym.common.folders import odd
from prefgym.store.errors import StoreUnavailable

_BUSY_S = 60
"""How long a transaction waits for the one that writes."""
_SHORT_S = 0.5
"""How long somebody who erased something waits for those who read an older state."""


class Database:
    """An engine with our transactions; safe to share among threads."""

    def __init__(self, url: str, clock: Callable[[], float]) -> None:
        """Find out what the address means; nothing is opened yet.

        Raises:
            UserError: If it is no address of a database that we know.
        """
        self.url = _url_of(url)
        self.clock = clock
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.url_shown = f"sqlite:///{self.url.database}" if self.is_sqlite else self.url.render_as_string()
        self.engine = _sqlite_engine(self.url) if self.is_sqlite else _postgres_engine(self.url)
        self._owes_log = False  # whether erased bytes may be left in the log of SQLite
        self._writer = threading.Lock()  # threads queue here: SQLite has waiters poll, and the unlucky ones starve

    def make_file(self) -> None:
        """Make the file of SQLite if it is missing, for its owner's eyes only.

        Raises:
            UserError: If it cannot be made, or something else is in its place.
        """
        if not self.is_sqlite:
            return
        path = Path(str(self.url.database))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        except OSError as error:
            why = "it is a link" if path.is_symlink() else in_one_line(OSError(error.strerror))
            raise StoreUnavailable(f"The question store {path} cannot be opened: {why}.") from None
        try:
            if (kind := odd(os.fstat(handle))) is not None:
                raise StoreUnavailable(f"The question store {path} cannot be opened: it is {kind}.")
        finally:
            os.close(handle)

    @contextmanager
    def reading(self) -> Generator[sa.Connection]:
        """Read in one transaction, which sees one state of the store.

        Raises:
            StoreUnavailable: If the database fails.
        """
        with self.telling(), self.engine.connect() as connection:
            if not self.is_sqlite:  # SQLite always does
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Generator[sa.Connection]:
        """Write in one transaction: all of it is on the disk when the block ends, or nothing of it.

        Raises:
            StoreUnavailable: If the database fails; then nothing was written, unless the connection broke while the
                server was writing: events carry ids, so that they can be sent again.
        """
        with self._queue(), self.telling(), self.engine.connect() as connection:
            connection.execution_options(writes=True)
            with connection.begin():
                yield connection
            if self._owes_log:
                self._try_to_empty_log(0)

    def _queue(self) -> AbstractContextManager[object]:
        return self._writer if self.is_sqlite else nullcontext()

    @contextmanager
    def telling(self) -> Generator[None]:
        """Turn errors of the database into one sentence.

        Raises:
            StoreUnavailable: If the block raises one.
        """
        try:
            yield
        except (exc.OperationalError, exc.InterfaceError, exc.TimeoutError, exc.ResourceClosedError) as error:
            cause = getattr(error, "orig", None) or error
            raise StoreUnavailable(f"The question store {self.url_shown} {_why(cause)}.") from error
        except exc.DatabaseError as error:
            if isinstance(error, exc.IntegrityError | exc.ProgrammingError | exc.DataError):
                raise  # ours: a test must see it
            cause = error.orig or error
            raise StoreUnavailable(f"The question store {self.url_shown} {_why(cause)}.") from error

    def empty_log(self, wait_s: float = 0) -> None:
        """Move what SQLite has written to its log into its file, and cut the log to nothing.

        While somebody reads an older state of the store, that cannot be done: then the next transaction that writes
        tries again.

        Args:
            wait_s: How long to wait for who reads.

        Raises:
            StoreUnavailable: If the database fails.
        """
        if not self.is_sqlite:
            return
        self._owes_log = True
        with self.telling(), self.engine.connect() as connection:
            connection.execution_options(begins=False)
            connection.exec_driver_sql(f"PRAGMA busy_timeout={int(1000 * wait_s)}")
            try:
                busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
            finally:
                connection.exec_driver_sql(f"PRAGMA busy_timeout={1000 * _BUSY_S}")
        self._owes_log = bool(busy)

    def empty_log_soon(self) -> None:
        """Empty the log after something was erased: now, or with the next transaction that writes."""
        with self._queue():
            self._try_to_empty_log(_SHORT_S)

    def _try_to_empty_log(self, wait_s: float) -> None:
        try:
            self.empty_log(wait_s)
        except StoreUnavailable:  # it is owed, and what was written before is on the disk: nobody may hear otherwise
            return

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _why(cause: BaseException) -> str:
    text = in_one_line(Exception(str(cause)))
    low = text.lower()
    if "disk is full" in low or "no space left" in low or type(cause).__name__ == "DiskFull":
        return "cannot be written: the disk is full"
    if "readonly" in low or "read-only" in low:
        return f"cannot be written: {text}"
    if "not a database" in low or "malformed" in low:
        return f"cannot be read: {text}"
    if "locked" in low:
        return "is busy: another program has been writing to it for a minute"
    return f"cannot be used: {text}"


def _url_of(text: str) -> sa.URL:
    if "://" not in text:
        return sa.URL.create("sqlite+pysqlite", database=os.path.abspath(text))
    try:
        url = sa.make_url(text)
    except (exc.ArgumentError, ValueError):
        raise UserError("This is no address of a database: it reads like sqlite:///labels.sqlite.") from None
    backend = url.drivername.partition("+")[0]
    if backend == "sqlite":
        if not url.database or url.database == ":memory:":
            raise UserError("A question store needs a file: sqlite:///labels.sqlite.")
        return sa.URL.create("sqlite+pysqlite", database=os.path.abspath(url.database))
    if backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    raise UserError(f"A question store is in SQLite or PostgreSQL, not in {backend}.")


def _sqlite_engine(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(
        url,
        connect_args={"timeout": _BUSY_S},
        pool_size=8,
        max_overflow=56,
        pool_timeout=_BUSY_S,
        hide_parameters=True,  # what people said is in no traceback
    )

    def on_connect(connection: Any, _: object) -> None:  # noqa: ANN401
        connection.isolation_level = None  # transactions begin as we say, below
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",  # a commit waits for the disk
            "foreign_keys=ON",
            "secure_delete=ON",  # what is erased is overwritten with zeros
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    def on_begin(connection: sa.Connection) -> None:
        # IMMEDIATE: two that read first and write then would wait for each other
        options = connection.get_execution_options()
        if options.get("begins", True):
            connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes", False) else "BEGIN")

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)
    return engine


def _postgres_engine(url: sa.URL) -> sa.Engine:
    try:
        return sa.create_engine(
            url,
            pool_size=8,
            max_overflow=24,
            pool_timeout=_BUSY_S,
            pool_pre_ping=True,  # a server that was restarted is found again
            isolation_level="READ COMMITTED",
            connect_args={"connect_timeout": 10},
            hide_parameters=True,
        )
    except ModuleNotFoundError:
        raise UserError("PostgreSQL needs psycopg: pip install 'prefgym[postgres]'.") from None
