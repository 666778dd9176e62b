"""Preferences: answered queries with their provenance."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from prefgym.common.finite import check_finite
from prefgym.core.queries import Queries


class Status(IntEnum):
    """The outcome of a query."""

    ANSWERED = 0
    """The rater chose, or called a tie."""
    SKIPPED = 1
    """The rater declined, since the options cannot be compared."""
    FAILED = 2
    """There is no answer."""
    INVALID = 3
    """There is an answer, but it cannot be interpreted."""


@dataclass(frozen=True, kw_only=True)
class RaterInfo:
    """A rater, as recorded with its answers."""

    name: str
    """Registered name, such as `partial-return`."""
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    """Its configuration, JSON-serialisable."""
    kind: Literal["simulated", "human", "vlm"] = "simulated"
    """A program, a person, or a vision-language model."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Answers:
    """The answers to B queries of K options.

    Raises:
        NotFiniteError: If a choice is not finite.
        ValueError: If shapes disagree, a status is unknown, a tie has another status than ANSWERED, or an answered row
            of `choice` is not a distribution.
    """

    status: Tensor
    """A `Status` per query. Shape: (B,), int64."""
    choice: Tensor
    """Share of the choice on each option; rows sum to 1 where answered and are 0 elsewhere. Shape: (B, K)."""
    tie: Tensor
    """Whether the rater called the options equally good. Shape: (B,), bool."""

    def __post_init__(self) -> None:
        if self.choice.shape[:1] != self.status.shape or self.tie.shape != self.status.shape:
            raise ValueError(
                f"status {tuple(self.status.shape)}, choice {tuple(self.choice.shape)} and tie {tuple(self.tie.shape)}"
                " do not fit together"
            )
        if self.status.numel() and not (int(self.status.min()) >= 0 and int(self.status.max()) < len(Status)):
            raise ValueError(f"a status must be one of {', '.join(f'{s:d} ({s.name})' for s in Status)}")
        check_finite("a label", self.choice, status=self.status)
        mass = self.answered.to(self.choice.dtype)
        if not torch.allclose(self.choice.sum(-1), mass, atol=1e-5) or bool((self.choice < 0).any()):
            raise ValueError("rows of choice must sum to 1 where answered and be 0 elsewhere")
        if bool((self.tie & ~self.answered).any()):
            raise ValueError("a tie is an answer: its status must be ANSWERED")

    @classmethod
    def of(
        cls, chosen: Tensor, num_options: int, tie: Tensor | None = None, skipped: Tensor | None = None
    ) -> "Answers":
        """Build answers from the index of the chosen option (B,); ties share the choice, skips have none."""
        tie = torch.zeros_like(chosen, dtype=torch.bool) if tie is None else tie
        skipped = torch.zeros_like(tie) if skipped is None else skipped
        tie = tie & ~skipped
        choice = torch.nn.functional.one_hot(chosen, num_options).float()
        choice = torch.where(tie.unsqueeze(-1), torch.full_like(choice, 1.0 / num_options), choice)
        status = torch.where(skipped, int(Status.SKIPPED), int(Status.ANSWERED))
        return cls(status=status, choice=choice * ~skipped.unsqueeze(-1), tie=tie)

    @classmethod
    def of_best(cls, best: Tensor) -> "Answers":
        """Build answers that share the choice among the best options; a tie where all are best. Shape: (B, K), bool."""
        status = torch.full(best.shape[:1], int(Status.ANSWERED))
        return cls(status=status, choice=best / best.sum(-1, keepdim=True), tie=best.all(-1))

    @property
    def answered(self) -> Tensor:
        """Return which queries have an answer, ties included. Shape: (B,), bool."""
        return self.status == int(Status.ANSWERED)


