"""Sessions in which nobody answers, or late: it is said, and a session can wait."""

import re
from collections.abc import Callable

import pytest
import torch
from tiny import tiny_run

import prefgym
from prefgym.core.preferences import Comparison, Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.runs.answer_log import AnswerLog
from prefgym.testing import LateRater, LateRaterCfg
from prefgym.training import sessions
from prefgym.training.budget import ScheduleCfg


def decline(queries: Queries) -> Preferences:
    """Decline every query."""
    chosen, skipped = torch.zeros(len(queries), dtype=torch.long), torch.ones(len(queries), dtype=torch.bool)
    answers = Comparison.of(chosen, queries.num_options, skipped=skipped)
    return Preferences.of(queries, answers, RaterInfo(name="decline"))


def late(delay: int, lost: float = 0.0) -> Callable[[], LateRater]:
    """Make an oracle whose answers come late."""
    return lambda: LateRater(prefgym.raters.make("oracle"), LateRaterCfg(delay=delay, lost=lost, twice=0.0))


def test_a_rater_that_declines_everything_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """At the first session, and at the end."""
    tiny_run(rater=decline, report=False, out="run")
    error = capsys.readouterr().err
    assert "warning: none of 5 queries has been answered: 5 came back without an answer, and 0 did not come" in error
    assert re.search(r"\nnothing was learned: the rater \S*decline answered none of 10 queries\n$", error)


def test_a_rater_that_answers_too_late_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """At the second session, since the first answers take their time; and how to wait."""
    tiny_run(rater=late(0, lost=1.0)(), report=False, out="run")
    error = capsys.readouterr().err
    assert "none of 5 queries" not in error
    assert "warning: none of 10 queries has been answered: 0 came back without an answer, and 10 did not come" in error
    assert "10 of 10 queries have no answer yet: --schedule.wait-minutes N has each session wait for them" in error
    assert "nothing was learned: the rater LateRater() answered none of 10 queries" in error


def test_a_session_can_wait(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is learned is then the same, however late the answers are."""
    monkeypatch.setattr(sessions, "WAIT_S", 0.0)
    patient = ScheduleCfg(num_sessions=2, wait_minutes=10.0)
    waited = tiny_run(rater=late(30)(), schedule=patient, report=False, out="late")
    error = capsys.readouterr().err
    assert "waiting for" in error and "answers, at most 10 minutes" in error and "no answer yet" not in error
    assert waited.result.num_answered == 10
    asked_at = (waited.preferences or pytest.fail("no answers")).queries.asked_at.tolist()
    log = AnswerLog(waited.path / "preferences" / "answers.sqlite").read()
    assert {row.used_at for row in log} == {*asked_at}


def test_waiting_ends(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "WAIT_S", 0.0)
    brief = ScheduleCfg(num_sessions=2, wait_minutes=1e-4)
    tiny_run(rater=late(0, lost=1.0)(), schedule=brief, report=False, out="run")
    assert "nothing was learned" in capsys.readouterr().err
