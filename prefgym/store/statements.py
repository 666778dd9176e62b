"""What may be stated about what a page shows, and what it means for the options."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from prefgym.store.errors import StoreRefusal
from prefgym.store.study import Kind

Stated = dict[str, Any]

MOST_STRETCHES, MOST_PRESSES, MOST_NOTE = 1000, 10_000, 10_000
"""Most stretches of a mark, presses while watching, and characters of a note."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What an answer is about."""

    kind: Kind
    """Form of the answer."""
    num_places: int
    """Segments on the page."""
    num_steps: int
    """Steps of the only one, for marks and presses."""
    num_levels: int
    """Levels of a rating."""


def check_statement(shown: Shown, stated: Mapping[str, Any]) -> Stated:
    """Return a whole statement as it is stored.

    Raises:
        StoreRefusal: If it is none about what was shown.
    """
    if shown.kind == "comparison":
        return _comparison(shown, stated)
    if shown.kind == "ranking":
        return _ranking(shown, stated)
    if shown.kind == "rating":
        _only(stated, "level")
        return {"level": _whole("level", stated["level"], 0, shown.num_levels - 1)}
    if shown.kind == "thumbs":
        _only(stated, "reaction")
        if stated["reaction"] not in ("good", "bad", "silent"):
            raise _bad("reaction must be good, bad or silent")
        return {"reaction": stated["reaction"]}
    if shown.kind == "mark":
        _only(stated, "stretches")
        stretches = _list("stretches", stated["stretches"], 1, MOST_STRETCHES)
        return {"stretches": [_stretch(shown, stretch) for stretch in stretches]}
    _only(stated, "presses")
    presses = _list("presses", stated["presses"], 0, MOST_PRESSES)
    return {"presses": [check_press(shown, _mapping("a press", press)) for press in presses]}


def _comparison(shown: Shown, stated: Mapping[str, Any]) -> Stated:
    _only(stated, "choice", maybe=("strength",))
    if stated["choice"] == "tie":
        if stated.get("strength"):
            raise _bad("a tie has no strength")
        return {"choice": "tie"}
    choice = _whole("choice", stated["choice"], 0, shown.num_places - 1)
    return {"choice": choice, **({"strength": _strength(stated)} if "strength" in stated else {})}


def _ranking(shown: Shown, stated: Mapping[str, Any]) -> Stated:
    _only(stated, "rank")
    ranks = _list("rank", stated["rank"], shown.num_places, shown.num_places)
    rank = [_whole("a rank", one, -1, shown.num_places - 1) for one in ranks]
    if 0 not in rank:
        raise _bad("a ranking must name a best option, of rank 0")
    return {"rank": rank}


def _stretch(shown: Shown, value: object) -> Stated:
    stretch = _mapping("a stretch", value)
    _only(stretch, "start", "end", "good")
    start = _whole("start", stretch["start"], 0, shown.num_steps - 1)
    end = _whole("end", stretch["end"], start + 1, shown.num_steps)
    return {"start": start, "end": end, "good": _flag("good", stretch["good"])}


def check_press(shown: Shown, press: Mapping[str, Any]) -> Stated:
    """Return a press of a button while a person watched.

    Raises:
        StoreRefusal: If it is none, or lies outside the segment.
    """
    _only(press, "step", "good")
    return {"step": _number("step", press["step"], 0, shown.num_steps), "good": _flag("good", press["good"])}


def check_note(stated: Mapping[str, Any]) -> Stated:
    """Return a note.

    Raises:
        StoreRefusal: If it is none, empty or too long.
    """
    _only(stated, "text")
    text = stated["text"]
    if not isinstance(text, str) or not 0 < len(text.strip()) <= len(text) <= MOST_NOTE:
        raise _bad(f"text must have 1 to {MOST_NOTE} characters")
    return {"text": text}


def amended(shown: Shown, before: Mapping[str, Any], change: Mapping[str, Any]) -> Stated:
    """Return a statement after an amendment: another strength, or another statement.

    Raises:
        StoreRefusal: If the amendment does not fit.
    """
    if {*change} != {"strength"}:
        return check_statement(shown, change)
    if shown.kind != "comparison" or before.get("choice", "tie") == "tie":
        raise _bad("only a choice has a strength")
    return {**before, "strength": _strength(change)}


def of_options(kind: Kind, stated: Mapping[str, Any], shown_order: Sequence[int]) -> Stated:
    """Put options in the stead of places.

    Args:
        kind: Form of the statement.
        stated: A whole statement by places.
        shown_order: Option at each place.

    >>> of_options("comparison", {"choice": 0, "strength": 0.5}, (1, 0))
    {'choice': 1, 'strength': 0.5}
    >>> of_options("ranking", {"rank": [0, 1, -1]}, (2, 0, 1))
    {'rank': [1, -1, 0]}
    """
    if kind == "comparison" and stated.get("choice", "tie") != "tie":
        return {**stated, "choice": shown_order[stated["choice"]]}
    if kind == "ranking" and "rank" in stated:
        return {"rank": [stated["rank"][shown_order.index(option)] for option in range(len(shown_order))]}
    return dict(stated)


def is_same(kind: Kind, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two statements in the order of the options say the same; how strongly does not matter."""
    names = {"comparison": "choice", "ranking": "rank", "rating": "level", "thumbs": "reaction"}
    name = names.get(kind)
    if name is not None:
        return one.get(name) == other.get(name)
    return {key: value for key, value in one.items() if key != "text"} == {
        key: value for key, value in other.items() if key != "text"
    }


def _bad(why: str) -> StoreRefusal:
    return StoreRefusal("bad-statement", f"This is no answer to what was shown: {why}.")


def _only(stated: Mapping[str, Any], *names: str, maybe: tuple[str, ...] = ()) -> None:
    if not {*names} <= {*stated} <= {*names, *maybe}:
        raise _bad(f"it needs {' and '.join(names)}, and nothing else")


def _mapping(name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _bad(f"{name} must be an object")
    return cast("dict[str, Any]", value)


def _list(name: str, value: object, least: int, most: int) -> list[object]:
    if not isinstance(value, list) or not least <= len(cast("list[object]", value)) <= most:
        raise _bad(f"{name} must be a list of {least} to {most}")
    return cast("list[object]", value)


def _whole(name: str, value: object, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise _bad(f"{name} must be a whole number from {low} to {high}")
    return value


def _number(name: str, value: object, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:  # NaN never does
        raise _bad(f"{name} must be a number from {low} to {high}")
    return float(value)


def _strength(stated: Mapping[str, Any]) -> float:
    return _number("strength", stated["strength"], 0, 1)


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _bad(f"{name} must be true or false")
    return value
