"""The answers of a study as they stand now, kept up to date without reading all of them again."""

import threading
from collections.abc import Container

from prefgym.store.records import StoredAnswer, StoredEvent, StoredQuestion
from prefgym.store.store import Store


class Ledger:
    """What stands of the answers of a study.

    Args:
        store: The store.
        study: Id of the study.
    """

    def __init__(self, store: Store, study: str) -> None:
        self.store, self.study = store, study
        self._rows: dict[tuple[int, str, bool], StoredAnswer] = {}
        self._questions: dict[int, StoredQuestion] = {}
        self._notes: list[StoredEvent] = []
        self._event = self._question = self._logged = 0
        self._lock = threading.Lock()  # requests are answered in several threads

    def read(self) -> tuple[int, list[StoredAnswer]]:
        """Return the number of the last event, and all that stands, in the order of the events."""
        with self._lock:
            for row in self.store.answers(self.study, self._event, repeats=True):
                self._event = max(self._event, row.event)
                key = (row.question, row.rater, row.is_repeat)
                self._rows.pop(key, None)
                if row.status != "failed":
                    self._rows[key] = row
            return self._event, sorted(self._rows.values(), key=lambda row: row.event)

    def question(self, number: int) -> StoredQuestion:
        """Return a question of the study."""
        with self._lock:
            if number not in self._questions:
                for one in self.store.questions(self.study, self._question):
                    self._questions[one.number] = one
                    self._question = max(self._question, one.number)
            return self._questions[number]

    def notes(self, question: int, withdrawn: Container[str]) -> list[StoredEvent]:
        """Return the notes on a question, the oldest first, but for those of raters who withdrew."""
        with self._lock:
            while found := self.store.log(self.study, self._logged):
                self._logged = found[-1].event
                self._notes += [one for one in found if one.type == "note"]
            self._notes = [one for one in self._notes if one.rater not in withdrawn]
            return [one for one in self._notes if one.question == question]
