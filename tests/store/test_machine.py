"""Any sequence of what raters, clocks and crashes do, against a model of what must stand."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from postgres import Server
from stores import Clock, filled, new_event

from prefgym.store import record
from prefgym.store.errors import StoreRefusal
from prefgym.store.records import Assignment, NewEvent, NewQuestion, StoredAnswer
from prefgym.store.store import Store

OVERLAP, LEASE_S = 2, 60.0
FEW = st.integers(0, 1000)
"""Which of several things is meant, modulo their number."""

PLACES = st.sampled_from([0, 1, "tie"])

Pair = tuple[int, str]
"""A question and a rater."""


class CrashError(Exception):
    """The end of a process in the middle of a transaction."""


class Machine(RuleBasedStateMachine):
    """The store, and beside it plain dictionaries that say what must stand."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.folder = tempfile.TemporaryDirectory()
        self.store = self._opened()
        self.names: dict[str, str] = {}
        self.given: dict[Pair, Assignment] = {}
        self.lease: dict[Pair, float] = {}
        self.said: dict[Pair, dict[str, Any]] = {}
        self.excluded: set[str] = set()
        self.withdrawn: set[str] = set()
        self.sent: list[tuple[str, NewEvent, int]] = []
        self.heard: dict[Pair, StoredAnswer] = {}
        self.newest = 0

    def _opened(self) -> Store:
        return Store.open(self.url or str(Path(self.folder.name) / "labels.sqlite"), self.clock)

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    # What the model knows

    @property
    def raters(self) -> list[str]:
        return [rater for rater in self.names if rater not in self.withdrawn]

    def counted(self, question: int) -> int:
        return sum(q == question and rater not in self.excluded for q, rater in self.said)

    def others_hold(self, question: int, rater: str) -> int:
        now = self.clock.now
        return sum(
            q == question and r != rater and (q, r) not in self.said and now < until <= now + 2 * LEASE_S
            for (q, r), until in self.lease.items()
        )

    def pair(self, which: int) -> Pair:
        pairs = [pair for pair in self.given if pair[1] in self.raters]
        return pairs[which % len(pairs)]

    def may_say(self) -> bool:
        return any(rater in self.raters for _, rater in self.given)

    # What happens

    @initialize()
    def begin(self) -> None:
        self.one = filled(self.store, 3, overlap=OVERLAP, lease_s=LEASE_S)
        for number in range(4):
            self.join()
            self.assign(number, 1)

    @precondition(lambda self: len(self.names) < 7)
    @rule()
    def join(self) -> None:
        (rater,) = self.one.joined(1)
        self.names[rater] = self.store.rater(rater).name

    @rule(which=FEW)
    def ask(self, which: int) -> None:
        shown = (self.one.segments[which % 2], self.one.segments[2])
        (number,) = self.store.ask(self.one.study, [NewQuestion(query_id=which % 3, segments=shown)])
        assert self.store.ask(self.one.study, [NewQuestion(query_id=which % 3, segments=shown)]) == [number]

    @precondition(lambda self: self.raters)
    @rule(which=FEW, num=st.integers(1, 4))
    def assign(self, which: int, num: int) -> None:
        rater = self.raters[which % len(self.raters)]
        now = self.clock.now
        got = self.store.assign(rater, num)
        assert len(got) <= num
        if rater in self.excluded:
            assert got == []
        for one in got:
            pair = (one.question, rater)
            assert pair not in self.said, "nobody gets a question again whose answer stands"
            assert self.given.setdefault(pair, one).id == one.id, "a question is one assignment of a rater"
            if not now < self.lease.get(pair, 0.0) <= now + 2 * LEASE_S:
                assert self.counted(one.question) + self.others_hold(*pair) < OVERLAP
            self.lease[pair] = now + LEASE_S
        assert [one.lease_until for one in got] == [now + LEASE_S] * len(got)

    @precondition(lambda self: self.raters)
    @rule(turns=st.lists(st.tuples(FEW, st.integers(1, 3), FEW, PLACES), min_size=2, max_size=6))
    def work(self, turns: list[tuple[int, int, int, int | str]]) -> None:
        """Let raters ask for questions and answer in turns: what happens most."""
        for rater, num, which, place in turns:
            self.assign(rater, num)
            if self.may_say():
                self.answer(which, place)

    @precondition(lambda self: self.raters)
    @rule(seconds=st.sampled_from([1.0, LEASE_S, 10 * LEASE_S, -1.0, -LEASE_S, -1e6]))
    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds

    @precondition(lambda self: self.may_say())
    @rule(which=FEW, place=PLACES)
    def answer(self, which: int, place: int | str) -> None:
        pair = self.pair(which)
        event = new_event(self.given[pair], statement={"choice": place})
        if pair in self.said:
            self._refused(pair, event, "already-answered")
            return
        order = self.given[pair].shown_order
        self._record(pair, event)
        self.said[pair] = {"choice": order[place] if isinstance(place, int) else place}

    @precondition(lambda self: self.may_say())
    @rule(which=FEW, strength=st.sampled_from([0.25, 1.0]))
    def amend(self, which: int, strength: float) -> None:
        pair = self.pair(which)
        event = new_event(self.given[pair], "amend", {"strength": strength})
        if pair not in self.said:
            self._refused(pair, event, "not-answered")
        elif self.said[pair]["choice"] == "tie":
            self._refused(pair, event, "bad-statement")
        else:
            self._record(pair, event)
            self.said[pair] = {**self.said[pair], "strength": strength}

    @precondition(lambda self: self.may_say())
    @rule(which=FEW)
    def retract(self, which: int) -> None:
        pair = self.pair(which)
        event = new_event(self.given[pair], "retract")
        if pair not in self.said:
            self._refused(pair, event, "not-answered")
            return
        self._record(pair, event)
        del self.said[pair]
        self.lease[pair] = self.clock.now + LEASE_S

    @precondition(lambda self: any(rater in self.raters for rater, _, _ in self.sent))
    @rule(which=FEW)
    def send_again(self, which: int) -> None:
        sent = [one for one in self.sent if one[0] in self.raters]
        rater, event, number = sent[which % len(sent)]
        receipt = self.store.record(rater, event)
        assert (receipt.event, receipt.is_new) == (number, False)

    @precondition(lambda self: self.may_say())
    @rule(which=FEW)
    def crash_while_recording(self, which: int) -> None:
        pair = self.pair(which)
        kind = "retract" if pair in self.said else "answer"

        def crash(*_: object) -> None:
            raise CrashError

        with pytest.MonkeyPatch.context() as patch, pytest.raises(CrashError):
            patch.setattr(record, "count_again", crash)
            self.store.record(pair[1], new_event(self.given[pair], kind))

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = self._opened()
        self.one = type(self.one)(self.store, self.one.study, self.one.segments, self.one.questions)

    @precondition(lambda self: self.raters)
    @rule(which=FEW)
    def turn(self, which: int) -> None:
        """Exclude a rater, or reinstate it."""
        rater = self.raters[which % len(self.raters)]
        excluded = rater not in self.excluded
        self.store.exclude(rater, excluded, "boss")
        if excluded:
            self.excluded.add(rater)
        else:
            self.excluded.remove(rater)
        for pair in self.lease:
            if pair[1] == rater and pair not in self.said:
                self.lease[pair] = 0.0

    @precondition(lambda self: len(self.raters) > 1)
    @rule(which=FEW)
    def withdraw(self, which: int) -> None:
        rater = self.raters[which % len(self.raters)]
        self.store.withdraw(rater)
        self.withdrawn.add(rater)
        self.excluded.discard(rater)
        for known in (self.said, self.lease):
            for pair in [pair for pair in known if pair[1] == rater]:
                del known[pair]
        with pytest.raises(StoreRefusal):
            self.store.assign(rater, 1)

    @rule()
    def hear(self) -> None:
        """Poll, as training does."""
        by_name = {name: rater for rater, name in self.names.items()}
        for row in self.store.answers(self.one.study, self.newest):
            assert row.event > self.newest
            pair = (row.question, by_name[row.rater])
            if pair in self.heard:
                assert row.revision > self.heard[pair].revision
            self.heard[pair] = row
        self.newest = max((row.event for row in self.heard.values()), default=0)
        assert self._standing(self.heard) == self._model()

    # What must hold

    @invariant()
    def what_stands_is_what_was_said(self) -> None:
        if not hasattr(self, "one"):
            return
        by_name = {name: rater for rater, name in self.names.items()}
        given = self.store.answers(self.one.study)
        assert [row.event for row in given] == sorted(row.event for row in given)
        rows = {(row.question, by_name[row.rater]): row for row in given}
        assert len(rows) == len(given)
        assert self._standing(rows) == self._model()
        waiting = [q for q in self.store.questions(self.one.study) if self.counted(q.number) < OVERLAP]
        assert self.store.num_waiting(self.one.study) == len(waiting)

    def _model(self) -> dict[Pair, dict[str, Any]]:
        return {pair: said for pair, said in self.said.items() if pair[1] not in self.excluded}

    def _standing(self, rows: dict[Pair, StoredAnswer]) -> dict[Pair, dict[str, Any]]:
        return {pair: row.statement for pair, row in rows.items() if row.status == "answered"}

    def _record(self, pair: Pair, event: NewEvent) -> None:
        receipt = self.store.record(pair[1], event)
        assert receipt.is_new
        assert receipt.event > max((number for _, _, number in self.sent), default=0)
        self.sent.append((pair[1], event, receipt.event))

    def _refused(self, pair: Pair, event: NewEvent, code: str) -> None:
        with pytest.raises(StoreRefusal) as caught:
            self.store.record(pair[1], event)
        assert caught.value.code == code


def run(max_examples: int, num_steps: int, url: str = "") -> None:
    """Run the machine in a store at an address."""
    machine: type[Machine] = type("Machine", (Machine,), {"url": url})
    slow = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    limits = settings(
        max_examples=max_examples, stateful_step_count=num_steps, deadline=None, suppress_health_check=slow
    )
    run_state_machine_as_test(machine, settings=limits)


def test_any_sequence_leaves_what_was_said() -> None:
    run(4, 15)


@pytest.mark.slow  # long sequences
def test_many_sequences_leave_what_was_said() -> None:
    run(25, 30)


@pytest.mark.slow  # PostgreSQL
def test_any_sequence_leaves_what_was_said_in_postgresql(postgres_server: Server) -> None:
    run(6, 25, postgres_server.empty_database())
