"""Segments: windows of at most T consecutive steps, each inside one episode."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import torch
from torch import Tensor

TensorFn = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False, kw_only=True)
class Segments:
    """Windows of at most T consecutive steps; `...` are any batch axes, arrays are right-padded with zeros.

    A segment of length L has observations 0..L and actions 0..L-1, all of one window of one episode.

    Raises:
        ValueError: If shapes disagree, or a length lies outside 1..T.
    """

    obs: Tensor
    """Observations before and after each step. Shape: (..., T+1, O)."""
    action: Tensor
    """Actions. Shape: (..., T, A)."""
    length: Tensor
    """Number of valid steps. Shape: (...,), int64."""
    terminated: Tensor
    """Whether the episode terminated at the segment's last valid step. Shape: (...,), bool."""
    truncated: Tensor
    """Whether the episode was truncated at the segment's last valid step. Shape: (...,), bool."""
    reward: Tensor | None = None
    """Task reward, for raters and evaluation only. Shape: (..., T)."""
    factors: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
    """Named terms of the task reward, for raters only. Each of shape (..., T)."""
    state: Tensor | None = None
    """Physics state, float64, enough to restore and render. Shape: (..., T+1, S)."""
    frames: Tensor | None = None
    """Recorded images. Shape: (..., T, H, W, 3), uint8."""
    origin: Tensor | None = None
    """Origin of the segment: episode number and first step. Shape: (..., 2), int64."""

    def __post_init__(self) -> None:
        batch, num_steps = self.action.shape[:-2], self.action.shape[-2]
        if self.obs.shape[:-1] != (*batch, num_steps + 1):
            raise ValueError(f"obs has shape {tuple(self.obs.shape)}, but action has {tuple(self.action.shape)}")
        wanted: list[tuple[str, Tensor | None, tuple[int, ...]]] = [
            ("length", self.length, ()),
            ("terminated", self.terminated, ()),
            ("truncated", self.truncated, ()),
            ("reward", self.reward, (num_steps,)),
            ("origin", self.origin, (2,)),
            *((f"factors[{name!r}]", value, (num_steps,)) for name, value in self.factors.items()),
        ]
        for name, value, rest in wanted:
            if value is not None and value.shape != (*batch, *rest):
                raise ValueError(f"{name} has shape {tuple(value.shape)}, expected {(*batch, *rest)}")
        if self.state is not None and self.state.shape[:-1] != (*batch, num_steps + 1):
            raise ValueError(f"state has shape {tuple(self.state.shape)}, expected {(*batch, num_steps + 1, 'S')}")
        if self.frames is not None and self.frames.shape[: len(batch) + 1] != (*batch, num_steps):
            raise ValueError(
                f"frames has shape {tuple(self.frames.shape)}, expected {(*batch, num_steps, 'H', 'W', 3)}"
            )
        if self.length.numel() and not (int(self.length.min()) >= 1 and int(self.length.max()) <= num_steps):
            raise ValueError(f"segment lengths must lie in 1..{num_steps}")

    @classmethod
    def of_steps(cls, obs: Tensor, action: Tensor, next_obs: Tensor, terminated: Tensor, truncated: Tensor) -> Self:
        """View each step as a segment of its own: a batch of steps in the form of the learners' inputs.

        A learner thus needs one method for all uses: the reward of a rollout, of a replay buffer, and of whole segments
        in its own fit. The cost is one copy of the observations.

        Args:
            obs: Before the step. Shape: (..., O).
            action: As executed. Shape: (..., A).
            next_obs: After the step, before any reset. Shape: (..., O).
            terminated: Shape: (...,), bool.
            truncated: Shape: (...,), bool.
        """
        return cls(
            obs=torch.stack([obs, next_obs], -2),
            action=action.unsqueeze(-2),
            length=torch.ones_like(terminated, dtype=torch.long),
            terminated=terminated,
            truncated=truncated,
        )

    @property
    def batch_shape(self) -> torch.Size:
        """Return the shape of the batch axes."""
        return self.action.shape[:-2]

    @property
    def num_steps(self) -> int:
        """Return T, the padded number of steps."""
        return self.action.shape[-2]

    @property
    def mask(self) -> Tensor:
        """Return which steps are valid. Shape: (..., T), bool."""
        return torch.arange(self.num_steps, device=self.length.device) < self.length.unsqueeze(-1)

    def ends(self, array: Tensor) -> tuple[Tensor, Tensor]:
        """Select the values of an array before the first step and after the last valid one.

        Args:
            array: `obs` or `state`. Shape: (..., T+1, X).

        Returns:
            Shapes: (..., X) each.
        """
        at = self.length.view(*self.batch_shape, 1, 1).expand(*self.batch_shape, 1, array.shape[-1])
        return array[..., 0, :], array.gather(-2, at).squeeze(-2)

    def map(self, fn: TensorFn) -> Self:
        """Apply `fn` to every array; it may change the batch axes but not the others."""
        return self._combine([self], lambda arrays: fn(arrays[0]))

    def __getitem__(self, index: Any) -> Self:  # noqa: ANN401
        """Index the batch axes, as a tensor would be."""
        return self.map(lambda array: array[index])

    def __len__(self) -> int:
        return self.batch_shape[0]

    def __repr__(self) -> str:
        shapes = (f"{f.name}={_shape(getattr(self, f.name))}" for f in fields(self))
        return f"Segments({', '.join(shape for shape in shapes if not shape.endswith('=None'))})"

    def with_steps(self, num_steps: int) -> Self:
        """Return the same segments with another T: zeros are added behind them, or padding is cut off.

        Raises:
            ValueError: If a segment is longer than `num_steps`.
        """
        axis, extra = len(self.batch_shape), num_steps - self.num_steps
        arrays = {name: getattr(self, name) for name in ("obs", "action", "reward", "state", "frames")}

        def padded(value: Tensor) -> Tensor:
            return torch.nn.functional.pad(value, [0, 0] * (value.dim() - axis - 1) + [0, extra])

        return replace(
            self,
            **{name: None if value is None else padded(value) for name, value in arrays.items()},
            factors={name: padded(value) for name, value in self.factors.items()},
        )

    def without_reward(self) -> Self:
        """Drop task reward and factors; physics states and images stay, so that people can see the segments."""
        return replace(self, reward=None, factors={})

    def without_truth(self) -> Self:
        """Drop everything a learner must not see: task reward, factors, physics state and images."""
        if self.reward is None and not self.factors and self.state is None and self.frames is None:
            return self
        return replace(self, reward=None, factors={}, state=None, frames=None)

    @classmethod
    def cat(cls, parts: Sequence["Segments"], dim: int = 0) -> "Segments":
        """Concatenate along a batch axis; an array that one part lacks is dropped from all."""
        return parts[0]._combine(parts, lambda arrays: torch.cat(arrays, dim))

    @classmethod
    def stack(cls, parts: Sequence["Segments"], dim: int = 0) -> "Segments":
        """Stack along a new batch axis; an array that one part lacks is dropped from all."""
        return parts[0]._combine(parts, lambda arrays: torch.stack(arrays, dim))

    def _combine(self, parts: Sequence["Segments"], fn: Callable[[list[Tensor]], Tensor]) -> Self:
        names = [name for name in self.factors if all(name in part.factors for part in parts)]
        values: dict[str, Any] = {"factors": {name: fn([part.factors[name] for part in parts]) for name in names}}
        for f in fields(self):
            if f.name != "factors":
                arrays = [getattr(part, f.name) for part in parts]
                values[f.name] = None if any(array is None for array in arrays) else fn(arrays)
        return type(self)(**values)


def _shape(value: Tensor | dict[str, Tensor] | None) -> str:
    if value is None:
        return "None"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {tuple(array.shape)}" for name, array in value.items()) + "}"
    return str(tuple(value.shape))
