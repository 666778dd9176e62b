"""A row of `answers.parquet`: columns that all kinds of feedback have, and those of each kind."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from prefgym.common.schema import Sha256, Whole
from prefgym.core.kinds import MOST_LEVELS
from prefgym.data.schema import DocumentedModel, Name, Natural, Text

Share = Annotated[float, Field(ge=0, le=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
MOST_OPTIONS = 1000


class BaseRow(DocumentedModel):
    """An answer. Whatever its kind does not have is null, and so is whatever was not stated."""

    needed: ClassVar[tuple[str, ...]] = ()
    """Columns that are not null in an answer."""

    event_id: Sha256
    """Id of the answer: see docs/feedback.md."""
    supersedes: Sha256 | None = None
    """Id of the earlier answer that this one supersedes; null if there is none in the folder."""
    query_id: Whole
    """Number of the query; several answers may be about one."""
    asked_at: Whole
    """Environment steps when the query was asked; 0 if there was no training."""
    criterion: Name
    """What was asked about; `better` if nothing else was."""
    revision: Natural = 0
    """0 for the first answer of a rater to a question, n for the one that supersedes answer n-1."""
    event: Natural = 0
    """Number of the answer in the store that took it; 0 if none did."""
    segments: Annotated[list[Natural], Field(min_length=1, max_length=MOST_OPTIONS)]
    """The options: rows of `segments.safetensors`."""
    num_steps: Annotated[Whole, Field(ge=1)] | None = None
    """Most steps of an option; null for those of the arrays. Options of fewer steps ended early."""
    shown_sha256: Sha256
    """SHA-256 of what was shown: see docs/feedback.md."""
    shown_order: Annotated[list[Natural], Field(max_length=MOST_OPTIONS)]
    """The options in the order in which they were shown: a permutation of 0 to K-1."""
    status: Literal["answered", "skipped", "failed", "invalid"]
    """`skipped`: the rater declined; `failed`: no answer came; `invalid`: it cannot be interpreted."""
    rater_id: Name
    """Name of the rater; for people, a pseudonym."""
    rater_kind: Literal["simulated", "human", "vlm"]
    """A program, a person, or a vision-language model."""
    rater_settings: Text = "{}"
    """Configuration of the rater: a JSON object."""
    sitting: Name | None = None
    """Sitting of a person: a name in `sittings` of the manifest."""
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Time that the rater took."""
    used_at: Whole | None = None
    """Environment steps when a learner first used the answer."""
    created_at: Name | None = None
    """Time of that first use: ISO 8601, UTC."""

    @model_validator(mode="before")
    @classmethod
    def _only_its_own(cls, values: dict[str, Any]) -> dict[str, Any]:
        others = [name for name in STATED if name not in cls.model_fields and values.get(name) is not None]
        if others:
            raise ValueError(f"{others[0]} must be null, since no {values['kind']} has one")
        return values

    @model_validator(mode="after")
    def _is_stated(self) -> Self:
        for name in (name for name in type(self).model_fields if name in STATED):
            if self.status == "answered" and name in self.needed and getattr(self, name) is None:
                raise ValueError(f"{name} must not be null in an answer")
            if self.status != "answered" and name != "num_levels" and getattr(self, name) is not None:
                raise ValueError(f"{name} must be null where the status is {self.status}")
        return self


class OfSeveralRow(BaseRow):
    """An answer about two segments or more."""

    segments: Annotated[list[Natural], Field(min_length=2, max_length=MOST_OPTIONS)]
    """The options: rows of `segments.safetensors`."""


class OfOneRow(BaseRow):
    """An answer about one segment."""

    segments: Annotated[list[Natural], Field(min_length=1, max_length=1)]
    """The segment: a row of `segments.safetensors`."""


class ComparisonRow(OfSeveralRow):
    """A choice among K options."""

    needed = ("share",)
    kind: Literal["comparison"]
    share: Annotated[list[Share], Field(max_length=MOST_OPTIONS)] | None = None
    """Share of the choice on each option, in their order in `segments`; the sum is 1."""
    tie: bool | None = None
    """Whether the rater called the options equally good; null for no."""
    strength: Share | None = None
    """How much better the chosen option is; null or 0 if nothing was said."""


class RankingRow(OfSeveralRow):
    """An order of K options."""

    needed = ("rank",)
    kind: Literal["ranking"]
    rank: Annotated[list[Annotated[Whole, Field(ge=-1)]], Field(max_length=MOST_OPTIONS)] | None = None
    """Rank of each option: 0 for the best, equal for ties, -1 for those left behind the last."""


class RatingRow(OfOneRow):
    """A level of one segment on a scale."""

    needed = ("level",)
    kind: Literal["rating"]
    level: Natural | None = None
    """Level of the segment, 0 for the lowest."""
    num_levels: Annotated[Whole, Field(ge=2, le=MOST_LEVELS)]
    """Number of levels of the scale; never null."""


class ThumbsRow(OfOneRow):
    """Good, bad or no reaction to one segment."""

    needed = ("reaction",)
    kind: Literal["thumbs"]
    reaction: Literal["good", "bad", "silent"] | None = None
    """`silent`: the segment was shown, and the rater did not react."""


class MarkRow(OfOneRow):
    """A part of one segment that is better or worse than the rest of it."""

    needed = ("mark", "good")
    kind: Literal["mark"]
    mark: list[Share] | None = None
    """How much of each of the `num_steps` steps is meant: 1 on a marked stretch, 0 elsewhere."""
    good: bool | None = None
    """Whether the part is good, rather than bad."""


class InterventionRow(OfOneRow):
    """Steps of one segment in which somebody took over."""

    needed = ("start", "end")
    kind: Literal["intervention"]
    start: Natural | None = None
    """First step taken by the other."""
    end: Natural | None = None
    """Step at which it ended, not included."""


class CorrectionRow(OfOneRow):
    """Actions that would have been better, words that say what would have been, or both."""

    kind: Literal["correction"]
    action: list[list[Finite]] | None = None
    """The better action at each of the `num_steps` steps; null if the correction is in words alone."""
    words: Annotated[str, Field(max_length=10_000)] | None = None
    """What was said."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.status == "answered" and self.action is None and self.words is None:
            raise ValueError("action and words must not both be null in an answer")
        return self


class DemonstrationRow(OfOneRow):
    """A segment that shows what to do."""

    kind: Literal["demonstration"]


AnswerRow = Annotated[
    ComparisonRow | RankingRow | RatingRow | ThumbsRow | MarkRow | InterventionRow | CorrectionRow | DemonstrationRow,
    Field(discriminator="kind"),
]
ROW: TypeAdapter[AnswerRow] = TypeAdapter(AnswerRow)
ROWS: TypeAdapter[list[AnswerRow]] = TypeAdapter(list[AnswerRow])

STATED = (
    *("share", "tie", "strength", "rank", "level", "num_levels", "reaction", "mark", "good"),
    *("start", "end", "action", "words"),
)
"""Columns of what was stated."""
