"""Who gets which question."""

from collections import Counter

import pytest
from stores import START, Clock, filled, say

from prefgym.store.assign import REPEAT_AFTER
from prefgym.store.errors import StoreRefusal
from prefgym.store.records import Assignment, NewQuestion
from prefgym.store.store import Store


def numbers(assignments: list[Assignment]) -> list[int]:
    return [one.question for one in assignments]


def test_questions_come_oldest_first_and_each_to_one_rater(store: Store) -> None:
    one = filled(store, 4)
    ada, ben = one.joined(2)
    assert numbers(store.assign(ada, 3)) == [*one.questions[:3]]
    assert numbers(store.assign(ben, 3)) == [one.questions[3]]


def test_higher_priority_comes_first(store: Store) -> None:
    one = filled(store, 3)
    urgent = NewQuestion(query_id=50, segments=tuple(one.segments[:2]), priority=2)
    (number,) = store.ask(one.study, [urgent])
    assert numbers(store.assign(one.joined(1)[0], 2)) == [number, one.questions[0]]
    assert store.questions(one.study)[-1].priority == 2


def test_two_tabs_get_the_same_assignments_in_the_same_order(store: Store) -> None:
    one = filled(store, 6)
    (ada,) = one.joined(1)
    first = store.assign(ada, 3)
    assert [got.id for got in store.assign(ada, 3)] == [got.id for got in first]
    assert [got.id for got in store.assign(ada, 2)] == [got.id for got in first[:2]]
    assert [got.shown_order for got in store.assign(ada, 5)[:3]] == [got.shown_order for got in first]


def test_overlap_is_kept_while_leases_run(store: Store) -> None:
    one = filled(store, 1, overlap=2)
    ada, ben, cleo = one.joined(3)
    assert numbers(store.assign(ada, 1)) == numbers(store.assign(ben, 1)) == [one.questions[0]]
    assert store.assign(cleo, 1) == []


def test_a_lease_that_ran_out_frees_the_question(store: Store, clock: Clock) -> None:
    one = filled(store, 1, lease_s=60)
    ada, ben = one.joined(2)
    (first,) = store.assign(ada, 1)
    assert first.lease_until == START + 60
    clock.now += 59
    assert store.assign(ben, 1) == []
    clock.now += 1
    assert numbers(store.assign(ben, 1)) == [one.questions[0]]
    assert store.assign(ada, 1) == [], "somebody else has it now"
    clock.now += 60
    assert [got.id for got in store.assign(ada, 1)] == [first.id], "it is free again, and was hers"


def test_a_lease_can_be_renewed_until_somebody_else_has_the_question(store: Store, clock: Clock) -> None:
    one = filled(store, 1, lease_s=60)
    ada, ben = one.joined(2)
    (first,) = store.assign(ada, 1)
    clock.now += 50
    store.renew(ada, [first.id, "no such assignment"])
    clock.now += 50
    assert store.assign(ben, 1) == []
    clock.now += 50
    (second,) = store.assign(ben, 1)
    store.renew(ada, [first.id])
    store.renew(ada, [second.id])  # another rater's: left alone
    clock.now += 59
    assert store.assign(ada, 1) == []
    clock.now += 1
    assert [got.id for got in store.assign(ada, 1)] == [first.id]


def test_a_lease_of_a_clock_that_went_ahead_does_not_last(store: Store, clock: Clock) -> None:
    one = filled(store, 1, lease_s=60)
    ada, ben = one.joined(2)
    clock.now = START + 1e9
    store.assign(ada, 1)
    clock.now = START
    assert numbers(store.assign(ben, 1)) == [one.questions[0]]


def test_a_clock_that_is_set_back_a_little_keeps_leases(store: Store, clock: Clock) -> None:
    one = filled(store, 1, lease_s=60)
    ada, ben = one.joined(2)
    store.assign(ada, 1)
    clock.now -= 30
    assert store.assign(ben, 1) == []


def test_nobody_gets_a_question_twice(store: Store) -> None:
    one = filled(store, 3, overlap=3)
    (ada,) = one.joined(1)
    for number in one.questions:
        (got,) = store.assign(ada, 1)
        assert got.question == number
        say(store, ada, got)
    assert store.assign(ada, 1) == []


def test_what_was_taken_back_comes_first(store: Store) -> None:
    one = filled(store, 4)
    (ada,) = one.joined(1)
    first, second = store.assign(ada, 2)
    say(store, ada, first)
    say(store, ada, first, "retract")
    assert [got.id for got in store.assign(ada, 3)][:2] == [first.id, second.id]


