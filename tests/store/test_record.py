"""Events: once, in order, and only what fits."""

from dataclasses import replace
from typing import Any

import pytest
from stores import START, Clock, filled, new_event, say

from prefgym.store.errors import StoreRefusal
from prefgym.store.records import NewEvent
from prefgym.store.store import Store


def refused(store: Store, rater: str, event: NewEvent) -> str:
    with pytest.raises(StoreRefusal) as caught:
        store.record(rater, event)
    return caught.value.code


def test_an_event_is_recorded_once_however_often_it_is_sent(store: Store) -> None:
    one = filled(store)
    (ada,) = one.joined(1)
    (got,) = store.assign(ada, 1)
    event = new_event(got, seconds=3.5)
    first, second = store.record(ada, event), store.record(ada, event)
    assert first.is_new
    assert not second.is_new
    assert first.event == second.event
    assert len(store.answers(one.study)) == len(store.history(ada)) == 1
    say(store, ada, got, "retract")
    assert not store.record(ada, event).is_new, "sent again after it was taken back, it does not count again"
    assert store.answers(one.study)[0].status == "failed"


def test_a_second_answer_is_refused(store: Store) -> None:
    one = filled(store)
    (ada,) = one.joined(1)
    (got,) = store.assign(ada, 1)
    say(store, ada, got)
    assert refused(store, ada, new_event(got, statement={"choice": 1})) == "already-answered"
    assert len(store.answers(one.study)) == 1


def test_answers_of_others_cannot_be_touched(store: Store) -> None:
    one = filled(store)
    ada, ben = one.joined(2)
    (got,) = store.assign(ada, 1)
    for event in (new_event(got), new_event(got, "note", {"text": "x"}), new_event("no such assignment")):
        assert refused(store, ben, event) == "unknown-assignment"
    assert store.history(ben) == []
    same = new_event(got)
    store.record(ada, same)
    (other,) = store.assign(ben, 1)
    assert store.record(ben, replace(same, assignment=other.id)).is_new, "a client_id belongs to its rater"


def test_a_client_id_is_for_one_event(store: Store) -> None:
    one = filled(store)
    (ada,) = one.joined(1)
    first, second = store.assign(ada, 2)
    event = new_event(first)
    store.record(ada, event)
    assert refused(store, ada, replace(event, assignment=second.id)) == "client-id"


def test_what_was_said_about_places_comes_out_about_options(store: Store) -> None:
    one = filled(store, 12)
    (ada,) = one.joined(1)
    shown = {got.question: got for got in store.assign(ada, 12)}
    for got in shown.values():
        say(store, ada, got, statement={"choice": 0, "strength": 0.5}, seconds=2.0, provenance={"speed": 1})
    given = store.answers(one.study)
    assert {row.statement["choice"] for row in given} == {0, 1}
    for row in given:
        assert row.statement == {"choice": shown[row.question].shown_order[0], "strength": 0.5}
        assert (row.seconds, row.provenance, row.at) == (2.0, {"speed": 1}, START)
        assert (row.query_id, row.asked_at) == (row.question - one.questions[0], 100 * row.query_id)


def test_amendments_supersede_and_retractions_take_all_back(store: Store) -> None:
    one = filled(store)
    (ada,) = one.joined(1)
    (got,) = store.assign(ada, 1)
    seen: list[tuple[int, str, Any]] = []
    for event in (
        new_event(got, statement={"choice": 1}, seconds=2.0),
        new_event(got, "amend", {"strength": 0.25}, seconds=1.0),
        new_event(got, "amend", {"choice": "tie"}),
        new_event(got, "amend", status="skipped"),
        new_event(got, "retract"),
        new_event(got, statement={"choice": 1}),
    ):
        number = store.record(ada, event).event
        (row,) = store.answers(one.study)
        assert row.event == number
        seen.append((row.revision, row.status, row.statement))
    chosen = got.shown_order[1]
    assert seen == [
        (0, "answered", {"choice": chosen}),
        (1, "answered", {"choice": chosen, "strength": 0.25}),
        (2, "answered", {"choice": "tie"}),
        (3, "skipped", {}),
        (4, "failed", {}),
        (5, "answered", {"choice": chosen}),
    ]
    assert [event.type for event in store.history(ada)] == ["answer", "amend", "amend", "amend", "retract", "answer"]


def test_only_what_is_there_can_be_changed(store: Store) -> None:
    one = filled(store)
    (ada,) = one.joined(1)
    (got,) = store.assign(ada, 1)
    assert refused(store, ada, new_event(got, "amend", {"strength": 1})) == "not-answered"
    assert refused(store, ada, new_event(got, "retract")) == "not-answered"
    say(store, ada, got, statement={"choice": "tie"})
    assert refused(store, ada, new_event(got, "amend", {"strength": 1})) == "bad-statement"


