"""Kinds of feedback: what raters state about the segments of queries. `core/likelihoods.py` has their likelihoods."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from prefgym.core.statement import Statement as Statement
from prefgym.core.statement import Status as Status
from prefgym.core.statement import check_width, status_of
from prefgym.core.words import MOST_LEVELS as MOST_LEVELS


@dataclass(frozen=True, eq=False, kw_only=True)
class Comparison(Statement):
    """A choice among K options.

    Raises:
        ValueError: If a tie has another status than ANSWERED, a strength lies outside 0..1, or an answered row of
            `choice` is not a distribution.
    """

    kind = "comparison"
    num_axes: ClassVar[Mapping[str, int]] = MappingProxyType({"choice": 1})
    num_options, usual_options = (2, 1000), 2

    choice: Tensor
    """Share of the choice on each option; rows sum to 1 where answered and are 0 elsewhere. Shape: (B, K)."""
    tie: Tensor
    """Whether the rater called the options equally good. Shape: (B,), bool."""
    strength: Tensor = field(default_factory=lambda: torch.zeros(0))
    """How much better the chosen option is, from 0 (nothing was said) to 1. Shape: (B,); zeros if left out."""

    def __post_init__(self) -> None:
        if not len(self.strength) and len(self.status):
            object.__setattr__(self, "strength", torch.zeros(len(self.status), device=self.status.device))
        super().__post_init__()
        mass = self.answered.to(self.choice.dtype)
        if not torch.allclose(self.choice.sum(-1), mass, atol=1e-5) or bool((self.choice < 0).any()):
            raise ValueError("rows of choice must sum to 1 where answered and be 0 elsewhere")
        if bool((self.tie & ~self.answered).any()):
            raise ValueError("a tie is an answer: its status must be ANSWERED")
        if bool(((self.strength < 0) | (self.strength > 1)).any()):
            raise ValueError("a strength must lie in 0..1")

    def check_shown(self, num_options: int, num_steps: int) -> None:
        """Check that choices are among K options."""
        super().check_shown(num_options, num_steps)
        check_width("choice", self.choice, num_options)

    @classmethod
    def of(
        cls, chosen: Tensor, num_options: int, tie: Tensor | None = None, skipped: Tensor | None = None
    ) -> "Comparison":
        """Build answers from the index of the chosen option (B,); ties share the choice, skips have none."""
        tie = torch.zeros_like(chosen, dtype=torch.bool) if tie is None else tie
        skipped = torch.zeros_like(tie) if skipped is None else skipped
        tie = tie & ~skipped
        choice = torch.nn.functional.one_hot(chosen, num_options).float()
        choice = torch.where(tie.unsqueeze(-1), torch.full_like(choice, 1.0 / num_options), choice)
        return cls(status=status_of(skipped), choice=choice * ~skipped.unsqueeze(-1), tie=tie)

    @classmethod
    def of_best(cls, best: Tensor) -> "Comparison":
        """Build answers that share the choice among the best options; a tie where all are best. Shape: (B, K), bool."""
        status = torch.full(best.shape[:1], int(Status.ANSWERED))
        return cls(status=status, choice=best / best.sum(-1, keepdim=True), tie=best.all(-1))


@dataclass(frozen=True, eq=False, kw_only=True)
class Ranking(Statement):
    """An order of K options, of which the last ones may be left unranked.

    Raises:
        ValueError: If an answered row ranks no option, or ranks do not begin with 0.
    """

    kind = "ranking"
    num_axes: ClassVar[Mapping[str, int]] = MappingProxyType({"rank": 1})
    num_options, usual_options = (2, 1000), 4

    rank: Tensor
    """Rank of each option: 0 for the best, equal for ties, -1 for those left behind the last. Shape: (B, K), int64."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool((self.rank < -1).any()) or bool((self.rank >= self.rank.shape[-1]).any()):
            raise ValueError(f"ranks of {self.rank.shape[-1]} options must lie in -1..{self.rank.shape[-1] - 1}")
        if bool((self.answered & ~(self.rank == 0).any(-1)).any()):
            raise ValueError("an answered ranking must name a best option, of rank 0")
        if bool((~self.answered & (self.rank >= 0).any(-1)).any()):
            raise ValueError("ranks must be -1 where there is no answer")

    def check_shown(self, num_options: int, num_steps: int) -> None:
        """Check that ranks are of K options."""
        super().check_shown(num_options, num_steps)
        check_width("rank", self.rank, num_options)

    @classmethod
    def of(cls, order: Tensor, skipped: Tensor | None = None) -> "Ranking":
        """Build rankings from the options in their order, best first. Shape: (B, K), int64."""
        skipped = torch.zeros(order.shape[:1], dtype=torch.bool) if skipped is None else skipped
        return cls(status=status_of(skipped), rank=order.argsort(-1).masked_fill(skipped.unsqueeze(-1), -1))

    def best(self) -> Comparison:
        """Return the choice of the best option, which several may share."""
        best = (self.rank == 0).float()
        tie = self.answered & (best.sum(-1) == self.rank.shape[-1])
        return Comparison(status=self.status, choice=best / best.sum(-1, keepdim=True).clamp_min(1.0), tie=tie)


