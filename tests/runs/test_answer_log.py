"""The log of answers: appended to, never changed, and never silently wrong."""

import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from prefgym.common.errors import DamageError, UserError
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Comparison
from prefgym.core.preferences import Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.runs import answer_log, answer_log_1
from prefgym.runs.answer_log import AnswerLog
from prefgym.runs.answers import Answer, shown_sum, sum_of
from prefgym.testing import example_segments

FILE = Path("preferences/answers.sqlite")


def answered(first_id: int, chosen: int = 0) -> Feedback:
    """Make three answers: a choice, a tie and a skip."""
    queries = Queries.of(example_segments(3, 2), first_id=first_id, asked_at=10)
    tie, skipped = torch.tensor([False, True, False]), torch.tensor([False, False, True])
    answers = Comparison.of(torch.tensor([chosen, 0, 0]), 2, tie=tie, skipped=skipped)
    return Feedback.of(Preferences.of(queries, answers, RaterInfo(name="me", settings={"beta": 2.0})))


def test_answers_are_written_in_plain_values() -> None:
    """As anybody with SQLite reads them."""
    AnswerLog(FILE).append(answered(5), used_at=12)
    with closing(sqlite3.connect(FILE)) as connection:
        names = "query_id, kind, criterion, status, statement, rater, shown_order, seconds, asked_at, used_at"
        rows = connection.execute(f"SELECT {names} FROM answers").fetchall()
    rater = '{"kind": "simulated", "name": "me", "settings": {"beta": 2.0}}'
    assert rows == [
        (number, "comparison", "better", status, stated, rater, "[0, 1]", 0.0, 10, 12)
        for number, status, stated in (
            (5, "answered", '{"choice": [1.0, 0.0], "strength": 0.0, "tie": false}'),
            (6, "answered", '{"choice": [0.5, 0.5], "strength": 0.0, "tie": true}'),
            (7, "skipped", '{"choice": [0.0, 0.0], "strength": 0.0, "tie": false}'),
        )
    ]


def test_an_answer_is_written_once() -> None:
    """What a resumed run asks and hears again is known, and what was answered first counts, whatever it hears now."""
    log = AnswerLog(FILE)
    first = answered(0)
    assert log.append(first, used_at=12) is first
    assert log.append(first, used_at=20) is first
    counted = log.append(Feedback.cat([answered(0, chosen=1), answered(3, chosen=1)]), used_at=20)
    assert [(row.query_id, row.used_at) for row in log.read()] == [
        *((n, 12) for n in range(3)),
        *((n, 20) for n in range(3, 6)),
    ]
    assert counted.answers.choice[[0, 3]].tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert torch.equal(counted.queries.options.action[:3], first.queries.options.action)


