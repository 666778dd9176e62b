"""People as a rater: what they answer in the store, late, twice, changed or not at all, is used as it was said."""

from pathlib import Path
from typing import Any

import pytest
import torch
from people import Person, by_depth, by_height, open_store

from prefgym import raters
from prefgym.common.errors import UserError
from prefgym.core import contact
from prefgym.core.kinds import Comparison, Mark, Ranking, Rating, Status, Thumbs
from prefgym.core.preferences import Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.raters.answered import delay_in_steps
from prefgym.raters.human import HumanRater
from prefgym.runs.answers import answers_of
from prefgym.testing import example_segments


class Blank:
    """Draws nothing: what people see is not what these tests are about."""

    content, media_type = b"blank", "application/x-prefgym-poses"

    def geometry(self) -> bytes | None:
        """Return no bodies."""
        return None

    def draw(self, segment: object) -> "Blank":
        """Return itself."""
        del segment
        return self


def opened(run: Path, **settings: object) -> HumanRater:
    """Make a rater with a store in a folder."""
    run.mkdir(exist_ok=True)
    rater = raters.make("human", drawer=Blank(), env_id="example", **settings)
    assert isinstance(rater, HumanRater)
    rater.open(str(run / "labels.sqlite"), run / "labels.json")
    return rater


def pairs(num: int, first_id: int = 0, num_options: int = 2) -> Queries:
    """Return queries of example segments."""
    return Queries.of(example_segments(num, num_options), first_id=first_id, asked_at=100)


def test_nobody_answers(tmp_path: Path) -> None:
    rater = opened(tmp_path)
    rater.submit(pairs(3))
    assert rater.collect() is None and rater.num_waiting == 3


def test_choices_are_taken_in_once(tmp_path: Path) -> None:
    """By name, with the query that they answer, and the option behind the place on the page."""
    rater = opened(tmp_path)
    queries = pairs(6)
    rater.submit(queries)
    person = Person(rater.store, rater.study, by_height, name="bo")
    assert person.answer(4) == 4
    answers = rater.collect()
    assert answers is not None and rater.collect() is None
    part = answers.only
    assert [info.name for info in part.raters] == ["bo"] and part.raters[0].kind == "human"
    assert len(part) == 4 and bool((part.event > 0).all()) and part.seconds.tolist() == [2.0] * 4
    best = queries.options.obs[..., 1].mean(-1).argmax(-1)
    assert torch.equal(part.answers.choice.argmax(-1), best[part.query_id])
    assert sorted(map(tuple, part.shown_order.tolist())) != [(0, 1)] * 4  # sides were shuffled
    assert rater.num_waiting == 2


def test_a_later_word_supersedes_an_earlier_one(tmp_path: Path) -> None:
    """An amendment, and a retraction, each with the next revision."""
    rater = opened(tmp_path)
    rater.submit(pairs(1))
    person = Person(rater.store, rater.study, by_height)
    person.answer(1)
    first = rater.collect()
    person.say(person.answered[0], "amend", {"strength": 1.0})
    second = rater.collect()
    person.say(person.answered[0], "retract", {})
    third = rater.collect()
    assert first is not None and second is not None and third is not None
    assert [answers.only.revision.tolist() for answers in (first, second, third)] == [[0], [1], [2]]
    assert second.answers.strength.tolist() == [1.0]
    assert third.answers.status.tolist() == [int(Status.FAILED)]
    everything = first.cat([first, second, third])
    assert everything.current().answered().parts == ()
    assert first.cat([first, second]).current().answers.strength.tolist() == [1.0]


def test_two_people_contradict_each_other(tmp_path: Path) -> None:
    """Both are used as they are, under their names."""
    rater = opened(tmp_path, overlap=2)
    rater.submit(pairs(3))
    for name, rule in (("ann", by_height), ("bo", by_depth)):
        Person(rater.store, rater.study, rule, name=name).answer(3)
    part = (rater.collect() or pytest.fail("no answers")).only
    names = [part.raters[index].name for index in part.rater]
    choice = dict(zip(zip(names, part.query_id.tolist()), part.answers.choice.argmax(-1).tolist()))
    assert all(choice["ann", number] == 1 - choice["bo", number] for number in range(3))