@dataclass(frozen=True, eq=False, kw_only=True)
class Rating(Statement):
    """A level of one segment on a scale.

    Raises:
        ValueError: If the scale has fewer than two levels, or a level lies outside of it.
    """

    kind = "rating"
    scale_names = ("num_levels",)

    level: Tensor
    """Level of the segment, 0 for the lowest; 0 as well where there is no answer. Shape: (B,), int64."""
    num_levels: int
    """Number of levels of the scale."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 2 <= self.num_levels <= MOST_LEVELS:
            raise ValueError(f"a scale has 2 to {MOST_LEVELS} levels, not {self.num_levels}")
        if bool(((self.level < 0) | (self.level >= self.num_levels)).any()):
            raise ValueError(f"a level must lie in 0..{self.num_levels - 1}")


class Reaction(IntEnum):
    """A reaction to one segment."""

    BAD = -1
    SILENT = 0
    """The segment was shown, and the rater did not react."""
    GOOD = 1


@dataclass(frozen=True, eq=False, kw_only=True)
class Thumbs(Statement):
    """Good, bad or no reaction to one segment.

    Raises:
        ValueError: If a reaction is unknown, or there is one without an answer.
    """

    kind = "thumbs"

    reaction: Tensor
    """A `Reaction` per query; silent where there is no answer. Shape: (B,), int64."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool((self.reaction.abs() > 1).any()) or bool((~self.answered & (self.reaction != 0)).any()):
            raise ValueError("a reaction must be -1 (bad), 0 (silent) or 1 (good), and 0 where there is no answer")


@dataclass(frozen=True, eq=False, kw_only=True)
class Mark(Statement):
    """A part of one segment that is better or worse than the rest of it.

    Raises:
        ValueError: If a share lies outside 0..1, an answered row marks nothing, or another one marks something.
    """

    kind = "mark"
    num_axes: ClassVar[Mapping[str, int]] = MappingProxyType({"share": 1})

    share: Tensor
    """How much of each step is meant, from 0 to 1: 1 on a marked stretch. Shape: (B, T)."""
    good: Tensor
    """Whether the part is good, rather than bad. Shape: (B,), bool."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(((self.share < 0) | (self.share > 1)).any()):
            raise ValueError("the share of a step must lie in 0..1")
        if not torch.equal((self.share > 0).any(-1), self.answered):
            raise ValueError("an answered mark must mean a step, and another one none")

    def check_shown(self, num_options: int, num_steps: int) -> None:
        """Check that shares are of T steps."""
        super().check_shown(num_options, num_steps)
        check_width("share", self.share, num_steps)

    @classmethod
    def of(cls, start: Tensor, end: Tensor, good: Tensor, num_steps: int) -> "Mark":
        """Build marks of the steps from `start` up to `end`, which is not included. Shapes: (B,) each."""
        step = torch.arange(num_steps)
        share = (step >= start.unsqueeze(-1)) & (step < end.unsqueeze(-1))
        return cls(status=torch.full_like(start, int(Status.ANSWERED)), share=share.float(), good=good)

    @classmethod
    def of_press(cls, press: Tensor, good: Tensor, delay: Tensor, num_steps: int) -> "Mark":
        """Build marks of a button pressed while watching (credit assignment of TAMER, Knox and Stone 2009).

        Args:
            press: Step at which it was pressed. Shape: (B,), int64.
            good: Whether it means good. Shape: (B,), bool.
            delay: Probability that the reaction took 0, 1 ... D-1 steps. Shape: (D,).
            num_steps: T.

        Raises:
            ValueError: If the delay is no distribution, or all of it lies before the segment.
        """
        if bool((delay < 0).any()) or abs(float(delay.sum()) - 1.0) > 1e-4:
            raise ValueError("the probabilities of the delays must sum to 1")
        # share of step t = P(delay = press - t)
        took = press.unsqueeze(-1) - torch.arange(num_steps)
        share = torch.where((took >= 0) & (took < len(delay)), delay[took.clamp(0, len(delay) - 1)], 0.0)
        return cls(status=torch.full_like(press, int(Status.ANSWERED)), share=share, good=good)


@dataclass(frozen=True, eq=False, kw_only=True)
class Intervention(Statement):
    """Steps of one segment in which somebody took over. No learner fits it yet.

    Raises:
        ValueError: If an answered row has no steps.
    """

    kind = "intervention"

    start: Tensor
    """First step taken by the other; 0 where there is no answer. Shape: (B,), int64."""
    end: Tensor
    """Step at which it ended, not included; 0 where there is no answer. Shape: (B,), int64."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(((self.start < 0) | (self.answered != (self.end > self.start))).any()):
            raise ValueError("an answered intervention must have a step, and another one none")


