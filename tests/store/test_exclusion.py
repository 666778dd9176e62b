"""Raters who do not count: for now, or for good."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import event
from stores import Clock, filled, say

from prefgym.store.errors import StoreRefusal, StoreUnavailable
from prefgym.store.store import Store


def test_an_excluded_raters_answers_fail_and_come_back(store: Store) -> None:
    one = filled(store, 3)
    ada, ben = one.joined(2)
    for rater, num in ((ada, 2), (ben, 1)):
        for got in store.assign(rater, num):
            say(store, rater, got)
    before = store.answers(one.study)
    newest = before[-1].event
    assert [row.rater for row in before] == ["rater-1", "rater-1", "rater-2"]
    assert store.num_waiting(one.study) == 0

    store.exclude(ada, True, "boss")
    store.exclude(ada, True, "boss")  # changes nothing
    gone = store.answers(one.study, newest)
    assert [(row.question, row.revision, row.status, row.statement) for row in gone] == [
        (before[0].question, 1, "failed", {}),
        (before[1].question, 1, "failed", {}),
    ]
    assert store.num_waiting(one.study) == 2, "others are asked in the place of the excluded one"
    assert len(store.assign(ben, 5)) == 2
    assert store.assign(ada, 5) == []
    assert [(line.type, line.by) for line in store.log(one.study, newest)] == [("exclude", "boss")]
    assert store.progress(one.study).raters[0].num_answers == 2
    assert store.progress(one.study).num_answers == 1

    store.exclude(ada, False, "boss")
    back = store.answers(one.study, gone[-1].event)
    assert [(row.revision, row.status, row.statement) for row in back] == [
        (2, "answered", before[0].statement),
        (2, "answered", before[1].statement),
    ]
    assert store.num_waiting(one.study) == 0
    assert [row.revision for row in store.answers(one.study)] == [0, 2, 2]


def test_what_an_excluded_rater_says_counts_once_it_is_reinstated(store: Store) -> None:
    one = filled(store, 3)
    (ada,) = one.joined(1)
    first, second = store.assign(ada, 2)
    say(store, ada, first)
    store.exclude(ada, True, "boss")
    say(store, ada, first, "amend", {"strength": 1.0})
    say(store, ada, second)
    assert [(row.revision, row.status) for row in store.answers(one.study)] == [(1, "failed")]
    store.exclude(ada, False, "boss")
    rows = store.answers(one.study)
    assert [(row.revision, row.status) for row in rows] == [(2, "answered"), (0, "answered")]
    assert rows[0].statement["strength"] == 1.0


def test_the_leases_of_an_excluded_rater_are_free(store: Store) -> None:
    one = filled(store, 2)
    ada, ben = one.joined(2)
    store.assign(ada, 2)
    assert store.assign(ben, 2) == []
    store.exclude(ada, True, "boss")
    assert len(store.assign(ben, 2)) == 2


def test_withdrawal_leaves_counts(store: Store, clock: Clock) -> None:
    one = filled(store, 3, overlap=2)
    token = store.invite(one.study, name="ada")
    ada = store.join(token, "P1").id
    (ben,) = one.joined(1)
    login = store.open_login(ada)
    store.consent(ada)
    first, second, third = store.assign(ada, 3)
    say(store, ada, first)
    say(store, ada, first, "amend", {"strength": 1.0})
    say(store, ada, second)
    say(store, ada, third)
    say(store, ada, third, "retract")
    say(store, ben, store.assign(ben, 1)[0])
    newest = store.answers(one.study)[-1].event
    store.withdraw(ada)
    store.withdraw(ada)

    gone = store.answers(one.study, newest)
    assert [(row.question, row.rater, row.revision, row.status, row.statement) for row in gone] == [
        (first.question, "ada", 2, "failed", {}),
        (second.question, "ada", 1, "failed", {}),
        (third.question, "ada", 2, "failed", {}),
    ]
    assert all(row.shown_order == (0, 1) and row.at == row.seconds == 0 and not row.provenance for row in gone)
    rater = store.rater(ada)
    assert (rater.withdrawn, rater.participant, rater.consented) == (True, None, False)
    assert store.login(login) is None
    assert store.history(ada) == []
    mine = next(row for row in store.progress(one.study).raters if row.id == ada)
    assert (mine.num_answers, mine.withdrawn, mine.median_seconds) == (2, True, None)
    assert store.invitations(one.study)[0].name is None
    assert store.num_waiting(one.study) == 3
    for refused in (
        lambda: store.assign(ada, 1),
        lambda: say(store, ada, first),
        lambda: store.open_login(ada),
        lambda: store.exclude(ada, True, "boss"),
    ):
        with pytest.raises(StoreRefusal) as caught:
            refused()
        assert caught.value.code == "withdrawn"
    assert not store.join(store.invite(one.study), "P1").is_returning, "nobody knows any longer who that was"
    # numbers of erased events are not given again
    assert say(store, ben, store.assign(ben, 1)[0]).event > gone[-1].event


def test_who_heard_nothing_before_the_withdrawal_hears_of_it(store: Store) -> None:
    one = filled(store, 1)
    (ada,) = one.joined(1)
    say(store, ada, store.assign(ada, 1)[0])
    heard = store.answers(one.study)[-1].event
    store.exclude(ada, True, "boss")  # which leaves no trace either
    store.withdraw(ada)
    assert [(row.revision, row.status) for row in store.answers(one.study, heard)] == [(2, "failed")]
    assert store.progress(one.study).raters[0].num_answers == 1  # also of somebody who was excluded


def test_nothing_that_was_said_is_left_in_the_files(tmp_path: Path) -> None:
    """Whatever page of the file it was on, and while the store is open."""
    path = tmp_path / "labels.sqlite"
    secrets = [b"participant-0815", b"very personal", b"Mozilla/5.0 of Ada", b"Ada Lovelace", b"0.3141592"]
    with Store.open(str(path)) as store:
        one = filled(store, 40)
        ada = store.join(store.invite(one.study, name="Ada Lovelace"), "participant-0815").id
        (ben,) = one.joined(1)
        for number, got in enumerate(store.assign(ada, 20)):
            say(store, ada, got, "note", {"text": f"very personal {number} " + "x" * (400 * number)})
            say(
                store, ada, got, statement={"choice": 0, "strength": 0.3141592}, provenance={"ua": "Mozilla/5.0 of Ada"}
            )
            if number % 3 == 0:
                say(store, ada, got, "retract")
        for got in store.assign(ben, 5):
            say(store, ben, got, "note", {"text": "impersonal"})
        said = b"".join(file.read_bytes() for file in tmp_path.glob("labels.sqlite*"))
        assert all(secret in said for secret in secrets)
        store.withdraw(ada)
        left = b"".join(file.read_bytes() for file in tmp_path.glob("labels.sqlite*"))
        # the pseudonym stays, since run logs name it: who runs a study gives no real names
        assert [secret for secret in secrets if secret in left] == [b"Ada Lovelace"]
        assert b"impersonal" in left


READS = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN")
connection.execute("SELECT count(*) FROM events").fetchone()
print("reading", flush=True)
sys.stdin.readline()
connection.execute("COMMIT")
"""


