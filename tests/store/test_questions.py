"""Segments and questions, each stored once."""

import hashlib

import pytest
from stores import filled, say

from prefgym.common.errors import UserError
from prefgym.store.errors import StoreRefusal
from prefgym.store.records import NewQuestion, NewSegment
from prefgym.store.store import Store
from prefgym.store.study import StudyCfg


def test_segments_and_geometries_are_named_by_their_content(store: Store) -> None:
    geometry = store.add_geometry(b"{}")
    assert geometry == store.add_geometry(b"{}") == hashlib.sha256(b"{}").hexdigest()
    assert store.geometry(geometry) == (b"{}", "application/json")
    new = NewSegment(
        env="Pole", num_steps=7, dt_s=0.05, drawing=b"\0poses", media_type="x/y", geometry=geometry, content=b"all"
    )
    name = store.add_segment(new)
    assert name == store.add_segment(new) == hashlib.sha256(b"\0posesall").hexdigest()
    stored = store.segment(name)
    assert (stored.drawing, stored.content, stored.geometry, stored.num_steps) == (b"\0poses", b"all", geometry, 7)


def test_a_question_is_asked_once(store: Store) -> None:
    one = filled(store, 3)
    again = [NewQuestion(query_id=number, segments=tuple(one.segments[number : number + 2])) for number in range(3)]
    assert store.ask(one.study, again) == [*one.questions]
    gold = NewQuestion(query_id=0, segments=again[0].segments, gold={"choice": 1})
    other = NewQuestion(query_id=0, segments=again[1].segments)
    assert {*store.ask(one.study, [gold, other])}.isdisjoint(one.questions)
    assert [q.query_id for q in store.questions(one.study)] == [0, 1, 2, 0, 0]
    assert [q.number for q in store.questions(one.study, after=one.questions[-1])] == [
        *store.ask(one.study, [gold, other])
    ]
    assert store.questions(one.study)[0].segments == again[0].segments
    assert store.num_waiting(one.study) == 4


def test_the_same_query_in_another_study_is_another_question(store: Store) -> None:
    one, other = filled(store, 3), filled(store, 3)
    assert {*one.questions}.isdisjoint(other.questions)
    (ada,) = one.joined(1)
    say(store, ada, store.assign(ada, 1)[0])
    assert store.answers(other.study) == []
    assert (store.num_waiting(one.study), store.num_waiting(other.study)) == (2, 3)


def test_what_cannot_be_asked_is_refused_whole(store: Store) -> None:
    one = filled(store, 1)
    good = NewQuestion(query_id=9, segments=tuple(one.segments[:2]))
    for bad, sentence in (
        (NewQuestion(query_id=1, segments=("0" * 64, one.segments[0])), "is missing"),
        (NewQuestion(query_id=1, segments=(one.segments[0],)), "shows 2 to 100 segments, not 1"),
        (NewQuestion(query_id=1, segments=good.segments, criterion="safe"), "no criterion 'safe'"),
        (NewQuestion(query_id=1, segments=good.segments, gold={"choice": 2}), "choice must be a whole number"),
        (NewQuestion(query_id=1, segments=good.segments, gold={"choice": 1, "text": 1}), "must be text"),
    ):
        with pytest.raises(UserError, match=sentence):
            store.ask(one.study, [good, bad])
    assert len(store.questions(one.study)) == 1
    assert store.ask(one.study, []) == []
    rating = store.add_study(StudyCfg(name="rating", kind="rating"))
    with pytest.raises(UserError, match="A rating shows 1 to 1 segments, not 2"):
        store.ask(rating, [good])


def test_what_is_not_there_has_a_sentence(store: Store) -> None:
    with pytest.raises(StoreRefusal, match="no such segment"):
        store.segment("../../etc/passwd")
    with pytest.raises(StoreRefusal, match="no such geometry"):
        store.geometry("x")
    with pytest.raises(StoreRefusal, match="before the segment"):
        store.add_segment(
            NewSegment(env="Pole", num_steps=7, dt_s=0.05, drawing=b"1", media_type="x/y", geometry="0" * 64)
        )
    for num_steps, dt_s in ((0, 0.05), (1, 0.0), (1, float("nan"))):
        with pytest.raises(StoreRefusal, match="at least one step"):
            store.add_segment(NewSegment(env="Pole", num_steps=num_steps, dt_s=dt_s, drawing=b"1", media_type="x/y"))


def test_a_rater_may_see_what_it_was_given(store: Store) -> None:
    one = filled(store, 5)
    ada, ben = one.joined(2)
    (got,) = store.assign(ada, 1)
    assert all(store.may_see(ada, segment.id) for segment in got.segments)
    assert not store.may_see(ada, one.segments[-1])
    assert not store.may_see(ben, got.segments[0].id)
    assert not store.may_see("nobody", got.segments[0].id)
