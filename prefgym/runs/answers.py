"""Answers in plain values, as files have them, and their identity."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from prefgym.core.feedback import Feedback
from prefgym.core.kinds import KINDS, Mark, Statement, Status
from prefgym.core.preferences import Preferences, RaterInfo, Sitting
from prefgym.core.queries import Queries
from prefgym.core.queries import shown_sum as shown_sum
from prefgym.core.segments import Segments
from prefgym.runs.schema import RaterCard


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer to one query, in plain values."""

    query_id: int
    """Number of the query."""
    kind: str
    """Name of the kind of feedback."""
    criterion: str
    """What was asked about."""
    status: str
    """A `Status`, in lower case."""
    statement: str
    """What was stated: a JSON object of the fields of its kind."""
    rater: str
    """The rater, its settings and the sitting: a JSON object."""
    shown_order: str
    """Options in the order in which they were shown: a JSON list."""
    seconds: float
    """Time the rater took."""
    asked_at: int
    """Environment steps at the time of the query."""
    shown_sha256: str
    """SHA-256 of the options: see `shown_sum`."""
    revision: int
    """0 for the first answer of a rater to a question, n for the one that supersedes answer n-1."""
    event: int
    """Number of the answer in the store that took it; 0 if none did."""
    used_at: int | None = None
    """Environment steps when the answer was first used; None if unknown."""
    created_at: str | None = None
    """Time of that first use: ISO 8601, UTC."""

    @property
    def event_id(self) -> str:
        """Return the id of the answer: a SHA-256 of what was shown, what was asked, who answered, and when."""
        return self._id(self.revision)

    @property
    def supersedes(self) -> str | None:
        """Return the id of the answer that this one supersedes."""
        return self._id(self.revision - 1) if self.revision and not self.event else None

    def _id(self, revision: int) -> str:
        name = json.loads(self.rater)["name"]
        asked = [self.shown_sha256, self.shown_order, self.kind, self.criterion, name]
        if not self.event:
            return sum_of([*asked, self.query_id, self.asked_at, revision])
        # one answer may mark good and bad parts
        sign = [bool(json.loads(self.statement)["good"])] if self.kind == Mark.kind else []
        return sum_of([*asked, self.event, *sign])


def sum_of(values: Sequence[object]) -> str:
    """Return the SHA-256 of plain values as JSON."""
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def answers_of(feedback: Feedback | Preferences[Statement]) -> list[Answer]:
    """Convert answers to plain values, part after part."""
    return [answer for part in feedback.parts for answer in _part(part)]


def _part(part: Preferences[Statement]) -> list[Answer]:
    queries, seconds = part.queries, part.seconds.float()  # the precision of files
    raters = [json.dumps(in_plain_values(info), sort_keys=True) for info in part.raters]
    return [
        Answer(
            query_id=int(queries.query_id[row]),
            kind=part.answers.kind,
            criterion=part.criteria[int(part.criterion[row])],
            status=Status(int(part.answers.status[row])).name.lower(),
            statement=json.dumps(stated, sort_keys=True),
            rater=raters[int(part.rater[row])],
            shown_order=json.dumps(part.shown_order[row].cpu().numpy().tolist()),
            seconds=float(seconds[row]),
            asked_at=int(queries.asked_at[row]),
            shown_sha256=shown_sum(queries.options[row]),
            revision=int(part.revision[row]),
            event=int(part.event[row]),
        )
        for row, stated in enumerate(part.answers.rows())
    ]


def in_plain_values(info: RaterInfo) -> dict[str, Any]:
    """Return a rater as a JSON object; one that sat nowhere has no sitting."""
    values = asdict(info)
    return values if info.sitting else {name: value for name, value in values.items() if name != "sitting"}


def rater_info(values: Mapping[str, Any]) -> RaterInfo:
    """Build a rater from the output of `in_plain_values`, which is checked.

    Raises:
        ValueError: If it is none.
    """
    card = RaterCard.model_validate(values)
    sitting = None if card.sitting is None else Sitting(**card.sitting.model_dump())
    return RaterInfo(name=card.name, settings=card.settings, kind=card.kind, sitting=sitting)


def feedback_of(rows: Sequence[Answer], options: Mapping[str, Segments]) -> Feedback:
    """Join answers in plain values with the segments that they are about.

    Args:
        rows: At least one answer.
        options: The options of each query, by `shown_sha256`. Batch shape of each: (K,).

    Raises:
        ValueError: If a row is not an answer to its query.
    """
    alike: dict[tuple[object, ...], list[Answer]] = {}
    for row in rows:
        if row.kind not in KINDS:
            raise ValueError(f"{row.kind!r:.50} is none of the kinds {', '.join(KINDS)}")
        scale = tuple(json.loads(row.statement).get(name) for name in KINDS[row.kind].scale_names)
        alike.setdefault((row.kind, options[row.shown_sha256].action.shape, scale), []).append(row)
    return Feedback(
        tuple(joined(some, Segments.stack([options[row.shown_sha256] for row in some])) for some in alike.values())
    )


def joined(rows: Sequence[Answer], options: Segments) -> Preferences[Statement]:
    """Join answers of one kind and scale with what they are about.

    Args:
        rows: B answers.
        options: The options of each. Batch shape: (B, K).

    Raises:
        ValueError: If a row is not an answer to its query.
    """
    infos, criteria = [row.rater for row in rows], [row.criterion for row in rows]
    raters, asked = list(dict.fromkeys(infos)), tuple(dict.fromkeys(criteria))
    status = torch.tensor([int(Status[row.status.upper()]) for row in rows])

    def column(name: str) -> Tensor:
        return torch.tensor([getattr(row, name) for row in rows])

    return Preferences(
        queries=Queries(options=options, query_id=column("query_id"), asked_at=column("asked_at")),
        answers=KINDS[rows[0].kind].of_rows(status, [json.loads(row.statement) for row in rows]),
        rater=torch.tensor([raters.index(info) for info in infos]),
        raters=tuple(rater_info(json.loads(info)) for info in raters),
        shown_order=torch.tensor([json.loads(row.shown_order) for row in rows]),
        seconds=column("seconds").float(),
        criterion=torch.tensor([asked.index(name) for name in criteria]),
        criteria=asked,
        revision=column("revision"),
        event=column("event"),
    )
