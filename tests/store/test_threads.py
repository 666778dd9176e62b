"""Many raters at once: each question has exactly as many distinct raters as it wants, and nothing comes twice."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from stores import filled, new_event

from prefgym.store.errors import StoreRefusal
from prefgym.store.records import NewQuestion
from prefgym.store.store import Store


def answer_all(store: Store, rater: str, start: threading.Barrier) -> int:
    """Answer until there is nothing left, sending every second event twice; return how often something was refused."""
    start.wait(timeout=120)
    refused = 0
    while not store.work(rater).is_done:
        for number, assignment in enumerate(store.assign(rater, 2)):
            event = new_event(assignment)
            try:
                store.record(rater, event)
                if number % 2:
                    assert not store.record(rater, event).is_new
            except StoreRefusal as error:  # the other tab was first
                assert error.code == "already-answered"
                refused += 1
    return refused


def check_exact(store: Store, study: str, overlap: int, num: int) -> None:
    """Check that each question has exactly as many distinct raters as it wants."""
    given = store.answers(study)
    raters = Counter(row.question for row in given)
    assert len(raters) == num
    assert {*raters.values()} == {overlap}
    assert len({(row.question, row.rater) for row in given}) == len(given) == num * overlap
    events = [row.event for row in store.log(study)]
    assert len(events) == len(given), "one event an answer"
    assert events == sorted({*events})


@pytest.mark.slow  # some seconds of 32 threads
def test_overlap_is_exact_with_32_raters_at_once(store: Store) -> None:
    one = filled(store, 40, overlap=3, repeat_share=0.0)
    raters = one.joined(32)
    start = threading.Barrier(32)
    with ThreadPoolExecutor(32) as pool:
        refused = [*pool.map(lambda rater: answer_all(store, rater, start), raters)]
    assert sum(refused) == 0
    check_exact(store, one.study, 3, 40)


@pytest.mark.slow  # some seconds of 32 threads
def test_many_tabs_of_few_raters_answer_nothing_twice(store: Store) -> None:
    one = filled(store, 20, overlap=4)
    raters = one.joined(4)
    start = threading.Barrier(32)
    with ThreadPoolExecutor(32) as pool:
        [*pool.map(lambda number: answer_all(store, raters[number % 4], start), range(32))]
    check_exact(store, one.study, 4, 20)


@pytest.mark.slow  # some seconds of 16 threads
def test_a_budget_is_not_exceeded_by_many_at_once(store: Store) -> None:
    one = filled(store, 40, budget=25)
    raters = one.joined(16)
    start = threading.Barrier(16)
    with ThreadPoolExecutor(16) as pool:
        [*pool.map(lambda rater: answer_all(store, rater, start), raters)]
    assert len(store.answers(one.study)) == 25


@pytest.mark.slow  # some seconds of 16 threads
def test_who_polls_misses_nothing_while_others_write(store: Store) -> None:
    """Events become visible in the order of their numbers: asking for those after the newest leaves none out."""
    one = filled(store, 60, overlap=2)
    raters = one.joined(8)
    start, done = threading.Barrier(9), threading.Event()
    heard: list[tuple[int, str, int]] = []

    def poll() -> None:
        start.wait(timeout=120)
        newest, is_last = 0, False
        while not is_last:
            is_last = done.is_set()
            for row in store.answers(one.study, newest):
                heard.append((row.question, row.rater, row.revision))
                newest = row.event

    with ThreadPoolExecutor(9) as pool:
        polling = pool.submit(poll)
        [*pool.map(lambda rater: answer_all(store, rater, start), raters)]
        done.set()
        polling.result(timeout=120)
    assert sorted(heard) == sorted((row.question, row.rater, row.revision) for row in store.answers(one.study))


@pytest.mark.slow  # some seconds of 16 threads
def test_many_join_and_ask_at_once(store: Store) -> None:
    one = filled(store, 5)
    token = store.invite(one.study, max_raters=10)
    asked = [(query.query_id, query.segments) for query in store.questions(one.study)]
    start = threading.Barrier(16)

    def come(number: int) -> str | None:
        start.wait(timeout=120)
        store.ask(one.study, [NewQuestion(query_id=query + 100, segments=shown) for query, shown in asked])
        try:
            return store.join(token, f"P{number % 12}").name
        except StoreRefusal as error:
            assert error.code == "used-invitation"
            return None

    with ThreadPoolExecutor(16) as pool:
        names = [*pool.map(come, range(16))]
    assert len({name for name in names if name}) == 10
    assert len(store.questions(one.study)) == 10
