"""A CSV of answers about trajectories that are named by their numbers.

    first,second,choice            a column for each option: first, second, third ... tenth
    0,3,second                     the choice is the name of a column, or tie, skipped, failed, invalid
    1,2,tie

`first_start` and `first_end` cut an option to these steps of its trajectory, the last one excluded. `rater` is the
pseudonym of who answered, `seconds` the time it took. These cells may be empty.
"""

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from prefgym.buffers.base_recorder import BaseRecorder
from prefgym.common.errors import DamageError, UserError
from prefgym.common.files import read_bytes
from prefgym.common.limits import shortened
from prefgym.core.preferences import Comparison, Preferences, RaterInfo, Status
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.data.importers.base import ImportCfg

OPTIONS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_OTHERS = ("tie", *(status.name.lower() for status in Status if status is not Status.ANSWERED))
MOST_ANSWERS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class AnswerTable:
    """The columns of a CSV of answers, as text."""

    file: Path
    """The file."""
    columns: dict[str, list[str]]
    """The cells of each column, by its name."""

    @property
    def options(self) -> tuple[str, ...]:
        """Return the names of the options."""
        return tuple(name for name in OPTIONS if name in self.columns)

    def whole(self, name: str, otherwise: Tensor | None = None) -> Tensor:
        """Return a column of whole numbers. Shape: (B,), int64.

        Args:
            name: The column.
            otherwise: Numbers in the place of a missing column and of empty cells; None if all are needed. (B,).

        Raises:
            UserError: If a cell is no whole number.
        """
        if otherwise is not None and name not in self.columns:
            return otherwise
        cells = self._checked(
            name, lambda one: one.isdecimal() or (not one and otherwise is not None), "a whole number"
        )
        numbers = torch.tensor([int(one or -1) for one in cells])
        return numbers if otherwise is None else torch.where(numbers < 0, otherwise, numbers)

    def seconds(self) -> Tensor:
        """Return the time of each answer, 0 where none is given. Shape: (B,).

        Raises:
            UserError: If a cell is no number of 0 or more.
        """
        cells = self._checked("seconds", lambda one: bool(re.fullmatch(r"(\d+(\.\d*)?)?", one)), "a number of seconds")
        return torch.tensor([float(one or 0) for one in cells])

    def answers(self) -> Comparison:
        """Return the answers.

        Raises:
            UserError: If a choice is neither an option nor one of the other words.
        """
        words = (*self.options, *_OTHERS)
        cells = self._checked("choice", words.__contains__, f"one of {', '.join(words)}")
        chosen = torch.tensor([words.index(one) for one in cells])
        num_options = len(self.options)
        # the words after the options: the tie, then the statuses but for ANSWERED, in their order
        status = (chosen - num_options).clamp_min(int(Status.ANSWERED))
        tie = chosen == num_options
        choice = torch.nn.functional.one_hot(chosen, len(words))[:, :num_options].float()
        choice[tie] = 1 / num_options
        return Comparison(status=status, choice=choice, tie=tie)

    def check(self, fits: Tensor, complaint: str) -> None:
        """Check a condition of each option. Shape: (B, K), bool.

        Raises:
            UserError: If it does not hold; the message names the line.
        """
        if not bool(fits.all()):
            raise UserError(f"{self.file}: line {int((~fits).any(-1).int().argmax()) + 2} {complaint}.")

    def _checked(self, name: str, fits: Callable[[str], bool], expected: str) -> list[str]:
        cells = self.columns[name]
        for line, cell in enumerate(cells, start=2):
            if not fits(cell) or len(cell) > 18:
                raise UserError(f"{self.file}: {name} in line {line} is {shortened(cell)!r}, expected {expected}.")
        return cells


