"""The question store: one object with all that can be asked of it."""

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from prefgym.store import answers, assign, exclusion, log, people, progress, questions, record, segments, studies
from prefgym.store.connect import Database
from prefgym.store.records import (
    Assignment,
    Invitation,
    NewEvent,
    NewQuestion,
    NewSegment,
    OwnEvent,
    Progress,
    Rater,
    Receipt,
    StoredAnswer,
    StoredEvent,
    StoredQuestion,
    StoredSegment,
    Study,
    Work,
)
from prefgym.store.schema import open_schema
from prefgym.store.study import StudyCfg


class Store:
    """Studies, questions, people and their answers, in SQLite or PostgreSQL.

    Any number of threads and processes may use it at once. Each method is one transaction: when it returns, what it
    wrote is on the disk; when it raises, nothing was written.
    """

    def __init__(self, database: Database) -> None:
        """Take a database that has the tables; `Store.open` makes them."""
        self.database = database

    @classmethod
    def open(cls, url: str, clock: Callable[[], float] = time.time) -> Self:
        """Open a store; make it if it is missing, and bring an older one up to date.

        Args:
            url: A path, `sqlite:///path` or `postgresql://user:password@host/database`.
            clock: Unix time, in seconds, for leases and for display; nothing is ordered by it.

        Raises:
            UserError: If it cannot be reached, read or written, or belongs to something else.
        """
        database = Database(url, clock)
        try:
            database.make_file()
            open_schema(database)
            database.empty_log()  # who erased something may not have been able to
        except BaseException:
            database.close()
            raise
        return cls(database)

    def close(self) -> None:
        """Close all connections."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url_shown(self) -> str:
        """Return the address without its password."""
        return self.database.url_shown

    # Studies and what is asked

    def add_study(self, cfg: StudyCfg) -> str:
        """Add a study and return its opaque id."""
        return studies.add_study(self.database, cfg)

    def studies(self) -> list[Study]:
        """List the studies, the oldest first."""
        return studies.all_studies(self.database)

    def study(self, study_id: str) -> Study:
        """Return a study."""
        return studies.one_study(self.database, study_id)

    def pause(self, study_id: str, paused: bool) -> None:
        """Give out no questions of a study, or give them out again; answers are taken in all the time."""
        studies.pause(self.database, study_id, paused)

    def add_geometry(self, content: bytes, media_type: str = "application/json") -> str:
        """Add a geometry, once, and return its id: the SHA-256 of its content."""
        return segments.add_geometry(self.database, content, media_type)

    def geometry(self, name: str) -> tuple[bytes, str]:
        """Return a geometry and its media type."""
        return segments.geometry(self.database, name)

    def add_segment(self, new: NewSegment) -> str:
        """Add a segment, once, and return its id: the SHA-256 of drawing and content."""
        return segments.add_segment(self.database, new)

    def segment(self, name: str) -> StoredSegment:
        """Return a segment with all that is stored of it."""
        return segments.segment(self.database, name)

    def may_see(self, rater_id: str, name: str) -> bool:
        """Return whether a rater got a question that shows this segment or geometry."""
        return segments.may_see(self.database, rater_id, name)

    def ask(self, study_id: str, new: Sequence[NewQuestion]) -> list[int]:
        """Add questions and return their numbers; one that is there already keeps its number."""
        return questions.ask(self.database, study_id, new)

    def questions(self, study_id: str, after: int = 0) -> list[StoredQuestion]:
        """List the questions of a study with numbers above `after`, the oldest first."""
        return questions.all_questions(self.database, study_id, after)

    def num_waiting(self, study_id: str) -> int:
        """Count the questions that want more answers, gold and practice left out."""
        return questions.num_waiting(self.database, study_id)

    # People

    def invite(
        self,
        study_id: str,
        *,
        name: str | None = None,
        max_raters: int | None = 1,
        expires_at: float | None = None,
    ) -> str:
        """Make an invitation and return its token, of which only a hash is stored.

        Args:
            study_id: Opaque id of the study.
            name: Pseudonym for who takes it up; it goes into run logs, so it must be no real name.
            max_raters: How many may take it up; None for any number.
            expires_at: Unix time, in seconds; None for never.
        """
        return people.invite(self.database, study_id, name=name, max_raters=max_raters, expires_at=expires_at)

    def invitations(self, study_id: str) -> list[Invitation]:
        """List the invitations of a study, the oldest first."""
        return people.all_invitations(self.database, study_id)

    def peek(self, token: str) -> str:
        """Return the id of the study that an invitation is for; it is not taken up by this."""
        return people.peek(self.database, token)

    def revoke(self, study_id: str, number: int) -> None:
        """End an invitation now; who has taken it up stays."""
        people.revoke(self.database, study_id, number)

    def join(self, token: str, participant: str | None = None) -> Rater:
        """Return the rater that an invitation makes, or the one that the participant has been before.

        Raises:
            StoreRefusal: With the code `unknown-invitation`, `expired-invitation` or `used-invitation`.
        """
        return people.join(self.database, token, participant)

    def rater(self, rater_id: str) -> Rater:
        """Return a rater."""
        return people.one_rater(self.database, rater_id)

    def consent(self, rater_id: str) -> None:
        """Record that a rater agreed to the consent text of the study."""
        people.consent(self.database, rater_id)

    def open_login(self, rater_id: str) -> str:
        """Begin a login and return its token, of which only a hash is stored."""
        return people.open_login(self.database, rater_id)

    def login(self, token: str) -> Rater | None:
        """Return the rater of a login; None if there is no such login."""
        return people.login(self.database, token)

    def close_login(self, token: str) -> None:
        """End a login, if there is one."""
        people.close_login(self.database, token)

    def exclude(self, rater_id: str, excluded: bool, by: str, now: float | None = None) -> None:
        """Let all answers of a rater count no longer, or again; an event says who decided it."""
        exclusion.exclude(self.database, rater_id, excluded, by, now)

    def withdraw(self, rater_id: str) -> None:
        """Erase what a rater said and did, and who it was; counts stay.

        While another program reads an older state of a store in SQLite, erased bytes stay in the log beside its file;
        the next write or the next opening after that removes them.
        """
        exclusion.withdraw(self.database, rater_id)

    # Questions go out, answers come in

    def assign(self, rater_id: str, num: int, now: float | None = None) -> list[Assignment]:
        """Lease up to `num` questions to a rater: first those that are leased already, in the same order."""
        return assign.assign(self.database, rater_id, num, now)

    def renew(self, rater_id: str, names: Sequence[str], now: float | None = None) -> None:
        """Keep open assignments of a rater for another time of the lease."""
        assign.renew(self.database, rater_id, names, now)

    def work(self, rater_id: str) -> Work:
        """Say how far a rater is."""
        return progress.work(self.database, rater_id)

    def record(self, rater_id: str, new: NewEvent, now: float | None = None) -> Receipt:
        """Append an event; it is on the disk when this returns, once, however often it is sent.

        Raises:
            StoreRefusal: With the code `unknown-assignment`, `already-answered`, `not-answered`, `bad-statement`,
                `bad-event`, `client-id` or `withdrawn`.
        """
        return record.record(self.database, rater_id, new, now)

    def history(self, rater_id: str) -> list[OwnEvent]:
        """Return all events of a rater, the newest last."""
        return record.history(self.database, rater_id)

    # For training and for who runs the study

    def answers(self, study_id: str, after: int = 0, *, repeats: bool = False) -> list[StoredAnswer]:
        """Return what changed after an event: one row for each rater and question, in the order of the events.

        A row whose status is `failed` says that nothing stands any longer: the answer was taken back, its rater was
        excluded, or withdrew.

        Args:
            study_id: Opaque id of the study.
            after: Number of an event.
            repeats: Whether second answers to repeated questions are among them.
        """
        return answers.answers(self.database, study_id, after, repeats=repeats)

    def progress(self, study_id: str, now: float | None = None) -> Progress:
        """Count questions and answers of a study, in all and for each rater."""
        return progress.progress(self.database, study_id, now)

    def log(self, study_id: str, after: int = 0, most: int = 10_000) -> list[StoredEvent]:
        """Return the events of a study with numbers above `after`, the oldest first."""
        return log.log(self.database, study_id, after, most)