def left_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.glob("labels.sqlite*"))


@pytest.mark.parametrize("then", ["write", "open"])
def test_a_withdrawal_does_not_wait_for_who_reads_an_older_state(then: str, tmp_path: Path) -> None:
    """The log has the bytes while somebody reads; the next write, or the next opening, empties it."""
    path = tmp_path / "labels.sqlite"
    with Store.open(str(path)) as store:
        one = filled(store, 5)
        (ada,) = one.joined(1)
        say(store, ada, store.assign(ada, 1)[0], "note", {"text": "very personal"})
        command = [sys.executable, "-c", READS, str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
            assert reader.stdin is not None
            assert reader.stdout is not None
            assert reader.stdout.readline() == "reading\n"
            store.pause(one.study, False)  # so that what is read is an older state
            store.withdraw(ada)
            assert store.rater(ada).withdrawn
            assert b"very personal" in left_in(tmp_path), "this test shows nothing otherwise"
            store.pause(one.study, True)  # tries in vain
            reader.stdin.write("\n")
            reader.stdin.flush()
        if then == "write":
            store.pause(one.study, False)
        else:
            Store.open(str(path)).close()
        assert b"very personal" not in left_in(tmp_path)


def test_what_is_wrong_with_the_log_is_told(tmp_path: Path) -> None:
    """In one sentence where the log is emptied for its own sake; a withdrawal that is on the disk is none the less."""
    path = tmp_path / "labels.sqlite"
    with Store.open(str(path)) as store:
        one = filled(store, 1)
        (ada,) = one.joined(1)
        store.database.engine.dispose()

        def deny(connection: sqlite3.Connection, _: object) -> None:
            connection.set_authorizer(no_checkpoint)

        event.listen(store.database.engine, "connect", deny)
        with pytest.raises(StoreUnavailable, match="cannot be used: not authorized"):
            store.database.empty_log()
        store.withdraw(ada)
        assert store.rater(ada).withdrawn


def no_checkpoint(action: int, name: str | None, *_: object) -> int:
    is_checkpoint = action == sqlite3.SQLITE_PRAGMA and name == "wal_checkpoint"
    return sqlite3.SQLITE_DENY if is_checkpoint else sqlite3.SQLITE_OK
