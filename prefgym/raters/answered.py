"""What people answered in the question store, as feedback."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from prefgym.core.feedback import Feedback
from prefgym.core.kinds import KINDS, Mark, Reaction, Status
from prefgym.core.preferences import Preferences, RaterInfo, Sitting
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments

if TYPE_CHECKING:
    from prefgym.store.records import StoredAnswer


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How statements of a study are read."""

    num_levels: int = 5
    """Levels of a rating."""
    press_delay_s: tuple[float, float] = (0.2, 0.8)
    """Shortest and longest time from what a person reacts to until the press, in seconds; all times between are
    equally likely (Knox and Stone 2009)."""
    dt_s: float = 0.05
    """Time of a step, in seconds."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Shown:
    """What questions of the store were about."""

    options: Segments
    """Its segments. Batch shape: (K,)."""
    query_id: int
    """Number of the query."""
    asked_at: int
    """Environment steps when it was asked."""


Key = tuple[int, str]
"""The number of a query, and the SHA-256 of what it shows."""


def key_of(answer: "StoredAnswer") -> Key:
    """Return what an answer is about."""
    return answer.query_id, answer.shown_sha256


def kind_of(study_kind: str) -> str:
    """Return the kind of the statements of a study: in a live study, presses mark what was shown."""
    return Mark.kind if study_kind == "live" else study_kind


def feedback_of_answers(
    answers: Sequence["StoredAnswer"],
    shown: Mapping[Key, Shown],
    reading: Reading,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> Feedback | None:
    """Join answers with what they are about; None if there are none.

    Args:
        answers: Answers of people, in the order of their events.
        shown: What they are about.
        reading: How they are read.
        settings: What is known of each rater, by name.
    """
    alike: dict[tuple[object, ...], list[StoredAnswer]] = {}
    for answer in answers:
        options = shown[key_of(answer)].options
        alike.setdefault((answer.kind, tuple(options.action.shape)), []).append(answer)
    parts = [_part(some, shown, reading, settings or {}) for some in alike.values()]
    return Feedback(tuple(parts)) if parts else None


def _part(
    answers: Sequence["StoredAnswer"],
    shown: Mapping[Key, Shown],
    reading: Reading,
    settings: Mapping[str, Mapping[str, Any]],
) -> Preferences[Any]:
    """Join answers of one kind, about as many segments of as many steps."""
    rows = [(answer, *row) for answer in answers for row in rows_of(answer, shown[key_of(answer)].options, reading)]
    about = [shown[key_of(answer)] for answer, _, _ in rows]
    infos = [_info(answer, settings) for answer, _, _ in rows]
    raters: list[RaterInfo] = []
    raters += [info for number, info in enumerate(infos) if info not in infos[:number]]
    criteria = tuple(dict.fromkeys(answer.criterion for answer, _, _ in rows))
    status = torch.tensor([int(status) for _, status, _ in rows])
    return Preferences(
        queries=Queries(
            options=Segments.stack([one.options for one in about]),
            query_id=torch.tensor([one.query_id for one in about]),
            asked_at=torch.tensor([one.asked_at for one in about]),
        ),
        answers=KINDS[kind_of(answers[0].kind)].of_rows(status, [values for _, _, values in rows]),
        rater=torch.tensor([raters.index(info) for info in infos]),
        raters=tuple(raters),
        shown_order=torch.tensor([list(answer.shown_order) for answer, _, _ in rows]),
        seconds=torch.tensor([float(answer.seconds) for answer, _, _ in rows]),
        criterion=torch.tensor([criteria.index(answer.criterion) for answer, _, _ in rows]),
        criteria=criteria,
        revision=torch.tensor([answer.revision for answer, _, _ in rows]),
        event=torch.tensor([answer.event for answer, _, _ in rows]),
    )


def _info(answer: "StoredAnswer", settings: Mapping[str, Mapping[str, Any]]) -> RaterInfo:
    """Return the person who answered, with the sitting."""
    sitting = answer.provenance.get("sitting")
    return RaterInfo(
        name=answer.rater,
        settings=dict(settings.get(answer.rater, {})),
        kind="human",
        sitting=Sitting(name=sitting) if isinstance(sitting, str) and sitting else None,
    )


def rows_of(answer: "StoredAnswer", options: Segments, reading: Reading) -> list[tuple[Status, dict[str, Any]]]:
    """Return what an answer states: a row, or two if it marks good and bad parts of a segment.

    A segment that was watched without a press was looked at, and nothing was said: a skip.
    """
    status, num_options = Status[answer.status.upper()], len(options)
    stated: Mapping[str, Any] = answer.statement if status == Status.ANSWERED else {}
    if answer.kind == "comparison":
        return [(status, _comparison(stated, num_options))]
    if answer.kind == "ranking":
        return [(status, {"rank": list(stated.get("rank", [-1] * num_options))})]
    if answer.kind == "rating":
        return [(status, {"level": int(stated.get("level", 0)), "num_levels": reading.num_levels})]
    if answer.kind == "thumbs":
        return [(status, {"reaction": int(Reaction[stated.get("reaction", "silent").upper()])})]
    shares = _stretches(stated, options) if answer.kind == "mark" else _presses(stated, options, reading)
    marks: list[tuple[Status, dict[str, Any]]] = [
        (status, {"share": share.numpy().tolist(), "good": good}) for good, share in shares.items() if bool(share.any())
    ]
    nothing = {"share": [0.0] * options.num_steps, "good": False}
    return marks or [(Status.SKIPPED if status == Status.ANSWERED else status, nothing)]


def _comparison(stated: Mapping[str, Any], num_options: int) -> dict[str, Any]:
    choice = stated.get("choice")
    shares = [0.0] * num_options
    if choice == "tie":
        shares = [1.0 / num_options] * num_options
    elif choice is not None:
        shares[int(choice)] = 1.0
    return {"choice": shares, "tie": choice == "tie", "strength": float(stated.get("strength") or 0.0)}


def _stretches(stated: Mapping[str, Any], segment: Segments) -> dict[bool, Tensor]:
    """Return how much of each step is meant, for good and for bad. Shapes: (T,)."""
    shares = {good: torch.zeros(segment.num_steps) for good in (True, False)}
    for stretch in stated.get("stretches", []):
        end = min(int(stretch["end"]), int(segment.length[0]))
        shares[bool(stretch["good"])][int(stretch["start"]) : end] = 1.0
    return shares


def _presses(stated: Mapping[str, Any], segment: Segments, reading: Reading) -> dict[bool, Tensor]:
    """Return how much of each step is meant by the presses together, for good and for bad. Shapes: (T,)."""
    valid = segment.mask[0].float()
    shares = {good: torch.zeros(segment.num_steps) for good in (True, False)}
    delay = delay_in_steps(reading.press_delay_s, reading.dt_s)
    for press in stated.get("presses", []):
        at, good = torch.tensor([math.floor(press["step"])]), bool(press["good"])
        took = at - torch.arange(segment.num_steps)
        if bool(((took >= 0) & (took < len(delay))).any()):
            shares[good] += Mark.of_press(at, torch.tensor([good]), delay, segment.num_steps).share[0] * valid
    return {good: share.clamp(max=1.0) for good, share in shares.items()}


def delay_in_steps(delay_s: tuple[float, float], dt_s: float) -> Tensor:
    """Return the probability that a reaction took 0, 1 ... steps, if all times of an interval are equally likely.

    >>> delay_in_steps((0.25, 0.75), 0.25)
    tensor([0.0000, 0.5000, 0.5000])
    """
    first, last = (seconds / dt_s for seconds in delay_s)
    last = max(last, first + 1e-3)
    step = torch.arange(math.ceil(last - 1e-9), dtype=torch.float64)
    overlap = (step + 1).clamp(max=last) - step.clamp(min=first)
    return (overlap.clamp(min=0.0) / (last - first)).float()