def read_answers(file: Path) -> AnswerTable:
    """Read a CSV of answers.

    Raises:
        UserError: If it is missing, too large, no CSV, or a column is unknown or missing.
    """
    try:
        rows = list(csv.reader(read_bytes(file).decode("utf-8-sig").rstrip().splitlines(), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DamageError(f"{file} cannot be read as a CSV of answers: {error}.") from None
    names, cells = [name.strip() for name in rows[0]] if rows else [], rows[1:]
    options = [name for name in OPTIONS if name in names]
    known = {*options, "choice", "rater", "seconds", *(f"{one}_{end}" for one in options for end in ("start", "end"))}
    if options != list(OPTIONS[: len(options)]) or len(options) < 2 or "choice" not in names:
        raise UserError(f"{file} needs the columns first, second and choice: it has {shortened(', '.join(names))}.")
    if unknown := [name for name in names if name not in known]:
        raise UserError(f"{file} has a column {shortened(unknown[0])!r}, which is none of {', '.join(sorted(known))}.")
    if len(set(names)) < len(names):
        raise UserError(f"{file} has two columns of one name.")
    if not 0 < len(cells) <= MOST_ANSWERS:
        raise UserError(f"{file} has {len(cells):,} answers, expected 1 to {MOST_ANSWERS:,}.")
    for line, row in enumerate(cells, start=2):
        if len(row) != len(names):
            raise UserError(f"{file}: line {line} has {len(row)} cells, and the first line {len(names)}.")
    return AnswerTable(file=file, columns={name: [row[i].strip() for row in cells] for i, name in enumerate(names)})


def answered_about(recorder: BaseRecorder, table: AnswerTable, cfg: ImportCfg) -> Preferences:
    """Cut the options out of recorded trajectories, and make preferences of the answers.

    Args:
        recorder: Whole trajectories, one after the other in one environment.
        table: The answers.
        cfg: What is known of them.

    Raises:
        UserError: If an answer is about a trajectory or a step that there is not.
    """
    rows = recorder.starts(1)
    first = torch.cat([torch.ones(1, dtype=torch.bool), rows.diff() > 1]).nonzero().squeeze(-1)
    length = torch.cat([first, torch.tensor([len(rows)])]).diff()
    number = torch.stack([table.whole(one) for one in table.options], -1)
    table.check(number < len(length), f"is about a trajectory that there is not: the last one is {len(length) - 1}")
    start, end = (
        torch.stack([table.whole(f"{one}_{edge}", value) for one, value in zip(table.options, otherwise.T)], -1)
        for edge, otherwise in (("start", torch.zeros_like(number)), ("end", length[number]))
    )
    table.check((start < end) & (end <= length[number]), "is about steps that its trajectory does not have")
    segments = recorder.segments(rows[first[number]] + start, int((end - start).max()))
    preferences = Preferences.of(Queries.of(cut(segments, end - start)), table.answers(), cfg.info)
    if "seconds" in table.columns:
        preferences = replace(preferences, seconds=table.seconds())
    if "rater" in table.columns:
        names = [name or cfg.rater for name in table.columns["rater"]]
        place = {name: number for number, name in enumerate(dict.fromkeys(names))}
        raters = tuple(RaterInfo(name=name, kind=cfg.kind) for name in place)
        preferences = replace(preferences, rater=torch.tensor([place[name] for name in names]), raters=raters)
    return preferences


def cut(segments: Segments, length: Tensor) -> Segments:
    """Shorten segments to their first steps; one that loses steps no longer ends its episode.

    Args:
        segments: Batch shape: (...,).
        length: Steps that are left, at most. Shape: (...,).
    """
    length = segments.length.minimum(length)
    is_whole, steps = length == segments.length, torch.arange(segments.num_steps + 1)
    has_obs = steps <= length.unsqueeze(-1)

    def kept(array: Tensor | None) -> Tensor | None:
        if array is None:
            return None
        axis = length.dim()
        mask = has_obs if array.shape[axis] > segments.num_steps else has_obs[..., 1:]
        return array.masked_fill(~mask.view(*mask.shape, *[1] * (array.dim() - axis - 1)), 0)

    arrays = {name: kept(getattr(segments, name)) for name in ("obs", "action", "reward", "state", "frames")}
    return replace(
        segments,
        **arrays,
        factors={name: kept(values) for name, values in segments.factors.items()},
        length=length,
        terminated=segments.terminated & is_whole,
        truncated=segments.truncated & is_whole,
    )
