"""What is in feedback, in numbers: who answered, what was asked, how many answers of each kind, and agreement."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Comparison, Statement, Status
from prefgym.core.preferences import Preferences
from prefgym.core.segments import Segments
from prefgym.evaluation.envs import NO_ENV
from prefgym.report.feedback.agreement import Agreement, agreement, identity_of, questions_of
from prefgym.report.feedback.source import Recorded
from prefgym.report.statistics import count_labels

HOLDS = {"reward": "task reward", "factors": "factors", "state": "physics states", "frames": "pictures"}
"""What segments may hold beside observations and actions."""


@dataclass(frozen=True, kw_only=True)
class RaterSummary:
    """The answers of one rater, of one kind."""

    name: str
    kind: str
    """A program, a person or a vision-language model: see `RaterInfo`."""
    settings: Mapping[str, Any]
    """Configuration of the rater."""
    feedback: str
    """Kind of the answers."""
    criteria: tuple[str, ...]
    """What was asked about."""
    num_asked: int
    """Queries that the rater got."""
    num_answered: int
    """Queries that it answered, ties included."""
    num_ties: int | None
    """None if the kind of the answers has no ties."""
    num_skipped: int
    num_failed: int
    num_invalid: int
    seconds: float | None
    """Median time of an answer, in seconds; None without an answer."""
    num_shown_first: int | None
    """Choices of the option that was shown first; None if the answers are no choices."""
    with_reward: Agreement | None
    """Choices of the option of the highest task reward; None if it is not recorded, or the answers are no choices."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What is in feedback."""

    path: str
    format: str
    """Format and version of a feedback folder; empty for others."""
    env: str
    """Environment id; empty if there is no environment."""
    source: str
    """Where the answers were imported from."""
    instructions: str
    licence: str
    consent: str
    written_at: str
    num_queries: int
    """Different queries."""
    num_asked: int
    """Rows: queries that raters got; more than there are queries if several raters got the same ones."""
    num_answered: int
    """Rows with an answer, ties included."""
    num_superseded: int
    """Earlier answers that raters changed, which are in no other number."""
    num_options: tuple[int, ...]
    """Segments of a query; more than one number if queries differ."""
    steps: tuple[int, int, int]
    """Length of the shortest, the median and the longest segment, in steps."""
    sizes: tuple[int, int]
    """Numbers of an observation, and of an action."""
    holds: tuple[str, ...]
    """What segments hold beside observations and actions."""
    factors: tuple[str, ...]
    """Names of the factors."""
    raters: tuple[RaterSummary, ...]
    """A row for each rater and kind of answers."""
    between_raters: Agreement | None
    """How often two raters gave the same answer to a query; None if no query has answers of two."""
    within_raters: Agreement | None
    """How often a rater repeated its answer to a query; None if none got one twice."""


def summarize(feedback: Recorded) -> Summary:
    """Return what is in feedback."""
    answers, label = feedback.answers.current(), feedback.label
    parts, options = answers.parts, [part.queries.options for part in answers.parts]
    choices = answers.of_kind(Comparison)
    between_raters, within_raters = agreement(choices, questions_of(choices))
    length = np.concatenate([shown.length.flatten().numpy() for shown in options])
    return Summary(
        path=str(feedback.path),
        format=label.format,
        env="" if label.env == NO_ENV else label.env,
        source=label.source,
        instructions=_in_one(label.instructions),
        licence=label.licence,
        consent=label.consent,
        written_at=label.written_at,
        num_queries=len(np.unique(np.concatenate(questions_of(parts)))),
        num_asked=len(answers),
        num_answered=answers.num_answered,
        num_superseded=len(feedback.answers) - len(answers),
        num_options=tuple(sorted({part.queries.num_options for part in parts})),
        steps=(int(length.min()), int(np.median(length)), int(length.max())),
        sizes=(options[0].obs.shape[-1], options[0].action.shape[-1]),
        holds=tuple(words for name, words in HOLDS.items() if any(_has(shown, name) for shown in options)),
        factors=tuple(dict.fromkeys(name for shown in options for name in shown.factors)),
        raters=tuple(row for part in parts for row in _raters_of(part)),
        between_raters=between_raters,
        within_raters=within_raters,
    )


def _in_one(instructions: Mapping[str, str]) -> str:
    """Return the text of the instructions, or the texts of several versions with their names."""
    texts = instructions.items()
    return "; ".join(text if len(texts) == 1 else f"{name}: {text}" for name, text in texts)


def _has(options: Segments, name: str) -> bool:
    return bool(options.factors) if name == "factors" else getattr(options, name) is not None


def _raters_of(part: Preferences[Statement]) -> Iterator[RaterSummary]:
    who = identity_of(part)
    for number in np.unique(who).tolist():
        yield _of_rater(part[torch.as_tensor(who == number)], number)


def _of_rater(own: Preferences[Statement], number: int) -> RaterSummary:
    info, seconds = own.raters[number], own.seconds[own.answers.answered].numpy()
    num = own.answers.status.bincount(minlength=len(Status)).numpy().tolist()
    choices = next(iter(Feedback.of(own).of_kind(Comparison)), None)
    counts = None if choices is None else count_labels(choices)
    return RaterSummary(
        name=info.name,
        kind=info.kind,
        settings=info.settings,
        feedback=own.answers.kind,
        criteria=tuple(name for place, name in enumerate(own.criteria) if bool((own.criterion == place).any())),
        num_asked=len(own),
        num_answered=num[Status.ANSWERED],
        num_ties=None if counts is None else counts.ties,
        num_skipped=num[Status.SKIPPED],
        num_failed=num[Status.FAILED],
        num_invalid=num[Status.INVALID],
        seconds=float(np.median(seconds)) if len(seconds) else None,
        num_shown_first=None if counts is None else counts.first,
        with_reward=None if counts is None else Agreement.of(counts.agreeing, counts.comparable),
    )
