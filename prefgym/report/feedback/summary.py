"""What is in feedback, in numbers: who answered, what was asked, how many answers of each kind, and agreement."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from prefgym.core.preferences import Preferences
from prefgym.core.segments import Segments
from prefgym.report.feedback.agreement import Agreement, between_raters, question_of, within_raters
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
    num_asked: int
    """Queries that the rater got."""
    num_answered: int
    """Queries that it answered, ties included."""
    num_ties: int
    num_skipped: int
    num_failed: int
    num_invalid: int
    seconds: float | None
    """Median time of an answer, in seconds; None without an answer."""
    num_shown_first: int
    """Choices of the option that was shown first."""
    with_reward: Agreement | None
    """Choices of the option of the highest task reward; None if it is not recorded."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What is in feedback."""

    path: str
    format: str
    """Format and version of a feedback folder; empty for others."""
    env: str
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
    num_options: int
    """Segments of a query."""
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
    preferences = feedback.parts[0]
    options, question, label = preferences.queries.options, question_of(preferences), feedback.label
    length = options.length.flatten()
    return Summary(
        path=str(feedback.path),
        format=label.format,
        env=label.env,
        instructions=label.instructions,
        licence=label.licence,
        consent=label.consent,
        written_at=label.written_at,
        num_queries=int(question.max()) + 1,
        num_asked=len(preferences),
        num_answered=int(preferences.answers.answered.sum()),
        num_options=preferences.queries.num_options,
        steps=(int(length.min()), int(length.median()), int(length.max())),
        sizes=(options.obs.shape[-1], options.action.shape[-1]),
        holds=_holds(options),
        factors=tuple(options.factors),
        raters=tuple(_of_rater(preferences, number) for number in np.unique(preferences.rater.numpy()).tolist()),
        between_raters=between_raters(preferences, question),
        within_raters=within_raters(preferences, question),
    )


def _holds(options: Segments) -> tuple[str, ...]:
    there = {"factors": bool(options.factors)}
    there |= {name: getattr(options, name) is not None for name in ("reward", "state", "frames")}
    return tuple(words for name, words in HOLDS.items() if there[name])


def _of_rater(preferences: Preferences, number: int) -> RaterSummary:
    own, info = preferences[preferences.rater == number], preferences.raters[number]
    counts, seconds = count_labels(own), own.seconds[own.answers.answered].numpy()
    return RaterSummary(
        name=info.name,
        kind=info.kind,
        settings=info.settings,
        feedback="comparison",
        num_asked=counts.asked,
        num_answered=counts.answered,
        num_ties=counts.ties,
        num_skipped=counts.skipped,
        num_failed=counts.failed,
        num_invalid=counts.invalid,
        seconds=float(np.median(seconds)) if len(seconds) else None,
        num_shown_first=counts.first,
        with_reward=Agreement.of(counts.agreeing, counts.comparable),
    )
