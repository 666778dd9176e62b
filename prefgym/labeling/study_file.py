"""Study files: what is asked, of whom, and how often, in YAML."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from prefgym.common.errors import UserError
from prefgym.common.files import SETTINGS_BYTES, read_bytes
from prefgym.common.names import did_you_mean
from prefgym.common.schema import in_words
from prefgym.common.yaml_files import read_yaml
from prefgym.store.study import Criterion, StudyCfg


class QuestionsPart(BaseModel):
    """Where the questions come from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Annotated[Path | None, Field(alias="from")] = None
    """Run folder, folder of feedback, or preferences; by default what the command names."""
    most: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """How many of its queries are asked, the first ones first; by default all."""


class GoldPart(BaseModel):
    """A question whose answer is known, in the order of the query's own options."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    query: Annotated[int, Field(ge=0)]
    """Number of the query."""
    choice: Annotated[int, Field(ge=0, le=100)] | Literal["tie"] | None = None
    """The better option, from 0 on, or `tie`; of a comparison."""
    rank: list[Annotated[int, Field(ge=0, le=100)]] | None = None
    """The rank of each option, 0 for the best; of a ranking."""
    level: Annotated[int, Field(ge=0, le=1000)] | None = None
    """The level; of a rating."""
    reaction: Literal["good", "bad"] | None = None
    """The reaction; of thumbs."""
    criterion: str | None = None
    """What is asked about; by default the first criterion."""
    text: Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")] = ""
    """Words for the rater after the answer, in the practice round."""
    practice: bool = False
    """Whether it belongs to the practice round, and not among the others."""

    def answer(self) -> dict[str, object]:
        """Return the answer, as the store keeps it."""
        values: dict[str, object] = {
            "choice": self.choice,
            "rank": self.rank,
            "level": self.level,
            "reaction": self.reaction,
        }
        return {name: value for name, value in values.items() if value is not None} | {"text": self.text}


class QuestionParts(BaseModel):
    """What a study file holds beside the study."""

    model_config = ConfigDict(frozen=True)

    questions: QuestionsPart = QuestionsPart()
    gold: tuple[GoldPart, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StudyFile:
    """The content of a study file."""

    cfg: StudyCfg
    """What is asked, of whom, and how often."""
    questions: QuestionsPart = field(default_factory=QuestionsPart)
    """Where the questions come from."""
    gold: tuple[GoldPart, ...] = ()
    """Questions whose answers are known."""


_KEYS = [one.name for one in fields(StudyCfg)]
_PARTS: dict[str, list[str]] = {
    "": [*_KEYS, "questions", "gold"],
    "criteria": [one.name for one in fields(Criterion)],
    "questions": [one.alias or name for name, one in QuestionsPart.model_fields.items()],
    "gold": list(GoldPart.model_fields),
}
"""The keys of each part of a file."""


def read_study(file: Path) -> StudyFile:
    """Read a study file.

    Raises:
        UserError: If it is missing, or holds what no study has; one sentence.
    """
    if not file.is_file():
        raise UserError(f"there is no study file {file}.")
    try:
        text = read_bytes(file, SETTINGS_BYTES).decode()
    except UnicodeDecodeError:
        raise UserError(f"{file} is no text in UTF-8.") from None
    content = read_yaml(text, file)
    _check_keys(content, "", file)
    for part, value in content.items():
        if part in _PARTS:
            for one in _mappings(value):
                _check_keys(one, part, file)
    try:
        cfg = StudyCfg.of_dict({key: value for key, value in content.items() if key in _KEYS})
        parts = QuestionParts.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{file}: {in_words(error)}.") from None
    except UserError as error:
        raise UserError(f"{file}: {error}") from None
    return StudyFile(cfg=cfg, questions=parts.questions, gold=parts.gold)


def _check_keys(content: Mapping[str, Any], part: str, file: Path) -> None:
    """Refuse keys that a part of a study file does not have, with the one that may have been meant."""
    for key in content:
        if key not in _PARTS[part]:
            where = f" in {part}" if part else ""
            raise UserError(f"{file}: unknown key {key!r:.80}{where}: {did_you_mean(key, _PARTS[part])}")


def _mappings(value: object) -> Iterable[dict[str, Any]]:
    values = cast("list[object]", value) if isinstance(value, list) else [value]
    return [cast("dict[str, Any]", one) for one in values if isinstance(one, dict)]
