"""The log of answers: appended to, never changed, and never silently wrong."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from prefgym.answer_log import AnswerLog
from prefgym.config import UserError
from prefgym.preferences import Answers, Preferences, RaterInfo
from prefgym.queries import Queries
from prefgym.testing import example_segments

FILE = Path("preferences/answers.sqlite")


def answered(first_id: int, chosen: int = 0) -> Preferences:
    """Make three answers: a choice, a tie and a skip."""
    queries = Queries.of(example_segments(3, 2), first_id=first_id, asked_at=10)
    tie, skipped = torch.tensor([False, True, False]), torch.tensor([False, False, True])
    answers = Answers.of(torch.tensor([chosen, 0, 0]), 2, tie=tie, skipped=skipped)
    return Preferences.of(queries, answers, RaterInfo(name="me", settings={"beta": 2.0}))


def test_answers_are_written_in_plain_values() -> None:
    """As anybody with SQLite reads them."""
    AnswerLog(FILE).append(answered(5), used_at=12)
    with closing(sqlite3.connect(FILE)) as connection:
        names = "query_id, status, choice, tie, rater, shown_order, seconds, asked_at, used_at"
        rows = connection.execute(f"SELECT {names} FROM answers").fetchall()
    rater = '{"name": "me", "settings": {"beta": 2.0}}'
    assert rows == [
        (5, "answered", "[1.0, 0.0]", 0, rater, "[0, 1]", 0.0, 10, 12),
        (6, "answered", "[0.5, 0.5]", 1, rater, "[0, 1]", 0.0, 10, 12),
        (7, "skipped", "[0.0, 0.0]", 0, rater, "[0, 1]", 0.0, 10, 12),
    ]


def test_an_answer_is_written_once() -> None:
    """What a resumed run asks and hears again is known; another answer to the same question is another row."""
    log = AnswerLog(FILE)
    log.append(answered(0), used_at=12)
    log.append(answered(0), used_at=20)
    assert [(row.query_id, row.used_at) for row in log.read()] == [(0, 12), (1, 12), (2, 12)]
    log.append(answered(0, chosen=1), used_at=20)
    assert [(row.query_id, row.choice, row.used_at) for row in log.read()[3:]] == [(0, "[0.0, 1.0]", 20)]


@pytest.mark.parametrize("change", ["UPDATE answers SET tie = 1", "DELETE FROM answers"])
def test_nothing_is_changed_or_deleted(change: str) -> None:
    AnswerLog(FILE).append(answered(0), used_at=12)
    with closing(sqlite3.connect(FILE)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute(change)


def test_what_a_checkpoint_knows_must_be_there() -> None:
    """Later answers may be; earlier ones must, in their order; before the first there is no file."""
    log = AnswerLog(FILE)
    log.rewind(log.state_dict(), None)
    log.append(answered(0), used_at=12)
    state = log.state_dict()
    log.append(answered(3), used_at=20)
    log.rewind(state, answered(0))
    assert len(log.read()) == 6
    with pytest.raises(UserError, match="is damaged: answers are missing"):
        log.rewind({**log.state_dict(), "rows": 7, "sha256": "0"}, None)
    FILE.unlink()
    with pytest.raises(UserError, match=r"answers\.sqlite is missing; prefgym .* --resume-from previous"):
        log.rewind(state, answered(0))


def test_a_lost_log_is_written_again(capsys: pytest.CaptureFixture[str]) -> None:
    """All but when the answers were used is known; what was there is kept under another name."""
    log = AnswerLog(FILE)
    log.append(answered(0), used_at=12)
    state, before = log.state_dict(), log.read()
    FILE.write_bytes(FILE.read_bytes()[:5000])
    with pytest.raises(UserError, match="is damaged"):
        log.rewind(state, answered(0))
    log.rewind(state, answered(0), mend=True)
    assert "it is set aside as answers.sqlite.damaged" in capsys.readouterr().err
    assert log.read() == [replace(answer, used_at=None, created_at=None) for answer in before]
    assert sorted(path.name for path in FILE.parent.iterdir()) == ["answers.sqlite", "answers.sqlite.damaged"]


@pytest.mark.parametrize("damage", ["flip", "cut"])
def test_no_damage_goes_unseen(damage: str) -> None:
    """Of 200 flipped bits and 200 cuts, each is told, or all answers are read as they were written."""
    log = AnswerLog(FILE)
    log.append(answered(0), used_at=12)
    state, before, whole = log.state_dict(), log.read(), FILE.read_bytes()
    generator = np.random.default_rng(0)
    num_told = 0
    for _ in range(200):
        at = int(generator.integers(len(whole)))
        flipped = whole[:at] + bytes([whole[at] ^ 1 << int(generator.integers(8))]) + whole[at + 1 :]
        FILE.write_bytes(flipped if damage == "flip" else whole[:at])
        try:
            log.rewind(state, None)
            assert log.read() == before
        except UserError as error:
            assert f"{FILE} is damaged" in str(error)
            num_told += 1
    assert num_told > (190 if damage == "cut" else 10)  # most of an SQLite file is empty


def test_a_kill_while_answers_are_written_leaves_all_or_none() -> None:
    """The journal of a transaction that was cut off is beside the file, as SQLite leaves it."""
    log = AnswerLog(FILE)
    log.append(answered(0), used_at=12)
    before = log.read()
    connection = sqlite3.connect(FILE)
    connection.execute("PRAGMA cache_spill = 1")
    connection.execute("INSERT INTO answers (event_id, choice) SELECT 'x', hex(zeroblob(100000))")
    shutil.copytree("preferences", "killed")
    connection.close()
    assert AnswerLog(Path("killed/answers.sqlite")).read() == before