def test_a_late_answer_is_kept(store: Store, clock: Clock) -> None:
    one = filled(store, 1, lease_s=60)
    ada, ben = one.joined(2)
    (got,) = store.assign(ada, 1)
    clock.now += 3600
    (other,) = store.assign(ben, 1)
    say(store, ada, got)
    say(store, ben, other)
    assert len(store.answers(one.study)) == 2


def test_a_clock_that_is_set_back_breaks_no_order(store: Store, clock: Clock) -> None:
    one = filled(store)
    (ada,) = one.joined(1)
    first, second = store.assign(ada, 2)
    say(store, ada, first)
    clock.now -= 1000
    say(store, ada, first, "amend", {"strength": 1.0})
    clock.now -= 1000
    say(store, ada, second)
    assert [row.revision for row in store.answers(one.study)] == [1, 0]
    assert [event.type for event in store.history(ada)] == ["answer", "amend", "answer"]
    assert [event.at for event in store.history(ada)] == [START, START - 1000, START - 2000]
    assert store.answers(one.study)[0].statement["strength"] == 1.0
    assert store.progress(one.study).raters[0].last_seen == START - 2000


def test_notes_change_nothing_and_are_in_the_log(store: Store) -> None:
    one = filled(store)
    (ada,) = one.joined(1)
    (got,) = store.assign(ada, 1)
    text = "<b>\0 \ud800 \u202e"  # a lone half of a character, and what PostgreSQL has no text for
    say(store, ada, got, "note", {"text": text})
    assert store.answers(one.study) == []
    assert store.log(one.study)[0].statement == store.history(ada)[0].statement == {"text": text}
    assert [row.id for row in store.assign(ada, 1)] == [got.id]


def test_presses_one_by_one_are_part_of_the_answer(store: Store) -> None:
    one = filled(store, kind="live")
    (ada,) = one.joined(1)
    (got,) = store.assign(ada, 1)
    say(store, ada, got, "press", {"step": 7.5, "good": False})
    say(store, ada, got, "press", {"step": 2, "good": True})
    assert store.answers(one.study) == []
    say(store, ada, got, statement={"presses": []})
    (row,) = store.answers(one.study)
    assert row.statement == {"presses": [{"step": 2.0, "good": True}, {"step": 7.5, "good": False}]}
    assert refused(store, ada, new_event(got, "press", {"step": 3, "good": True})) == "already-answered"


def test_practice_answers_are_told_whether_they_are_right(store: Store) -> None:
    one = filled(store, 1, num_practice=2, practice=2)
    (ada,) = one.joined(1)
    first, second, third = store.assign(ada, 3)
    right = say(store, ada, first, statement={"choice": first.shown_order.index(0)})
    wrong = say(store, ada, second, statement={"choice": second.shown_order.index(1)})
    assert (right.practice, right.is_right, right.text) == (True, True, "It stands.")
    assert (wrong.practice, wrong.is_right) == (True, False)
    plain = say(store, ada, third)
    assert (plain.practice, plain.is_right, plain.text) == (False, None, "")
    assert [row.practice for row in store.answers(one.study)] == [True, True, False]


def test_gold_is_told_apart_and_nobody_is_told(store: Store) -> None:
    one = filled(store, 1, num_gold=1, gold_share=1.0)
    (ada,) = one.joined(1)
    gold = store.assign(ada, 1)[0]
    receipt = say(store, ada, gold, statement={"choice": gold.shown_order.index(0)})
    assert (receipt.practice, receipt.is_right, receipt.text) == (False, None, "")
    assert store.answers(one.study)[0].gold
    (mine,) = store.progress(one.study).raters
    assert (mine.gold_right, mine.gold_asked) == (1, 1)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"client_id": "1"}, "bad-event"),
        ({"client_id": "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"}, "bad-event"),
        ({"type": "exclude"}, "bad-event"),
        ({"status": "great"}, "bad-event"),
        ({"status": "skipped"}, "bad-statement"),
        ({"seconds": float("nan")}, "bad-event"),
        ({"seconds": -1.0}, "bad-event"),
        ({"seconds": 10**400}, "bad-event"),
        ({"provenance": {"fps": float("inf")}}, "bad-event"),
        ({"provenance": {"key": "x" * 60_000}}, "bad-event"),
        ({"provenance": {"key": b""}}, "bad-event"),
        ({"statement": {"choice": 2}}, "bad-statement"),
        ({"type": "press", "statement": {"step": 1, "good": True}}, "bad-event"),
        ({"type": "note", "statement": {"text": "  "}}, "bad-statement"),
        ({"type": "note", "statement": {"text": "x" * 10_001}}, "bad-statement"),
        ({"type": "note", "statement": {}}, "bad-statement"),
    ],
)
def test_what_is_no_event_is_refused(store: Store, change: dict[str, Any], code: str) -> None:
    one = filled(store)
    (ada,) = one.joined(1)
    (got,) = store.assign(ada, 1)
    assert refused(store, ada, replace(new_event(got), **change)) == code
    assert store.history(ada) == []
