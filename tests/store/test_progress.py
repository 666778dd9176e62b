"""How far a study is."""

from stores import START, Clock, filled, say

from prefgym.store.records import RaterProgress
from prefgym.store.store import Store


def test_progress_counts_questions_and_answers(store: Store, clock: Clock) -> None:
    one = filled(store, 6, num_gold=2, num_practice=1, practice=1, overlap=2)
    ada, ben = one.joined(2)
    got = store.assign(ada, 6)
    say(store, ada, got[0], seconds=100.0)  # practice
    for seconds, assignment in zip((1.0, 2.0, 6.0), got[1:4]):
        clock.now += 1
        say(store, ada, assignment, seconds=seconds)
    say(store, ada, got[4], status="skipped", seconds=9.0)
    say(store, ben, store.assign(ben, 2)[1], statement={"choice": "tie"}, seconds=4.0)
    seen = store.progress(one.study)
    assert (seen.num_asked, seen.num_gold, seen.num_practice) == (6, 2, 1)
    assert (seen.num_answers, seen.num_waiting) == (5, 5)
    assert seen.num_leased == 1, "one of the first; what the other has is for practice"
    first, second = seen.raters
    assert first == RaterProgress(
        id=ada,
        name="rater-1",
        participant=None,
        excluded=False,
        withdrawn=False,
        num_answers=4,
        num_skipped=1,
        median_seconds=4.0,
        left_share=1.0,
        gold_right=0,
        gold_asked=0,
        repeats_agree=0,
        repeats_asked=0,
        last_seen=START + 3,
    )
    assert (second.num_answers, second.left_share, second.median_seconds) == (1, None, 4.0)


def test_an_empty_study_has_no_progress(store: Store) -> None:
    one = filled(store, 0)
    (ada,) = one.joined(1)
    seen = store.progress(one.study)
    assert (seen.num_asked, seen.num_answers, seen.num_leased) == (0, 0, 0)
    assert (seen.raters[0].num_answers, seen.raters[0].last_seen) == (0, None)
    assert store.assign(ada, 3) == []


def test_a_rater_is_done_when_nothing_is_left(store: Store) -> None:
    one = filled(store, 2)
    ada, ben = one.joined(2)
    assert not store.work(ada).is_done
    first, second = store.assign(ada, 2)
    say(store, ada, first)
    assert store.assign(ben, 1) == []
    assert not store.work(ben).is_done, "the other may not answer"
    say(store, ada, second)
    assert store.work(ada).is_done
    assert store.work(ben).is_done
    say(store, ada, second, "retract")
    assert not store.work(ada).is_done
    assert (store.work(ada).mine, store.work(ada).total) == (1, None)


def test_nobody_is_done_while_questions_may_come(store: Store) -> None:
    one = filled(store, 2, open_ended=True, budget=2)
    (ada,) = one.joined(1)
    first, second = store.assign(ada, 2)
    say(store, ada, first)
    assert not store.work(ada).is_done
    say(store, ada, second)
    assert store.work(ada).is_done, "the budget is spent"
