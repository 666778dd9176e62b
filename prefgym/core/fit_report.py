"""The quality of a fit: accuracy and calibration on preferences that the model was not fitted to."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from torch import Tensor

from prefgym.common.states import State


@dataclass(frozen=True, eq=False, kw_only=True)
class FitReport:
    """The outcome of a fit. Numbers without data are NaN.

    Raises:
        ValueError: If a name in `extra` is that of a field.
    """

    num_preferences: int = 0
    """Answered preferences in the fit."""
    epochs: int = 0
    """Passes over them."""
    loss: float = math.nan
    """Mean cross-entropy in the last pass, in nats."""
    train_accuracy: float = math.nan
    """Share of fitted choices that the members predict; ties are left out."""
    accuracy: float = math.nan
    """The same on choices that were held out from the predicting member."""
    calibration_error: float = math.nan
    """Expected calibration error on held-out choices, with ties counted as 1/2."""
    probability: Tensor = field(default_factory=lambda: torch.zeros(0))
    """Predicted probability of the first option of held-out preferences. Shape: (H,)."""
    choice: Tensor = field(default_factory=lambda: torch.zeros(0))
    """Share of the choice on the first option of the same preferences. Shape: (H,)."""
    extra: Mapping[str, float] = field(default_factory=dict[str, float])
    """Additional numbers of a learner, logged as `reward_model/<name>`."""

    def __post_init__(self) -> None:
        if taken := sorted({one.name for one in fields(self)} & set(self.extra)):
            raise ValueError(f"extra holds {', '.join(taken)}, which every report has as a field")

    def state_dict(self) -> State:
        """Return the report as a tree, with numbers as tensors, since JSON has no NaN."""
        values: dict[str, float | Tensor] = {
            one.name: getattr(self, one.name) for one in fields(self) if one.name != "extra"
        }
        return {**_as_tensors(values), "extra": _as_tensors(self.extra)}

    @classmethod
    def from_state(cls, state: State) -> "FitReport":
        """Restore a report from a state; states of earlier versions have no `extra`."""
        values = {name: value for name, value in state.items() if name != "extra"}
        numbers: dict[str, Any] = {name: value.item() for name, value in values.items() if value.dim() == 0}
        numbers |= {name: int(numbers[name]) for name in ("num_preferences", "epochs")}
        numbers["extra"] = {name: float(value) for name, value in state.get("extra", {}).items()}
        return cls(**{**values, **numbers})

    def metrics(self) -> dict[str, float]:
        """Return the numbers under their names in the log."""
        names = ("loss", "train_accuracy", "accuracy", "calibration_error", "epochs")
        own = {name: float(getattr(self, name)) for name in names}
        return {f"reward_model/{name}": value for name, value in {**own, **self.extra}.items()}


def _as_tensors(values: Mapping[str, float | Tensor]) -> dict[str, Tensor]:
    return {
        name: value if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float64)
        for name, value in values.items()
    }


def accuracy(log_prob: Tensor, choice: Tensor) -> float:
    """Return the share of choices whose most likely option was chosen; ties are left out. Shapes: (B, K), (B, K)."""
    decided = choice.max(-1).values > 0.5
    hits = log_prob.argmax(-1) == choice.argmax(-1)
    return float(hits[decided].float().mean())


def calibration_error(probability: Tensor, choice: Tensor, num_bins: int = 10) -> float:
    """Return the expected calibration error of predicted probabilities. Shapes: (H,), (H,).

    ECE = sum_b (n_b / n) |mean choice in b - mean probability in b|   (Naeini et al., AAAI 2015)

    >>> calibration_error(torch.tensor([0.75, 0.75, 0.25, 0.25]), torch.tensor([1.0, 0.0, 0.0, 0.0]))
    0.25
    """
    if not len(probability):
        return float("nan")
    bins = (probability * num_bins).long().clamp_max(num_bins - 1)
    gap = torch.zeros(num_bins).index_add_(0, bins, choice - probability)
    return float(gap.abs().sum() / len(probability))
