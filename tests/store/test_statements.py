"""What may be stated about what was shown."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgym.core.kinds import KINDS as CORE_KINDS
from prefgym.core.kinds import MOST_LEVELS as CORE_MOST_LEVELS
from prefgym.core.preferences import BETTER as CORE_BETTER
from prefgym.store.errors import StoreRefusal
from prefgym.store.statements import Shown, amended, check_statement, is_same, of_options
from prefgym.store.study import BETTER, KINDS, MOST_LEVELS, Kind


def shown(kind: Kind) -> Shown:
    return Shown(kind=kind, num_places={"comparison": 2, "ranking": 3}.get(kind, 1), num_steps=10, num_levels=5)


GOOD: list[tuple[Kind, dict[str, Any]]] = [
    ("comparison", {"choice": 1}),
    ("comparison", {"choice": 0, "strength": 1.0}),
    ("comparison", {"choice": "tie"}),
    ("ranking", {"rank": [1, 0, -1]}),
    ("ranking", {"rank": [0, 0, 0]}),
    ("rating", {"level": 4}),
    ("thumbs", {"reaction": "silent"}),
    ("mark", {"stretches": [{"start": 0, "end": 10, "good": True}, {"start": 3, "end": 4, "good": False}]}),
    ("live", {"presses": []}),
    ("live", {"presses": [{"step": 9.75, "good": False}]}),
]


@pytest.mark.parametrize(("kind", "stated"), GOOD)
def test_statements_are_stored_as_they_are(kind: Kind, stated: dict[str, Any]) -> None:
    assert check_statement(shown(kind), stated) == stated


@pytest.mark.parametrize(
    ("kind", "stated"),
    [
        ("comparison", {}),
        ("comparison", {"choice": 2}),
        ("comparison", {"choice": -1}),
        ("comparison", {"choice": True}),
        ("comparison", {"choice": "left"}),
        ("comparison", {"choice": 0, "strength": 1.01}),
        ("comparison", {"choice": 0, "strength": float("nan")}),
        ("comparison", {"choice": 0, "strength": 10**400}),
        ("comparison", {"choice": "tie", "strength": 0.5}),
        ("comparison", {"choice": 0, "more": 1}),
        ("ranking", {"rank": [0, 1]}),
        ("ranking", {"rank": [1, 1, 2]}),
        ("ranking", {"rank": [0, 3, 1]}),
        ("ranking", {"rank": "012"}),
        ("rating", {"level": 5}),
        ("rating", {"level": 1.0}),
        ("thumbs", {"reaction": 1}),
        ("mark", {"stretches": []}),
        ("mark", {"stretches": [{"start": 3, "end": 3, "good": True}]}),
        ("mark", {"stretches": [{"start": 3, "end": 11, "good": True}]}),
        ("mark", {"stretches": [{"start": 3, "end": 5, "good": 1}]}),
        ("mark", {"stretches": [[3, 5]]}),
        ("live", {"presses": [{"step": 10.5, "good": True}]}),
        ("live", {"presses": [{"step": 1}]}),
    ],
)
def test_anything_else_is_refused(kind: Kind, stated: dict[str, Any]) -> None:
    with pytest.raises(StoreRefusal, match="no answer to what was shown") as caught:
        check_statement(shown(kind), stated)
    assert caught.value.code == "bad-statement"


@given(
    st.sampled_from(KINDS), st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists)
)
def test_no_value_breaks_the_check(kind: Kind, value: object) -> None:
    names = {"comparison": "choice", "ranking": "rank", "rating": "level", "thumbs": "reaction", "mark": "stretches"}
    try:
        check_statement(shown(kind), {names.get(kind, "presses"): value})
    except StoreRefusal as error:
        assert error.code == "bad-statement"


@given(st.permutations(range(4)), st.lists(st.integers(-1, 3), min_size=4, max_size=4), st.integers(0, 3))
def test_options_take_the_place_of_places(order: list[int], rank: list[int], choice: int) -> None:
    ranked = of_options("ranking", {"rank": rank}, order)["rank"]
    assert [ranked[option] for option in order] == rank
    assert of_options("comparison", {"choice": choice}, order) == {"choice": order[choice]}
    assert of_options("comparison", {"choice": "tie"}, order) == {"choice": "tie"}


def test_a_strength_alone_keeps_the_choice() -> None:
    assert amended(shown("comparison"), {"choice": 1, "strength": 0.2}, {"strength": 0.9}) == {
        "choice": 1,
        "strength": 0.9,
    }
    with pytest.raises(StoreRefusal, match="only a choice has a strength"):
        amended(shown("rating"), {"level": 1}, {"strength": 0.9})


def test_strength_and_words_make_no_difference_to_what_is_said() -> None:
    assert is_same("comparison", {"choice": 1, "strength": 0.2}, {"choice": 1, "text": "why"})
    assert not is_same("comparison", {"choice": 1}, {"choice": "tie"})
    assert is_same("mark", {"stretches": []}, {"stretches": [], "text": "why"})


def test_words_are_those_of_the_core() -> None:
    assert (BETTER, MOST_LEVELS) == (CORE_BETTER, CORE_MOST_LEVELS)
    assert {*KINDS} - {"live"} <= {*CORE_KINDS}
