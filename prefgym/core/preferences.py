"""Preferences: answers of one kind to queries, with their provenance."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, Self

import torch
from torch import Tensor
from typing_extensions import TypeVar

from prefgym.common.finite import check_finite
from prefgym.core.kinds import Comparison as Comparison
from prefgym.core.kinds import Statement, Status
from prefgym.core.queries import Queries
from prefgym.core.words import BETTER as BETTER

if TYPE_CHECKING:
    from prefgym.core.feedback import Feedback

Answers = Comparison
"""The name from the time when a choice was the only kind of feedback."""

S = TypeVar("S", bound=Statement, default=Comparison, covariant=True)
Q = TypeVar("Q", bound=Statement)


@dataclass(frozen=True, kw_only=True)
class Sitting:
    """A stretch of time in which a person answered."""

    name: str
    """Name that is unique in a study."""
    device: str = ""
    """Device and browser."""
    duration_s: float = 0.0
    """Length."""
    consent: str = ""
    """Consent that the person gave."""
    instructions: str = ""
    """Version of the instructions that the person read."""


@dataclass(frozen=True, kw_only=True)
class RaterInfo:
    """A rater, as recorded with its answers."""

    name: str
    """Registered name, such as `partial-return`; for people, a pseudonym."""
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    """Its configuration, JSON-serialisable."""
    kind: Literal["simulated", "human", "vlm"] = "simulated"
    """A program, a person, or a vision-language model."""
    sitting: Sitting | None = None
    """The sitting of a person."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Preferences(Generic[S]):
    """B answered queries of K options; all answers are of one kind. Several rows may answer one query.

    Raises:
        NotFiniteError: If the time that an answer took is not finite.
        ValueError: If the arrays do not fit the queries.
    """

    queries: Queries
    answers: S
    rater: Tensor
    """The rater of each query, an index into `raters`. Shape: (B,), int64."""
    raters: tuple[RaterInfo, ...]
    shown_order: Tensor
    """Options in the order in which the rater saw them. Shape: (B, K), int64."""
    seconds: Tensor
    """Time the rater took, in seconds; 0 for scripted raters. Shape: (B,)."""
    criterion: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.long))
    """What was asked about, an index into `criteria`. Shape: (B,), int64; zeros if left out."""
    criteria: tuple[str, ...] = (BETTER,)
    """Criteria by name."""
    revision: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.long))
    """0 for a rater's first answer to a question, n for the one that supersedes answer n-1. Shape: (B,), int64; zeros
    if left out."""
    event: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.long))
    """Number of the answer in the store that took it; 0 if none did. Shape: (B,), int64; zeros if left out."""

    def __post_init__(self) -> None:
        num_queries, num_options = len(self.queries), self.queries.num_options
        for name in ("criterion", "revision", "event"):
            if not len(value := getattr(self, name)) and num_queries:
                zeros = torch.zeros(num_queries, dtype=torch.long, device=self.rater.device)
                object.__setattr__(self, name, zeros.to(value))
        self.answers.check_shown(num_options, self.queries.options.num_steps)
        wanted = {
            "status": (self.answers.status, (num_queries,)),
            "rater": (self.rater, (num_queries,)),
            "shown_order": (self.shown_order, (num_queries, num_options)),
            "seconds": (self.seconds, (num_queries,)),
            "criterion": (self.criterion, (num_queries,)),
            "revision": (self.revision, (num_queries,)),
            "event": (self.event, (num_queries,)),
        }
        for name, (value, shape) in wanted.items():
            if value.shape != shape:
                raise ValueError(f"{name} has shape {tuple(value.shape)}, expected {shape}")
        _check_index("rater", self.rater, "raters", len(self.raters))
        _check_index("criterion", self.criterion, "criteria", len(self.criteria))
        if num_queries and int(torch.minimum(self.revision, self.event).min()) < 0:
            raise ValueError("revisions and events are numbered from 0")
        order = torch.arange(num_options, device=self.shown_order.device).expand(num_queries, -1)
        if not torch.equal(self.shown_order.long().sort(-1).values, order):
            raise ValueError("shown_order does not name each option once")
        check_finite("the time of an answer", self.seconds)

    @classmethod
    def of(cls, queries: Queries, answers: Q, rater: RaterInfo, criterion: str = BETTER) -> "Preferences[Q]":
        """Attribute `answers` to one rater that saw the options in order and took no time."""
        num_queries, num_options = len(queries), queries.num_options
        return Preferences(
            queries=queries,
            answers=answers,
            rater=torch.zeros(num_queries, dtype=torch.long),
            raters=(rater,),
            shown_order=torch.arange(num_options).repeat(num_queries, 1),
            seconds=torch.zeros(num_queries),
            criteria=(criterion,),
        )

    @property
    def query_id(self) -> Tensor:
        """Return the numbers of the queries. Shape: (B,), int64."""
        return self.queries.query_id

    @property
    def parts(self) -> "tuple[Preferences[Statement], ...]":
        """Return the only part, as `Feedback` returns all of its kinds."""
        return (self,)

    @property
    def only(self) -> Self:
        """Return these, as `Feedback` returns its only part."""
        return self

    def __len__(self) -> int:
        return len(self.queries)

    def __getitem__(self, index: Any) -> Self:  # noqa: ANN401
        """Select preferences by a slice, mask or index tensor over B."""
        rows = {name: getattr(self, name)[index] for name in _ROWS}
        return replace(self, queries=self.queries[index], answers=self.answers[index], **rows)

    def __repr__(self) -> str:
        counts = {s.name.lower(): int((self.answers.status == int(s)).sum()) for s in Status}
        ties = f", {int(self.answers.tie.sum())} ties" if isinstance(self.answers, Comparison) else ""
        return f"Preferences({len(self)} of {self.answers.kind}: {counts}{ties}, {self.queries!r})"

    def save(self, path: Path | str) -> None:
        """Write `path`.safetensors and `path`.json, as run folders hold them, and the folder if it is missing.

        Raises:
            UserError: If they cannot be written.
        """
        # by name, since files stand above the types that they hold
        importlib.import_module("prefgym.data.tables").save_preferences(Path(path), self)

    @classmethod
    def load(cls, path: Path | str) -> "Feedback":
        """Read answers; no code of a file is run.

        Args:
            path: The path given to `save`, a run folder, or a folder that `write_feedback` wrote.

        Raises:
            UserError: If there are none, or a file is damaged.
        """
        return importlib.import_module("prefgym.data.recorded").recorded(path)

    def without_truth(self) -> Self:
        """Drop task reward, factors, physics state and images, which a learner must not see."""
        return replace(self, queries=self.queries.without_truth())

    @classmethod
    def cat(cls, parts: "Sequence[Preferences[Q]]") -> "Preferences[Q]":
        """Concatenate preferences of one kind; the tables of raters and criteria are merged."""
        raters, rater = _merged([(part.raters, part.rater) for part in parts])
        criteria, criterion = _merged([(part.criteria, part.criterion) for part in parts])
        others = ("shown_order", "seconds", "revision", "event")
        rows = {name: torch.cat([getattr(part, name) for part in parts]) for name in others}
        return Preferences(
            queries=Queries.cat([part.queries for part in parts]),
            answers=type(parts[0].answers).cat([part.answers for part in parts]),
            rater=rater,
            raters=raters,
            criterion=criterion,
            criteria=criteria,
            **rows,
        )


_ROWS = ("rater", "shown_order", "seconds", "criterion", "revision", "event")

E = TypeVar("E")


def _check_index(name: str, index: Tensor, table: str, size: int) -> None:
    if len(index) and not (int(index.min()) >= 0 and int(index.max()) < size):
        raise ValueError(f"{name} {int(index.max())} is not among the {size} {table}")


def _merged(parts: Sequence[tuple[tuple[E, ...], Tensor]]) -> tuple[tuple[E, ...], Tensor]:
    """Merge tables, and the indices into them."""
    table: list[E] = []
    index: list[Tensor] = []
    for entries, rows in parts:
        table += [entry for number, entry in enumerate(entries) if entry not in (*table, *entries[:number])]
        index.append(torch.tensor([table.index(entry) for entry in entries], device=rows.device)[rows])
    return tuple(table), torch.cat(index)
