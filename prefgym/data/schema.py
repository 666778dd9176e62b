"""What the files of a feedback folder hold."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from prefgym.common.schema import FileModel, Whole
from prefgym.core.kinds import KINDS, Status
from prefgym.core.preferences import BETTER
from prefgym.runs.schema import RaterCard

SEGMENTS, ANSWERS = "segments.safetensors", "answers.parquet"
_WORDS = {status.name.lower(): status for status in Status}


def _status(word: object) -> Status:
    if word not in _WORDS:
        raise ValueError(f"{word!r:.50} is none of {', '.join(_WORDS)}")
    return _WORDS[str(word)]


def _kind(word: object) -> str:
    if word not in KINDS:
        raise ValueError(f"{word!r:.50} is none of {', '.join(KINDS)}")
    return str(word)


class FileSum(FileModel):
    """The SHA-256 of a file."""

    sha256: Annotated[str, Field(min_length=1)]


class FileSums(FileModel):
    """The files of a folder."""

    answers: FileSum = Field(alias=ANSWERS)
    segments: FileSum = Field(alias=SEGMENTS)


class FeedbackManifest(FileModel):
    """`manifest.json`."""

    env: str
    num_answers: Annotated[Whole, Field(ge=0, le=1_000_000)]
    files: FileSums


class SegmentRow(FileModel):
    """A shown segment."""

    dataset: Literal["segments.safetensors"]
    sha256: str
    episode: Annotated[Whole, Field(ge=0)]
    start: Literal[0]
    end: Annotated[Whole, Field(ge=1)]


class AnswerRow(FileModel):
    """An answer: a row of `answers.parquet`."""

    event_id: str
    query_id: Whole
    feedback_type: Literal["comparison"]
    segments: Annotated[list[SegmentRow], Field(min_length=2, max_length=1000)]
    shown_sha256: str
    shown_order: list[Whole]
    status: Annotated[Status, BeforeValidator(_status)]
    choice: str
    share: list[float]
    rater_id: str
    rater_kind: Literal["simulated", "human", "vlm"]
    rater_settings: str
    rater_config_hash: str
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    asked_at: Whole


class PartCard(FileModel):
    """The answers of one kind, in `preferences.json`; those of 0.2 are choices about what is better."""

    kind: Annotated[str, BeforeValidator(_kind)] = "comparison"
    scale: dict[str, Whole] = Field(default_factory=dict)
    criteria: list[str] = Field(default_factory=lambda: [BETTER])
    raters: list[RaterCard]


class PreferencesCard(FileModel):
    """`preferences.json`, which had the raters of all answers in 0.2."""

    parts: list[PartCard] | None = None
    raters: list[RaterCard] | None = None

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if (self.parts is None) == (self.raters is None):
            raise ValueError("it must have either parts or raters")
        return self
