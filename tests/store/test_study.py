"""Studies: checked as they are made, and the same after they were stored."""

import pytest

from prefgym.common.errors import UserError
from prefgym.store.store import Store
from prefgym.store.study import Criterion, StudyCfg


def test_a_study_comes_back_as_it_was(store: Store) -> None:
    cfg = StudyCfg(
        name="Läufer",
        kind="rating",
        criteria=(Criterion(name="safe", text="How safe?"), Criterion(name="smooth", text="How smooth?")),
        budget=10,
        consent="Two\nlines",
    )
    study_id = store.add_study(cfg)
    study = store.study(study_id)
    assert study.cfg == cfg == StudyCfg.of_dict(cfg.to_dict())
    assert (study.id, study.name, study.paused) == (study_id, "Läufer", False)
    other = store.add_study(StudyCfg(name="second"))
    assert [one.id for one in store.studies()] == [study_id, other]
    assert len({study_id, other}) == 2
    with pytest.raises(UserError, match="There is no study 'x'"):
        store.study("x")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"name": ""}, "The name of a study must not be empty"),
        ({"name": "a\nb"}, "one line"),
        ({"name": "a" * 201}, "at most 200 characters"),
        ({"name": "a", "kind": "taste"}, "kind"),
        ({"name": "a", "overlap": 0}, "overlap must lie between 1 and 1000, not 0"),
        ({"name": "a", "gold_share": 0.7, "repeat_share": 0.7}, "together must be at most 1"),
        ({"name": "a", "budget": 0}, "budget must be 1 or more"),
        ({"name": "a", "criteria": []}, "at least one criterion"),
        ({"name": "a", "criteria": [{"name": "x"}, {"name": "x"}]}, "no two of one name"),
        ({"name": "a", "camera": "wild"}, "camera"),
        ({"name": "a", "gold_shrae": 0.1}, "gold_shrae: unexpected keyword argument"),
        ({"name": "a", "lease_s": float("nan")}, "lease_s"),
        ({"name": "a", "instructions": "\x1b[2J"}, "free of control characters"),
        (["a"], "This is no study"),
    ],
)
def test_what_is_no_study_is_refused_in_one_sentence(values: object, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as caught:
        StudyCfg.of_dict(values)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
