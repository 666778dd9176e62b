"""What importers share: the words about the answers, checks of arrays, and pairs of segments."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from prefgym.common.errors import UserError
from prefgym.core.preferences import Comparison, RaterInfo, Status
from prefgym.core.segments import Segments
from prefgym.data.feedback import Card

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class ImportCfg:
    """What files of others do not say about their answers."""

    out: Path
    """Folder to write, which must not exist."""
    env: str = "none"
    """Environment id; `none` for a robot that is no environment."""
    rater: str = "unnamed"
    """Name of the rater; for people, a pseudonym."""
    kind: Literal["human", "simulated", "vlm"] = "human"
    """Kind of the rater: a person, a program, or a vision-language model."""
    source: str = ""
    """Address of the files, such as a repository and its folder."""
    instructions: str = ""
    """Instructions to the raters."""
    licence: str = ""
    """License of the files."""
    consent: str = ""
    """Consent of the people who answered."""

    @property
    def info(self) -> RaterInfo:
        """Return the rater."""
        return RaterInfo(name=self.rater, kind=self.kind)

    @property
    def card(self) -> Card:
        """Return the documentation of the answers."""
        return Card(
            env=self.env,
            source=self.source,
            instructions=self.instructions,
            licence=self.licence,
            consent=self.consent,
        )


def finite(file: Path, name: str, values: Array, axes: str) -> Tensor:
    """Return an array of a file as 32-bit floats, checked.

    Args:
        file: The file.
        name: The array, as the file calls it.
        values: The array.
        axes: A letter for each axis, for the sentence: `NTO`.

    Raises:
        UserError: If it has other axes, is empty, or a number is not finite in 32 bits.
    """
    if values.ndim != len(axes) or 0 in values.shape:
        raise UserError(f"{file}: {name} has the shape {values.shape}, expected ({', '.join(axes)}).")
    with np.errstate(over="ignore"):
        numbers = torch.as_tensor(np.array(values, np.float32, order="C"))
    bad = ~numbers.flatten(1).isfinite().all(-1) if len(axes) > 1 else ~numbers.isfinite()
    if bool(bad.any()):
        raise UserError(f"{file}: {name} is not finite in row {int(bad.int().argmax())}.")
    return numbers


def same_length(file: Path, **arrays: Tensor | Array) -> None:
    """Check that arrays have as many rows as the first.

    Raises:
        UserError: If one does not.
    """
    (first, one), *others = arrays.items()
    for name, other in others:
        if len(other) != len(one):
            raise UserError(f"{file}: {name} has {len(other)} rows, and {first} {len(one)}.")


def between_observations(file: Path, obs: Tensor, action: Tensor, reward: Tensor | None = None) -> Segments:
    """Make segments of T-1 steps out of T observations and T actions: no observation follows the last action.

    Args:
        file: The file, for the sentence.
        obs: Before each action. Shape: (..., T, O).
        action: Shape: (..., T, A).
        reward: Task reward. Shape: (..., T).

    Raises:
        UserError: If the arrays do not fit each other, or T is 1.
    """
    shapes = [array.shape[: obs.dim() - 1] for array in (obs, action, reward) if array is not None]
    if len(set(shapes)) > 1 or obs.shape[-2] < 2:
        raise UserError(f"{file}: observations have {tuple(obs.shape)} numbers and actions {tuple(action.shape)}.")
    batch, num_steps = action.shape[:-2], action.shape[-2] - 1
    return Segments(
        obs=obs,
        action=action[..., :-1, :],
        length=torch.full(batch, num_steps),
        terminated=torch.zeros(batch, dtype=torch.bool),
        truncated=torch.zeros(batch, dtype=torch.bool),
        reward=None if reward is None else reward[..., :-1],
    )


def shared_between_two(file: Path, name: str, second: Tensor) -> Comparison:
    """Build answers from the share of the choice on the second of two options; a half is a tie.

    Raises:
        UserError: If a share lies outside 0 and 1.
    """
    if bool(((second < 0) | (second > 1)).any()):
        raise UserError(f"{file}: {name} must lie between 0, the first option, and 1, the second.")
    return Comparison(
        status=torch.full(second.shape, int(Status.ANSWERED)),
        choice=torch.stack([1 - second, second], -1),
        tie=second == 0.5,
    )


def of_labels(file: Path, name: str, labels: Array) -> Comparison:
    """Build answers from labels: 0 for the first option, 1 for the second, -1 for neither, which is a tie.

    Args:
        file: The file, for the sentence.
        name: The labels, for the sentence.
        labels: Shape: (B,); or the shares of both options, (B, 2).

    Raises:
        UserError: If there are other numbers.
    """
    if labels.ndim == 2 and labels.shape[1] == 2 and np.allclose(labels.sum(-1), 1):
        return shared_between_two(file, name, finite(file, name, labels[:, 1], "N"))
    if labels.ndim != 1 or not np.isin(labels, (-1, 0, 1)).all():
        raise UserError(f"{file}: {name} must be 0, 1 or -1, or the shares of both segments.")
    return shared_between_two(file, name, finite(file, name, np.where(labels < 0, 0.5, labels), "N"))


def side_by_side(file: Path, *sides: Segments) -> Segments:
    """Put the first, the second ... options (B,) of queries side by side. Batch shape: (B, K).

    Raises:
        UserError: If they are not of one shape.
    """
    shapes = {(side.obs.shape, side.action.shape) for side in sides}
    if len(shapes) > 1:
        raise UserError(f"{file}: the segments of a pair differ in length, or in the size of observations or actions.")
    return Segments.stack(sides, dim=1)
