"""How good a reward model is: accuracy and calibration on preferences it was not fitted to."""

from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from prefgym.common.states import State


@dataclass(frozen=True, eq=False, kw_only=True)
class FitReport:
    """What a fit came to. Numbers are NaN where there was nothing to measure."""

    num_preferences: int
    """Answered preferences fitted to."""
    epochs: int
    """Passes over them."""
    loss: float
    """Mean cross-entropy in the last pass, in nats."""
    train_accuracy: float
    """Share of fitted choices that the members predict; ties are left out."""
    accuracy: float
    """The same on choices that the predicting member did not see."""
    calibration_error: float
    """Expected calibration error on those, ties counted as 1/2."""
    probability: Tensor
    """Predicted chance of the first option on preferences the member did not see. Shape: (H,)."""
    choice: Tensor
    """Share of the choice on the first option there. Shape: (H,)."""

    def state_dict(self) -> State:
        """Return it as a tree; the numbers as tensors, since JSON knows no NaN."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: value if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float64)
            for name, value in told.items()
        }

    @classmethod
    def from_state(cls, state: State) -> "FitReport":
        """Make it again from what `state_dict` returned."""
        numbers: dict[str, Any] = {name: value.item() for name, value in state.items() if value.dim() == 0}
        numbers |= {name: int(numbers[name]) for name in ("num_preferences", "epochs")}
        return cls(**{**state, **numbers})

    def metrics(self) -> dict[str, float]:
        """Return the numbers under the names they are logged with."""
        names = ("loss", "train_accuracy", "accuracy", "calibration_error", "epochs")
        return {f"reward_model/{name}": float(getattr(self, name)) for name in names}


def accuracy(log_prob: Tensor, choice: Tensor) -> float:
    """Return the share of choices whose most likely option was chosen; ties are left out. Shapes: (B, K), (B, K)."""
    decided = choice.max(-1).values > 0.5
    hits = log_prob.argmax(-1) == choice.argmax(-1)
    return float(hits[decided].float().mean())


def calibration_error(probability: Tensor, choice: Tensor, num_bins: int = 10) -> float:
    """Return the expected calibration error of predicted chances. Shapes: (H,), (H,).

    ECE = sum_b (n_b / n) |mean choice in b - mean probability in b|   (Naeini et al., AAAI 2015)

    >>> calibration_error(torch.tensor([0.75, 0.75, 0.25, 0.25]), torch.tensor([1.0, 0.0, 0.0, 0.0]))
    0.25
    """
    if not len(probability):
        return float("nan")
    bins = (probability * num_bins).long().clamp_max(num_bins - 1)
    gap = torch.zeros(num_bins).index_add_(0, bins, choice - probability)
    return float(gap.abs().sum() / len(probability))