@pytest.mark.parametrize("change", ["UPDATE answers SET status = 1", "DELETE FROM answers"])
def test_nothing_is_changed_or_deleted(change: str) -> None:
    AnswerLog(FILE).append(answered(0), used_at=12)
    with closing(sqlite3.connect(FILE)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute(change)


def test_what_a_checkpoint_knows_must_be_there() -> None:
    """Later answers may be, earlier ones must; before the first there is no file."""
    log = AnswerLog(FILE)
    log.check(None)
    log.append(answered(0), used_at=12)
    log.append(answered(3), used_at=20)
    log.check(answered(0))
    log.check(answered(3))
    with pytest.raises(UserError, match="is damaged: answers are missing"):
        log.check(answered(6))
    FILE.unlink()
    with pytest.raises(UserError, match=r"answers\.sqlite is missing; prefgym .* --resume-from previous"):
        log.check(answered(0))


def test_a_lost_log_is_written_again(capsys: pytest.CaptureFixture[str]) -> None:
    """All but when the answers were used is known; what was there is kept under another name, each time another."""
    log = AnswerLog(FILE)
    log.append(answered(0), used_at=12)
    before = log.read()
    for name in ("answers.sqlite.damaged", "answers.sqlite.damaged-2"):
        FILE.write_bytes(FILE.read_bytes()[:5000])
        with pytest.raises(UserError, match="is damaged"):
            log.check(answered(0))
        log.check(answered(0), mend=True)
        assert f"it is set aside as {name}\n" in capsys.readouterr().err
        assert log.read() == [replace(answer, used_at=None, created_at=None) for answer in before]
        log.check(answered(0))  # what was mended is whole
        assert (FILE.parent / name).is_file()


def test_a_log_that_is_in_use_is_not_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program holds it: nothing is set aside."""
    log = AnswerLog(FILE)
    log.append(answered(0), used_at=12)
    monkeypatch.setattr(answer_log, "READING_PATIENCE_S", 0.1)
    with closing(sqlite3.connect(FILE)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UserError, match="cannot be read: database is locked"):
            log.check(answered(0), mend=True)
    log.check(answered(0))


def test_an_answer_waits_for_a_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """One who looks into the log for a while does not end a run; one who never goes does."""
    log = AnswerLog(FILE)
    log.append(answered(0), used_at=12)
    with closing(sqlite3.connect(FILE)) as other, ThreadPoolExecutor(1) as pool:
        other.execute("BEGIN")
        other.execute("SELECT * FROM answers").fetchone()
        written = pool.submit(log.append, answered(3), 13)
        while not FILE.with_name(f"{FILE.name}-journal").exists():
            assert not written.done()  # from here on it waits
        other.rollback()
        written.result()
        assert len(log.read()) == 6
        other.execute("BEGIN")
        other.execute("SELECT * FROM answers").fetchone()
        monkeypatch.setattr(answer_log, "PATIENCE_S", 0.1)
        with pytest.raises(UserError, match="cannot be written: database is locked"):
            log.append(answered(6), used_at=14)


@pytest.mark.parametrize("every", [25, pytest.param(5, marks=pytest.mark.slow)])
def test_no_flipped_bit_goes_unseen(every: int) -> None:
    """Each bit of one byte in so many that are not empty: told, or all answers are read as they were written."""
    log = AnswerLog(FILE)
    log.append(answered(0), used_at=12)
    before, whole = log.read(), FILE.read_bytes()
    num_told = 0
    for at in [at for at, byte in enumerate(whole) if byte][::every]:
        for bit in range(8):
            FILE.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
            num_told += is_told(log, before)
    assert num_told > 10_000 / every


def test_no_cut_goes_unseen() -> None:
    """200 of them."""
    log = AnswerLog(FILE)
    log.append(answered(0), used_at=12)
    before, whole = log.read(), FILE.read_bytes()
    generator = np.random.default_rng(0)
    num_told = 0
    for _ in range(200):
        FILE.write_bytes(whole[: generator.integers(len(whole))])
        num_told += is_told(log, before)
    assert num_told > 190


def is_told(log: AnswerLog, before: list[Answer]) -> bool:
    """Say whether damage is told; otherwise nothing has changed."""
    try:
        log.check(answered(0))
        assert log.read() == before
    except DamageError as error:
        assert f"{FILE} is damaged" in str(error)
        return True
    return False


def test_a_log_of_an_earlier_version_is_read_and_written_on() -> None:
    """Its rows keep their order and the time of their use; the ids are those of today, and the last answer counts."""
    FILE.parent.mkdir()
    rater = '{"kind": "simulated", "name": "me", "settings": {"beta": 2.0}}'
    shown = [shown_sum(answered(0).queries.options[row]) for row in range(3)]
    told = (("answered", "[1.0, 0.0]", 0), ("answered", "[0.5, 0.5]", 1), ("skipped", "[0.0, 0.0]", 0))
    with closing(sqlite3.connect(FILE)) as connection, connection:
        connection.executescript(answer_log_1.SCHEMA)
        for number, values in (*enumerate(told), (0, ("answered", "[0.0, 1.0]", 0))):
            row = (number, *values, rater, "[0, 1]", 0.0, 10, shown[number], 12, "2026-11-21T00:00:00.000+00:00")
            connection.execute(f"INSERT INTO answers VALUES ({', '.join('?' * 13)})", (sum_of(row), *row, sum_of(row)))
    log = AnswerLog(FILE)
    before = log.read()
    log.check(answered(0))
    assert [(row.query_id, row.status, row.used_at) for row in before] == [
        (0, "answered", 12), (1, "answered", 12), (2, "skipped", 12)
    ]  # fmt: skip
    assert '"choice": [0.0, 1.0]' in before[0].statement
    log.append(answered(3), used_at=20)
    assert log.read()[:3] == before and len(log.read()) == 6
    log.check(Feedback.cat([answered(0), answered(3)]))
    with closing(sqlite3.connect(FILE)) as connection, connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute("DELETE FROM answers")


def test_a_kill_while_answers_are_written_leaves_all_or_none() -> None:
    """The journal of a transaction that was cut off is beside the file, as SQLite leaves it."""
    log = AnswerLog(FILE)
    log.append(answered(0), used_at=12)
    before = log.read()
    connection = sqlite3.connect(FILE)
    connection.execute("PRAGMA cache_spill = 1")
    connection.execute("INSERT INTO answers (event_id, statement) SELECT 'x', hex(zeroblob(100000))")
    shutil.copytree("preferences", "killed")
    connection.close()
    assert AnswerLog(Path("killed/answers.sqlite")).read() == before