@dataclass(frozen=True, eq=False, kw_only=True)
class Correction(Statement):
    """Actions that would have been better than those of one segment, or words that say so. No learner fits it yet.

    Raises:
        ValueError: If the actions do not fit the segment, or the words are not UTF-8.
    """

    kind = "correction"
    num_axes: ClassVar[Mapping[str, int]] = MappingProxyType({"action": 2, "words": 1})

    action: Tensor
    """The better actions; 0 where there is no answer, or an answer in words alone. Shape: (B, T, A)."""
    words: Tensor = field(default_factory=lambda: torch.zeros(0, 0, dtype=torch.uint8))
    """What was said, in UTF-8, right-padded with zeros: see `encoded`. Shape: (B, W), uint8; no words if left out."""

    def __post_init__(self) -> None:
        if not len(self.words):
            object.__setattr__(self, "words", self.words.new_zeros(len(self.status), 0))
        super().__post_init__()
        if self.words.dim() != 2 or self.words.dtype != torch.uint8:
            raise ValueError(
                f"words has shape {tuple(self.words.shape)} of {self.words.dtype}, expected (B, W) of uint8"
            )
        for row in self.words.cpu().numpy() if self.words.numel() else ():
            bytes(row).decode()  # raises a ValueError

    def check_shown(self, num_options: int, num_steps: int) -> None:
        """Check that there is an action for each of T steps."""
        super().check_shown(num_options, num_steps)
        if self.action.dim() != 3:
            raise ValueError(f"action has shape {tuple(self.action.shape)}, expected (B, T, A)")
        check_width("action", self.action[..., 0], num_steps)

    @property
    def texts(self) -> list[str]:
        """Return what was said in each answer."""
        return [bytes(row).rstrip(b"\0").decode() for row in self.words.cpu().numpy()]

    @staticmethod
    def encoded(texts: Sequence[str]) -> Tensor:
        """Return `words` of texts. Shape: (B, W), uint8.

        >>> Correction.encoded(["", "ab"])
        tensor([[ 0,  0],
                [97, 98]], dtype=torch.uint8)
        """
        rows = [text.encode() for text in texts]
        width = max(map(len, rows), default=0)
        return torch.tensor([[*row.ljust(width, b"\0")] for row in rows], dtype=torch.uint8).reshape(len(rows), width)

    @classmethod
    def cat(cls, parts: Sequence[Self]) -> Self:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Concatenate corrections; words are padded to the longest ones."""
        width = max(part.words.shape[-1] for part in parts)
        words = torch.cat([torch.nn.functional.pad(part.words, (0, width - part.words.shape[-1])) for part in parts])
        return cls(
            status=torch.cat([part.status for part in parts]),
            action=torch.cat([part.action for part in parts]),
            words=words,
        )

    def rows(self) -> list[dict[str, Any]]:
        """Return the values of each row but for its status, with words as text."""
        return [{**row, "words": text} for row, text in zip(super().rows(), self.texts)]

    @classmethod
    def _of_values(cls, name: str, values: list[Any]) -> Tensor:
        return cls.encoded(values) if name == "words" else super()._of_values(name, values)


@dataclass(frozen=True, eq=False, kw_only=True)
class Demonstration(Statement):
    """A segment that shows what to do. Agents that clone get theirs from datasets; no learner fits it yet."""

    kind = "demonstration"


KINDS: dict[str, type[Statement]] = {
    one.kind: one for one in (Comparison, Ranking, Rating, Thumbs, Mark, Intervention, Correction, Demonstration)
}
"""All kinds by name."""
