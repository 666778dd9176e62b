"""Statements: what all kinds of feedback have in common."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, fields
from enum import IntEnum
from types import MappingProxyType
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from prefgym.common.finite import check_finite


class Status(IntEnum):
    """The outcome of a query."""

    ANSWERED = 0
    """The rater stated something: a tie and a silence are answers."""
    SKIPPED = 1
    """The rater declined, since the options cannot be judged."""
    FAILED = 2
    """There is no answer."""
    INVALID = 3
    """There is an answer, but it cannot be interpreted."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Statement:
    """What was stated about each of B queries: the base of all kinds of feedback.

    Every field is a tensor with one row for each query. Rows without an answer hold nothing: zeros, or -1 for ranks.

    Raises:
        NotFiniteError: If a number is not finite.
        ValueError: If shapes disagree, a status is unknown, or a row is not a statement of this kind.
    """

    kind: ClassVar[str]
    """Name of the kind, in files and on the command line."""
    num_options: ClassVar[tuple[int, int]] = (1, 1)
    """Least and most segments of a query."""
    usual_options: ClassVar[int] = 1
    """Segments of a query, if the sampler sets no number."""
    scale_names: ClassVar[tuple[str, ...]] = ()
    """Fields that are no tensors: what all rows have in common."""
    num_axes: ClassVar[Mapping[str, int]] = MappingProxyType({})
    """Axes of each row, of fields with more than one number a row."""
    whole: ClassVar[frozenset[str]] = frozenset({"rank", "level", "reaction", "start", "end"})
    """Fields of whole numbers."""

    status: Tensor
    """A `Status` per query. Shape: (B,), int64."""

    def __post_init__(self) -> None:
        if self.status.numel() and not (int(self.status.min()) >= 0 and int(self.status.max()) < len(Status)):
            raise ValueError(f"a status must be one of {', '.join(f'{s:d} ({s.name})' for s in Status)}")
        for name, value in self.tensors().items():
            if value.shape[:1] != self.status.shape:
                shapes = ", ".join(f"{name} {tuple(value.shape)}" for name, value in self.tensors().items())
                raise ValueError(f"{shapes} do not fit together")
            if value.dim() != 1 + self.num_axes.get(name, 0):
                axes = ("B", "...")[: 1 + min(self.num_axes.get(name, 0), 1)]
                raise ValueError(f"{name} has shape {tuple(value.shape)}, expected ({', '.join(axes)})")
            if name in self.whole and value.dtype != torch.long:
                raise ValueError(f"{name} has the type {value.dtype}, and not whole numbers: torch.int64")
            if value.is_floating_point():
                check_finite("a label" if name == "choice" else f"the {name} of an answer", value, status=self.status)

    def check_shown(self, num_options: int, num_steps: int) -> None:
        """Check that the statements fit queries of K options of at most T steps.

        Raises:
            ValueError: If they do not.
        """
        least, most = self.num_options
        if not least <= num_options <= most:
            shows = f"{least} segment" if most == 1 else f"at least {least} segments"
            raise ValueError(f"a {self.kind} is about {shows}, and these queries show {num_options}")

    @property
    def scale(self) -> tuple[int, ...]:
        """Return what all rows have in common; statements are concatenated if kind and scale are the same."""
        return tuple(getattr(self, name) for name in self.scale_names)

    @property
    def answered(self) -> Tensor:
        """Return which queries have an answer. Shape: (B,), bool."""
        return self.status == int(Status.ANSWERED)

    def tensors(self) -> dict[str, Tensor]:
        """Return the rows of all fields, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in self.scale_names}

    def map(self, fn: Callable[[Tensor], Tensor]) -> Self:
        """Apply a function to every tensor, along its first axis."""
        return self._of({name: fn(value) for name, value in self.tensors().items()})

    def _of(self, tensors: dict[str, Tensor]) -> Self:
        values: dict[str, Any] = {**tensors, **dict(zip(self.scale_names, self.scale))}
        return type(self)(**values)

    def __len__(self) -> int:
        return len(self.status)

    def __getitem__(self, index: Any) -> Self:  # noqa: ANN401
        """Select rows by a slice, mask or index tensor over B."""
        return self.map(lambda value: value[index])

    def at(self, index: Tensor) -> Self:
        """Select rows without checking them again; an index of several axes gives each row these axes."""
        rows = copy(self)
        for name, value in self.tensors().items():
            object.__setattr__(rows, name, value[index])
        return rows

    @classmethod
    def cat(cls, parts: Sequence[Self]) -> Self:
        """Concatenate statements of one kind and scale."""
        names = parts[0].tensors()
        return parts[0]._of({name: torch.cat([part.tensors()[name] for part in parts]) for name in names})

    def rows(self) -> list[dict[str, Any]]:
        """Return the values of each row but for its status, as JSON has them, in the precision of files."""
        values = {name: value for name, value in self.tensors().items() if name != "status"}
        lists = {name: (v.float() if v.is_floating_point() else v).cpu().numpy().tolist() for name, v in values.items()}
        common = dict(zip(self.scale_names, self.scale))
        return [{**{name: column[row] for name, column in lists.items()}, **common} for row in range(len(self))]

    @classmethod
    def of_rows(cls, status: Tensor, rows: Sequence[dict[str, Any]]) -> Self:
        """Build statements from the output of `rows`, which have one scale.

        Raises:
            ValueError: If they are not statements of this kind.
        """
        names = [f.name for f in fields(cls) if f.name != "status"]
        if any(sorted(row) != sorted(names) for row in rows):
            raise ValueError(f"a {cls.kind} has the values {', '.join(names) or 'none'}, and nothing else")
        values: dict[str, Any] = {n: cls._of_values(n, [r[n] for r in rows]) for n in names if n not in cls.scale_names}
        return cls(status=status, **values, **{name: rows[0][name] for name in cls.scale_names})

    @classmethod
    def _of_values(cls, name: str, values: list[Any]) -> Tensor:
        """Build a field from its values in rows."""
        return torch.tensor(values)


def status_of(skipped: Tensor) -> Tensor:
    """Return the status of queries of which some were skipped. Shape: (B,)."""
    return torch.where(skipped, int(Status.SKIPPED), int(Status.ANSWERED))


def check_width(name: str, value: Tensor, width: int) -> None:
    """Check the second axis of values.

    Raises:
        ValueError: If it is another one.
    """
    if value.shape[1:] != (width,):
        raise ValueError(f"{name} has shape {tuple(value.shape)}, expected {(len(value), width)}")
