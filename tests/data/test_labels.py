"""Answers in the question store as feedback: what a rater of a run gets, without the run."""

from pathlib import Path

import pytest
import torch
from people import Person, by_height
from same import assert_same_feedback

from prefgym import raters
from prefgym.common.errors import UserError
from prefgym.core.queries import Queries
from prefgym.data.labels import feedback_of_store
from prefgym.raters.human import HumanRater
from prefgym.store.records import NewQuestion, NewSegment
from prefgym.store.store import Store
from prefgym.store.study import StudyCfg
from prefgym.testing import example_segments


class Blank:
    """Draws nothing."""

    content, media_type = b"blank", "application/x-prefgym-poses"

    def geometry(self) -> None:
        """Return no bodies."""

    def draw(self, segment: object) -> "Blank":
        """Return itself."""
        del segment
        return self


@pytest.mark.parametrize("gives", ["comparison", "live"])
def test_the_same_as_the_rater(tmp_path: Path, gives: str) -> None:
    num_options = 2 if gives == "comparison" else 1
    rater = raters.make("human", drawer=Blank(), env_id="example", gives=gives, dt_s=0.2)
    assert isinstance(rater, HumanRater)
    rater.open(str(tmp_path / "labels.sqlite"), tmp_path / "labels.json")
    rater.submit(Queries.of(example_segments(5, num_options, equal_lengths=True), asked_at=100))
    rule = by_height if gives == "comparison" else lambda shown: {"presses": [{"step": 4.0, "good": True}]}
    Person(rater.store, rater.study, rule).answer(4)
    taken = rater.collect()
    found = feedback_of_store(rater.store, rater.study)
    assert taken is not None and found is not None
    assert_same_feedback(found, taken)
    assert feedback_of_store(rater.store, rater.study, after=int(taken.parts[0].event.max())) is None
    assert torch.equal(found.parts[0].query_id, taken.parts[0].query_id)


def test_a_store_without_the_numbers(tmp_path: Path) -> None:
    """Of a study that another program has asked, there are pictures, and nothing to learn from."""
    with Store.open(str(tmp_path / "labels.sqlite")) as store:
        study = store.add_study(StudyCfg(name="foreign"))
        new = [
            NewSegment(env="e", num_steps=5, dt_s=0.1, drawing=name, media_type="video/mp4") for name in (b"a", b"b")
        ]
        store.ask(study, [NewQuestion(query_id=0, segments=tuple(map(store.add_segment, new)))])
        person = Person(store, study, by_height)
        person.say(person.look(1)[0], "answer", {"choice": 0})
        with pytest.raises(UserError, match="has no numbers of the segments of query 0"):
            feedback_of_store(store, study)