@pytest.mark.parametrize(
    ("gives", "num_options", "stated"),
    [
        ("ranking", 3, {"rank": [1, 0, -1]}),
        ("rating", 1, {"level": 3}),
        ("thumbs", 1, {"reaction": "bad"}),
        ("mark", 1, {"stretches": [{"start": 1, "end": 3, "good": True}, {"start": 4, "end": 5, "good": False}]}),
        ("live", 1, {"presses": [{"step": 4.5, "good": True}]}),
    ],
)
def test_each_kind_is_read(tmp_path: Path, gives: str, num_options: int, stated: dict[str, Any]) -> None:
    rater = opened(tmp_path, gives=gives, dt_s=0.2)
    rater.submit(pairs(1, num_options=num_options))
    person = Person(rater.store, rater.study, lambda shown: stated)
    person.answer(1)
    part = (contact.collect(rater, 1) or pytest.fail("no answers")).parts[0]
    answers, order = part.answers, part.shown_order[0].tolist()
    if isinstance(answers, Ranking):
        assert [answers.rank[0, option] for option in order] == [1, 0, -1]
    elif isinstance(answers, Rating):
        assert answers.level.tolist() == [3] and answers.num_levels == 5
    elif isinstance(answers, Thumbs):
        assert answers.reaction.tolist() == [-1]
    else:
        assert isinstance(answers, Mark)
        if gives == "mark":
            assert answers.good.tolist() == [True, False]
            assert answers.share.tolist() == [[0, 1, 1, 0, 0], [0, 0, 0, 0, 1]]
            assert len({row.event_id for row in answers_of(part)}) == 2
        else:  # 0.2 to 0.8 s are 1 to 4 steps before step 4
            assert answers.share[0].tolist() == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3, 0])


def test_a_segment_watched_without_a_press_is_a_skip(tmp_path: Path) -> None:
    rater = opened(tmp_path, gives="live")
    rater.submit(pairs(1, num_options=1))
    Person(rater.store, rater.study, lambda shown: {"presses": []}).answer(1)
    part = (rater.collect() or pytest.fail("no answers")).parts[0]
    assert part.answers.status.tolist() == [int(Status.SKIPPED)]


def test_live_shows_the_newest_segments_first(tmp_path: Path) -> None:
    """Those of comparisons come in the order in which they were asked."""
    orders: dict[str, list[int]] = {}
    for gives, num_options in (("live", 1), ("comparison", 2)):
        rater = opened(tmp_path / gives, gives=gives)
        for steps in (100, 900):
            rater.submit(Queries.of(example_segments(2, num_options), first_id=steps, asked_at=steps))
        asked_at = {question.number: question.asked_at for question in rater.store.questions(rater.study)}
        taken = Person(rater.store, rater.study, by_height).look(4)
        orders[gives] = [asked_at[assignment.question] for assignment in taken]
    assert orders == {"live": [900, 900, 100, 100], "comparison": [100, 100, 900, 900]}


def test_delays_by_hand() -> None:
    """0.1 to 0.3 s at steps of 0.2 s: half of 0 to 1 step, half of 1 to 2."""
    assert delay_in_steps((0.1, 0.3), 0.2).tolist() == pytest.approx([0.5, 0.5])
    assert delay_in_steps((0.2, 0.8), 0.05).tolist() == pytest.approx([0.0] * 4 + [1 / 12] * 12)
    assert delay_in_steps((0.0, 0.01), 0.05).tolist() == pytest.approx([1.0])


def test_a_rater_goes_on_from_its_state(tmp_path: Path) -> None:
    """What waits goes on waiting, what was taken in does not come again, and questions are not asked twice."""
    rater = opened(tmp_path)
    rater.submit(pairs(4))
    person = Person(rater.store, rater.study, by_height)
    person.answer(2)
    first = rater.collect()
    state = rater.state_dict()
    person.answer(1)
    rater.close()

    again = opened(tmp_path)
    again.load_state_dict(state)
    second = again.collect()
    assert first is not None and second is not None and len(second) == 1
    assert not {*first.query_id.tolist()} & {*second.query_id.tolist()}
    assert len(again.store.questions(again.study)) == 4 and again.num_waiting == 1