def test_practice_that_comes_after_the_first_questions_is_given_too(store: Store) -> None:
    one = filled(store, 4, practice=1)
    [rater] = one.joined(1)
    [first] = store.assign(rater, 1)
    say(store, rater, first)
    store.ask(one.study, [NewQuestion(query_id=9, segments=tuple(one.segments[:2]), gold={"choice": 0}, practice=True)])
    given = store.assign(rater, 9)
    assert [got.practice for got in given] == [True, False, False, False]
    for got in given:
        say(store, rater, got)
    assert store.work(rater).is_done


def test_practice_comes_first_to_everybody(store: Store) -> None:
    one = filled(store, 2, num_practice=3, practice=2, overlap=2)
    for rater in one.joined(2):
        assert [got.practice for got in store.assign(rater, 4)] == [True, True, False, False]
        assert store.work(rater).practice_left == 2
    assert store.num_waiting(one.study) == 2


def test_gold_is_mixed_in_by_its_share(store: Store) -> None:
    one = filled(store, 80, num_gold=40, gold_share=0.25, overlap=2)
    for rater in one.joined(2):
        got = store.assign(rater, 80)
        gold = sum(question >= one.questions[80] for question in numbers(got))
        assert 10 <= gold <= 30  # of 80: 20 expected, with a standard deviation of 3.9
        assert len({*numbers(got)}) == 80


def test_repeats_come_later_and_reversed(store: Store) -> None:
    one = filled(store, 40, repeat_share=0.3)
    (ada,) = one.joined(1)
    order: list[Assignment] = []
    while got := store.assign(ada, 1):
        order.append(got[0])
        say(store, ada, got[0])
    repeats = [(place, got) for place, got in enumerate(order) if got.is_repeat]
    assert len(order) - len(repeats) == 40
    assert 5 <= len(repeats) <= 30
    assert max(Counter(got.question for _, got in repeats).values()) == 1
    for place, got in repeats:
        (before,) = [at for at, other in enumerate(order) if other.question == got.question and not other.is_repeat]
        assert place - before > REPEAT_AFTER
        assert got.shown_order == order[before].shown_order[::-1]
    agreed = store.progress(one.study).raters[0]
    assert (agreed.repeats_agree, agreed.repeats_asked) == (0, len(repeats)), "the left one, always: a bias of place"


def test_what_is_drawn_depends_on_seed_rater_and_turn_alone(store: Store) -> None:
    def drawn(seed: int) -> list[list[tuple[int, tuple[int, ...]]]]:
        one = filled(store, 30, num_gold=10, gold_share=0.3, overlap=2, seed=seed)
        got = [store.assign(rater, 20) for rater in one.joined(2)]
        return [[(q.question - one.questions[0], q.shown_order) for q in own] for own in got]

    first, second, other = drawn(7), drawn(7), drawn(8)
    assert first == second
    assert first != other
    assert first[0] != first[1]


def test_both_orders_are_shown(store: Store) -> None:
    one = filled(store, 100)
    orders = Counter(got.shown_order for got in store.assign(one.joined(1)[0], 100))
    assert {*orders} == {(0, 1), (1, 0)}
    assert min(orders.values()) >= 30  # of 100: a standard deviation of 5


def test_segments_come_in_the_order_shown(store: Store) -> None:
    one = filled(store, 8)
    for got in store.assign(one.joined(1)[0], 8):
        options = one.segments[got.question - one.questions[0] :][:2]
        assert [segment.id for segment in got.segments] == [options[option] for option in got.shown_order]


def test_the_budget_of_the_study_ends_it(store: Store) -> None:
    one = filled(store, 10, budget=3)
    ada, ben = one.joined(2)
    (first, _) = store.assign(ada, 2)
    assert len(store.assign(ben, 5)) == 1
    say(store, ada, first)
    assert len(store.assign(ada, 5)) == 1, "the one she has: all three are given out"
    assert not store.work(ada).is_done


def test_a_study_ends_for_a_rater_after_enough_answers(store: Store) -> None:
    one = filled(store, 10, completion_answers=3)
    (ada,) = one.joined(1)
    for left in (3, 2, 1):
        assert not store.work(ada).is_done
        got = store.assign(ada, 5)
        assert len(got) == left
        say(store, ada, got[0])
    assert store.assign(ada, 5) == []
    assert store.work(ada).is_done
    assert store.work(ada).total == store.work(ada).mine == 3


def test_a_paused_study_gives_nothing_and_takes_answers(store: Store) -> None:
    one = filled(store, 3)
    (ada,) = one.joined(1)
    (got,) = store.assign(ada, 1)
    store.pause(one.study, True)
    assert store.study(one.study).paused
    assert store.assign(ada, 2) == []
    say(store, ada, got)
    store.pause(one.study, False)
    assert len(store.assign(ada, 2)) == 2


def test_strangers_get_nothing(store: Store) -> None:
    with pytest.raises(StoreRefusal, match="no such rater"):
        store.assign("nobody", 1)