@dataclass(frozen=True, eq=False, kw_only=True)
class Preferences:
    """B answered queries.

    Raises:
        NotFiniteError: If the time that an answer took is not finite.
        ValueError: If the arrays do not fit the queries.
    """

    queries: Queries
    answers: Answers
    rater: Tensor
    """The rater of each query, an index into `raters`. Shape: (B,), int64."""
    raters: tuple[RaterInfo, ...]
    shown_order: Tensor
    """Options in the order in which the rater saw them. Shape: (B, K), int64."""
    seconds: Tensor
    """Time the rater took, in seconds; 0 for scripted raters. Shape: (B,)."""

    def __post_init__(self) -> None:
        num_queries, num_options = len(self.queries), self.queries.num_options
        wanted = {
            "choice": (self.answers.choice, (num_queries, num_options)),
            "rater": (self.rater, (num_queries,)),
            "shown_order": (self.shown_order, (num_queries, num_options)),
            "seconds": (self.seconds, (num_queries,)),
        }
        for name, (value, shape) in wanted.items():
            if value.shape != shape:
                raise ValueError(f"{name} has shape {tuple(value.shape)}, expected {shape}")
        if num_queries and int(self.rater.max()) >= len(self.raters):
            raise ValueError(f"rater {int(self.rater.max())} is not among the {len(self.raters)} raters")
        order = torch.arange(num_options, device=self.shown_order.device).expand(num_queries, -1)
        if not torch.equal(self.shown_order.long().sort(-1).values, order):
            raise ValueError("shown_order does not name each option once")
        check_finite("the time of an answer", self.seconds)

    @classmethod
    def of(cls, queries: Queries, answers: Answers, rater: RaterInfo) -> "Preferences":
        """Attribute `answers` to one rater that saw the options in order and took no time."""
        num_queries, num_options = len(queries), queries.num_options
        return cls(
            queries=queries,
            answers=answers,
            rater=torch.zeros(num_queries, dtype=torch.long),
            raters=(rater,),
            shown_order=torch.arange(num_options).repeat(num_queries, 1),
            seconds=torch.zeros(num_queries),
        )

    @property
    def query_id(self) -> Tensor:
        """Return the numbers of the queries. Shape: (B,), int64."""
        return self.queries.query_id

    def __len__(self) -> int:
        return len(self.queries)

    def __getitem__(self, index: Any) -> "Preferences":  # noqa: ANN401
        """Select preferences by a slice, mask or index tensor over B."""
        answers = Answers(**{f.name: getattr(self.answers, f.name)[index] for f in fields(Answers)})
        return Preferences(
            queries=self.queries[index],
            answers=answers,
            rater=self.rater[index],
            raters=self.raters,
            shown_order=self.shown_order[index],
            seconds=self.seconds[index],
        )

    def __repr__(self) -> str:
        counts = {s.name.lower(): int((self.answers.status == int(s)).sum()) for s in Status}
        return f"Preferences({len(self)}: {counts}, {int(self.answers.tie.sum())} ties, {self.queries!r})"

    def save(self, path: Path | str) -> None:
        """Write `path`.safetensors and `path`.json, as run folders hold them, and the folder if it is missing.

        Raises:
            UserError: If they cannot be written.
        """
        # by name, since files stand above the types that they hold
        importlib.import_module("prefgym.data.tables").save_preferences(Path(path), self)

    @classmethod
    def load(cls, path: Path | str) -> "Preferences":
        """Read preferences; no code of a file is run.

        Args:
            path: The path given to `save`, a run folder, or a folder that `write_feedback` wrote.

        Raises:
            UserError: If there are none, or a file is damaged.
        """
        return importlib.import_module("prefgym.data.recorded").recorded(path)

    def without_truth(self) -> "Preferences":
        """Drop task reward, factors, physics state and images, which a learner must not see."""
        return replace(self, queries=self.queries.without_truth())

    @classmethod
    def cat(cls, parts: Sequence["Preferences"]) -> "Preferences":
        """Concatenate preferences; the tables of raters are merged."""
        raters: list[RaterInfo] = []
        index: list[Tensor] = []
        for part in parts:
            for info in part.raters:
                if info not in raters:
                    raters.append(info)
            index.append(torch.tensor([raters.index(info) for info in part.raters])[part.rater])
        answers = {f.name: torch.cat([getattr(part.answers, f.name) for part in parts]) for f in fields(Answers)}
        return cls(
            queries=Queries.cat([part.queries for part in parts]),
            answers=Answers(**answers),
            rater=torch.cat(index),
            raters=tuple(raters),
            shown_order=torch.cat([part.shown_order for part in parts]),
            seconds=torch.cat([part.seconds for part in parts]),
        )
