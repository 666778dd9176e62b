"""What the files of a feedback folder hold, and `preferences.json` of a run."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from prefgym.common.schema import FileModel, Sha256, Whole
from prefgym.core.kinds import KINDS
from prefgym.core.preferences import BETTER
from prefgym.runs.schema import RaterCard

SEGMENTS, ANSWERS = "segments.safetensors", "answers.parquet"
MOST_ANSWERS = 1_000_000
Natural = Annotated[Whole, Field(ge=0)]
Name = Annotated[str, Field(max_length=1000)]
Text = Annotated[str, Field(max_length=100_000)]


def _kind(word: object) -> str:
    if word not in KINDS:
        raise ValueError(f"{word!r:.50} is none of {', '.join(KINDS)}")
    return str(word)


class DocumentedModel(FileModel):
    """The content of a file of `prefgym-feedback/2`; texts under fields are in its JSON Schema."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class FileSum(DocumentedModel):
    """A file of the folder."""

    sha256: Sha256
    """SHA-256 of the file."""
    bytes: Natural | None = None
    """Size of the file."""


class FileSums(DocumentedModel):
    """The files of a folder."""

    answers: FileSum = Field(alias=ANSWERS)
    segments: FileSum = Field(alias=SEGMENTS)


class SittingRow(DocumentedModel):
    """A stretch of time in which a person answered."""

    device: Name = ""
    """Device and browser."""
    duration_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Length, in seconds."""
    consent: Text = ""
    """Consent that the person gave."""
    instructions: Name = ""
    """Version of the instructions that the person read: a name in `instructions` of the manifest."""


class FeedbackManifest(DocumentedModel):
    """`manifest.json`."""

    format: Literal["prefgym-feedback/2"]
    """Format and version."""
    env: Name
    """Environment id; `none` if there is no environment."""
    num_answers: Annotated[Whole, Field(ge=1, le=MOST_ANSWERS)]
    """Number of rows of `answers.parquet`."""
    files: FileSums
    """The two other files."""
    source: Text = ""
    """Address of the files that the answers were imported from."""
    licence: Text = ""
    """Licence of the folder."""
    consent: Text = ""
    """Consent of the people who answered, if it is the same for all sittings."""
    instructions: Annotated[dict[Name, Text], Field(max_length=1000)] = Field(default_factory=dict[str, str])
    """Instructions to the raters, by the name of their version."""
    sittings: Annotated[dict[Name, SittingRow], Field(max_length=MOST_ANSWERS)] = Field(
        default_factory=dict[str, SittingRow]
    )
    """Sittings of people, by the name that rows have in `sitting`."""
    written_at: Name = ""
    """Time at which the folder was written: ISO 8601, UTC."""
    versions: Annotated[dict[Name, Name], Field(max_length=1000)] = Field(default_factory=dict[str, str])
    """Versions of the programs that wrote the folder."""


class SealedManifest(FeedbackManifest):
    """`manifest.json`, as it lies on the disk."""

    seal: Sha256
    """SHA-256 of the other entries in their order, as Python's `json.dumps` writes them."""


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
