"""Twenty questions by keyboard alone, taken back, offline, reloaded while offline: twenty answers in the store."""

from pathlib import Path

import pytest
from label_page import OFFLINE, Sat, Served, seated, served
from playwright.sync_api import Browser

NUM = 20
KEYS: dict[str, list[tuple[str, ...]]] = {
    "comparison": [("a",), ("d",), ("s",), ("x",), ("Shift+D",)],
    "ranking": [("1", "3", "2", "Enter"), ("2", "Shift+3", "1", "Enter"), ("4", "1", "2", "Enter"), ("x",)],
    "rating": [("1",), ("5",), ("3",), ("x",)],
    "thumbs": [("a",), ("s",), ("d",), ("x",)],
    "mark": [("a", "Enter"), ("Enter",), ("d", "Enter"), ("x",)],
    "live": [("a", "Enter"), ("d", "Enter"), ("Enter",), ("x",)],
}
FIRST: dict[str, object] = {
    "ranking": {"rank": [0, 2, 1, 3]},
    "rating": {"level": 0},
    "thumbs": {"reaction": "good"},
}


def answer_all(sat: Sat, kind: str, numbers: range) -> None:
    for number in numbers:
        sat.answer(*KEYS[kind][number % len(KEYS[kind])])


def undo(sat: Sat, served: Served, num: int) -> None:
    """Take the newest answers back, and wait for the server."""
    for _ in range(num):
        sat.press("z")
    sat.saved()
    assert served.events()[-num:] == ["retract"] * num


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(KEYS))
def test_twenty_questions(browser: Browser, tmp_path: Path, kind: str) -> None:
    with served(tmp_path, kind, NUM) as study, seated(browser, study.link("Kim"), allowed=OFFLINE) as sat:
        sat.fast()
        answer_all(sat, kind, range(8))
        undo(sat, study, 2)
        answer_all(sat, kind, range(6, 10))
        sat.saved()
        assert len(study.answers()) == 10
        sat.wait("prefgym.app.feed.queue.every(({ id }) => prefgym.app.feed.ready.has(id))", "the next ones")
        sat.wait("navigator.serviceWorker.controller && prefgym.app.isKept", "a service worker that has the page")

        sat.page.context.set_offline(True)
        answer_all(sat, kind, range(10, 12))
        sat.wait("prefgym.app.outbox.state === 'offline'")
        assert "Offline, 2 kept here" in sat.text(".saving")
        before = sat.query()
        sat.page.reload()
        sat.ready()
        assert sat.query() == before, "a reload goes on at the first unanswered question"
        sat.press("z")  # what was answered before the reload
        answer_all(sat, kind, range(11, 12))
        assert len(study.answers()) == 10, "nothing has reached the server"

        sat.page.context.set_offline(False)
        sat.saved()
        answer_all(sat, kind, range(12, NUM))
        sat.saved()
        answers = study.answers()
        assert len(answers) == NUM
        assert study.events().count("retract") == 3
        assert study.events().count("answer") == NUM + 3
        if kind in FIRST:
            assert answers[0].status == "answered"
            assert answers[0].provenance["client"].startswith("prefgym-page/")
