"""Annotations of Label Studio about the tasks that `prefgym feedback export --to label-studio` wrote.

The folder of tasks has what Label Studio needs, and what it must not lose:

    tasks.json              to import there: the videos, and in `prefgym` which query was asked in which order
    labeling_config.xml     the labelling configuration of the project
    queries.safetensors     the segments; they stay here
    card.json               kind of feedback, criteria, scale, and the texts of the folder

Its export in the format JSON comes back: a list of tasks with their annotations. An answer is a choice among the words
of the configuration, a rating, or what its tag Pairwise selects; a skipped task is a skip, and an annotation that says
nothing, or two things, is invalid.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import torch
import tyro
from pydantic import Field, TypeAdapter
from torch import Tensor

from prefgym.common.array_files import read_arrays
from prefgym.common.errors import DamageError, UserError, read_as
from prefgym.common.files import read_bytes, read_json
from prefgym.common.schema import FileModel, checked
from prefgym.core.kinds import Comparison, Rating, Statement, Status, Thumbs
from prefgym.core.preferences import Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.data.feedback import Card
from prefgym.data.importers.base import ImportCfg
from prefgym.data.tables import unpack_segments

TASKS, CONFIG, QUERIES, CARD = "tasks.json", "labeling_config.xml", "queries.safetensors", "card.json"
CONTROL = "answer"
"""Name of the control in the configuration."""
WORDS = {"comparison": ("Left", "Equal", "Right"), "thumbs": ("Bad", "No reaction", "Good")}
"""Choices of the configuration, by kind of feedback."""
SIDES = ("left", "right")
MOST_BYTES = 2**31
"""Most bytes of an export: it repeats the videos of the tasks."""

Name = Annotated[str, Field(max_length=200)]


class TaskCard(FileModel):
    """What a folder of tasks says about itself."""

    format: Literal["prefgym-label-studio/1"] = "prefgym-label-studio/1"
    kind: Literal["comparison", "rating", "thumbs"]
    criteria: tuple[Name, ...]
    num_levels: Annotated[int, Field(ge=0, le=1000)] = 0
    """Levels of a rating."""
    env: str
    instructions: str = ""
    licence: str = ""
    consent: str = ""


class Asked(FileModel):
    """What a task asks."""

    query: Annotated[int, Field(ge=0)]
    """Row of `queries.safetensors`."""
    order: Annotated[tuple[int, ...], Field(max_length=2)]
    """Options in the order in which they were shown."""
    criterion: Name


class _Person(FileModel):
    id: int = 0
    username: Name = ""
    first_name: Name = ""
    last_name: Name = ""
    email: Name = ""


class _Result(FileModel):
    type: str = ""
    from_name: str = ""
    value: dict[str, Any] = Field(default_factory=dict)


class _Annotation(FileModel):
    result: tuple[_Result, ...] = ()
    was_cancelled: bool = False
    lead_time: Annotated[float | None, Field(ge=0, le=1e9)] = None
    completed_by: int | _Person | None = None


class _Data(FileModel):
    prefgym: Asked


class _Task(FileModel):
    data: _Data
    annotations: tuple[_Annotation, ...]


_EXPORT: TypeAdapter[list[_Task]] = TypeAdapter(list[_Task])


@dataclass(frozen=True, kw_only=True)
class LabelStudioImportCfg(ImportCfg):
    """Import what people answered in Label Studio to exported tasks."""

    file: tyro.conf.Positional[Path]
    """The export of the project, in the format JSON."""
    tasks: Path
    """Folder of the tasks, as `prefgym feedback export --to label-studio` wrote it."""
    pseudonyms: bool = False
    """Whether people are called rater-1, rater-2 ... in the place of their names or addresses."""

    @property
    def card(self) -> Card:
        """Return the documentation of the answers: what is not set is that of the tasks."""
        own, tasks = super().card, _card_of(self.tasks)
        env = tasks.env if self.env == "none" else self.env
        texts = {name: getattr(own, name) or getattr(tasks, name) for name in ("instructions", "licence", "consent")}
        return replace(own, env=env, **texts)


def read_label_studio(cfg: LabelStudioImportCfg) -> Preferences[Statement]:
    """Read the annotations as answers.

    Raises:
        UserError: If a file is missing or damaged, the annotations are of other tasks, or there are none.
    """
    card = _card_of(cfg.tasks)
    queries = _queries(cfg.tasks / QUERIES)
    rows = [(task.data.prefgym, one) for task in _tasks(cfg.file) for one in task.annotations]
    if not rows:
        raise UserError(f"{cfg.file} has no annotations.")
    for asked, _ in rows:
        if asked.query >= len(queries) or sorted(asked.order) != list(range(queries.num_options)):
            raise UserError(f"{cfg.file} is about other tasks than those of {cfg.tasks}.")
        if asked.criterion not in card.criteria:
            raise UserError(f"{cfg.file} asks for {asked.criterion!r:.50}, which {cfg.tasks} does not.")
    order = torch.tensor([asked.order for asked, _ in rows])
    names = [_name(one.completed_by) for _, one in rows]
    place = {name: number for number, name in enumerate(dict.fromkeys(names))}
    called = [f"rater-{number + 1}" for number in place.values()] if cfg.pseudonyms else list(place)
    return Preferences[Statement](
        queries=queries[torch.tensor([asked.query for asked, _ in rows])],
        answers=_answers(card, order, [_word(one, card) for _, one in rows]),
        rater=torch.tensor([place[name] for name in names]),
        raters=tuple(RaterInfo(name=name, kind=cfg.kind) for name in called),
        shown_order=order,
        seconds=torch.tensor([float(one.lead_time or 0) for _, one in rows]),
        criterion=torch.tensor([card.criteria.index(asked.criterion) for asked, _ in rows]),
        criteria=card.criteria,
    )


def _card_of(tasks: Path) -> TaskCard:
    return checked(TaskCard, read_json(tasks / CARD), tasks / CARD)


def _queries(file: Path) -> Queries:
    arrays = read_arrays(file)
    with read_as(f"{file} cannot be read"):
        return Queries(options=unpack_segments(arrays), query_id=arrays["query_id"], asked_at=arrays["asked_at"])


def _tasks(file: Path) -> list[_Task]:
    try:
        content: object = json.loads(read_bytes(file, MOST_BYTES))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise DamageError(f"{file} is damaged: it is no JSON.") from None
    tasks = cast(list[object], content) if isinstance(content, list) else []
    if not tasks or not all(isinstance(one, dict) and "annotations" in one for one in tasks):
        raise UserError(f"{file} is no list of tasks with annotations: export the project in the format JSON.")
    return checked(_EXPORT, tasks, file)


def _name(person: int | _Person | None) -> str:
    if isinstance(person, _Person):
        whole = f"{person.first_name} {person.last_name}".strip()
        return person.username or whole or person.email or f"annotator-{person.id}"
    return "annotator" if person is None else f"annotator-{person}"


def _word(annotation: _Annotation, card: TaskCard) -> str | int | None:
    """Return what an annotation says: a word, a level, `skipped`, or None where it says nothing or two things."""
    if annotation.was_cancelled:
        return "skipped"
    said: list[str | int] = []
    for one in annotation.result:
        if one.type == "pairwise" and one.value.get("selected") in SIDES:
            said.append(str(one.value["selected"]).capitalize())
        elif one.type == "choices" and isinstance(one.value.get("choices"), list):
            said += [word for word in one.value["choices"] if isinstance(word, str)]
        elif one.type == "rating" and isinstance(level := one.value.get("rating"), int):
            said.append(level)
    known = range(1, card.num_levels + 1) if card.kind == "rating" else WORDS[card.kind]
    return said[0] if len(said) == 1 and said[0] in known else None


def _answers(card: TaskCard, order: Tensor, said: Sequence[str | int | None]) -> Statement:
    outcome: dict[str | int | None, Status] = {None: Status.INVALID, "skipped": Status.SKIPPED}
    status = torch.tensor([int(outcome.get(one, Status.ANSWERED)) for one in said])
    if card.kind == "rating":
        level = torch.tensor([one - 1 if isinstance(one, int) else 0 for one in said])
        return Rating(status=status, level=level, num_levels=card.num_levels)
    words = WORDS[card.kind]
    place = torch.tensor([words.index(one) if one in words else 1 for one in said])
    if card.kind == "thumbs":
        return Thumbs(status=status, reaction=place - 1)
    tie = (place == 1) & (status == int(Status.ANSWERED))
    chosen = order.gather(1, (place // 2).unsqueeze(1)).squeeze(1)
    choice = torch.nn.functional.one_hot(chosen, 2).float()
    choice[tie] = 0.5
    choice[status != int(Status.ANSWERED)] = 0.0
    return Comparison(status=status, choice=choice, tie=tie)
