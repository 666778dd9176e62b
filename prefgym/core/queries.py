"""Queries: K segments shown together, the unit in which feedback is requested and counted."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from prefgym.core.segments import Segments


@dataclass(frozen=True, eq=False, kw_only=True)
class Queries:
    """B queries of K segments each.

    Raises:
        ValueError: If `options` lacks the two batch axes (B, K) with K >= 1, or the others do not fit B.
    """

    options: Segments
    """The segments shown; at least two where there is a choice. Batch shape: (B, K)."""
    query_id: Tensor
    """A number that is unique in a run. Shape: (B,), int64."""
    asked_at: Tensor
    """Environment steps taken when the query was asked. Shape: (B,), int64."""

    def __post_init__(self) -> None:
        shape = self.options.batch_shape
        if len(shape) != 2 or shape[1] < 1:
            raise ValueError(f"a query shows at least one segment: options have batch shape {tuple(shape)}")
        for name, value in (("query_id", self.query_id), ("asked_at", self.asked_at)):
            if value.shape != shape[:1]:
                raise ValueError(f"{name} has shape {tuple(value.shape)}, expected {tuple(shape[:1])}")

    @classmethod
    def of(cls, options: Segments, first_id: int = 0, asked_at: int = 0) -> "Queries":
        """Make queries of `options` (B, K), numbered from `first_id` on."""
        num_queries = options.batch_shape[0]
        query_id = torch.arange(first_id, first_id + num_queries)
        return cls(options=options, query_id=query_id, asked_at=torch.full((num_queries,), asked_at))

    @property
    def num_options(self) -> int:
        """Return K."""
        return self.options.batch_shape[1]

    def __len__(self) -> int:
        return self.options.batch_shape[0]

    def __getitem__(self, index: Any) -> "Queries":  # noqa: ANN401
        """Select queries by a slice, mask or index tensor over B."""
        return Queries(options=self.options[index], query_id=self.query_id[index], asked_at=self.asked_at[index])

    def __repr__(self) -> str:
        return f"Queries({len(self)} of {self.num_options} options, {self.options!r})"

    def without_truth(self) -> "Queries":
        """Drop task reward, factors, physics state and images."""
        return replace(self, options=self.options.without_truth())

    @classmethod
    def cat(cls, parts: Sequence["Queries"]) -> "Queries":
        """Concatenate queries."""
        return cls(
            options=Segments.cat([part.options for part in parts]),
            query_id=torch.cat([part.query_id for part in parts]),
            asked_at=torch.cat([part.asked_at for part in parts]),
        )


def shown_sum(options: Segments) -> str:
    """Return the SHA-256 over length (int64), obs and action (float32) of K options, one after the other, unpadded."""
    checksum = hashlib.sha256()
    for length, obs, action in zip(options.length, options.obs, options.action):
        for array in (length.long(), obs[: int(length) + 1].float(), action[: int(length)].float()):
            checksum.update(array.cpu().contiguous().numpy().tobytes())
    return checksum.hexdigest()