def test_answers_to_questions_that_a_killed_run_asked(tmp_path: Path) -> None:
    """A run that resumes from before it asked them asks again, and gets what was answered meanwhile."""
    rater = opened(tmp_path)
    rater.submit(pairs(2))
    state = rater.state_dict()
    later = pairs(2, first_id=2)
    rater.submit(later)
    Person(rater.store, rater.study, by_height).answer(4)
    rater.close()

    again = opened(tmp_path)
    again.load_state_dict(state)
    assert sorted((again.collect() or pytest.fail("no answers")).query_id.tolist()) == [0, 1]
    again.submit(later)
    assert {2, 3} <= {*(again.collect() or pytest.fail("no answers")).query_id.tolist()}


def test_somebody_is_excluded_and_comes_back(tmp_path: Path) -> None:
    rater = opened(tmp_path)
    rater.submit(pairs(3))
    person = Person(rater.store, rater.study, by_height)
    person.answer(2)
    took = [rater.collect()]
    rater.store.exclude(person.rater.id, True, by="admin")
    took.append(rater.collect())
    known = took[0].cat([answers for answers in took if answers is not None])  # type: ignore[union-attr]
    assert known.current().answered().parts == ()
    rater.store.exclude(person.rater.id, False, by="admin")
    took.append(rater.collect())
    known = known.cat([answers for answers in took if answers is not None])
    assert known.current().num_answered == 2


def test_somebody_withdraws(tmp_path: Path) -> None:
    rater = opened(tmp_path)
    rater.submit(pairs(3))
    person = Person(rater.store, rater.study, by_height)
    person.answer(2)
    first = rater.collect()
    rater.store.withdraw(person.rater.id)
    second = rater.collect()
    assert first is not None and second is not None
    assert first.cat([first, second]).current().answered().parts == ()
    assert rater.num_waiting == 3


def test_criteria_are_asked_apart(tmp_path: Path) -> None:
    rater = opened(tmp_path, criteria=("better", "safe: Which one is safer?"))
    rater.submit(pairs(1))
    person = Person(rater.store, rater.study, by_height)
    texts = {one.criterion: one.criterion_text for one in person.look(2)}
    assert texts == {"better": "Which one is better?", "safe": "Which one is safer?"}
    person.answer(2)
    part = (rater.collect() or pytest.fail("no answers")).only
    assert {part.criteria[index] for index in part.criterion} == {"better", "safe"}


def test_gold_of_another_kind_is_refused(tmp_path: Path) -> None:
    known = pairs(6, first_id=50)
    gold = Preferences.of(known, Comparison.of(torch.zeros(6).long(), 2), RaterInfo(name="truth"))
    with pytest.raises(UserError, match=r"--rater\.gold has no rating with an answer, which is what people are asked"):
        opened(tmp_path, gives="rating", gold=tmp_path, gold_share=0.5, recorded=gold)


def test_gold_is_asked_and_counted_but_not_learned(tmp_path: Path) -> None:
    """The record on gold rides in the settings of whoever answered."""
    known = pairs(6, first_id=50)
    best = known.options.obs[..., 1].mean(-1).argmax(-1)
    gold = Preferences.of(known, Comparison.of(best, 2), RaterInfo(name="truth"))
    rater = opened(tmp_path, gold=tmp_path, gold_share=0.5, recorded=gold)
    rater.submit(pairs(6))
    person = Person(rater.store, rater.study, by_height)
    person.answer(12)
    part = (rater.collect() or pytest.fail("no answers")).only
    assert max(part.query_id.tolist()) < 6
    record = part.raters[int(part.rater[-1])].settings
    assert record["gold_asked"] > 0 and record["gold_right"] == record["gold_asked"]
    assert open_store(tmp_path)[0].progress(rater.study).num_gold == 6
