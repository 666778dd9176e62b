"""Factors of the task reward as raters see them: found by name, summed over segments, in running deviations."""

from collections.abc import Sequence

import torch
from torch import Tensor

from prefgym.guards import check_finite
from prefgym.segments import Segments
from prefgym.states import State

_ALSO_CALLED = {"control": "ctrl"}


def choose(asked: str, factor_names: Sequence[str], ranking: Sequence[str]) -> tuple[str, ...]:
    """Find the factors that a setting names, or those of the task's own ranking if it names none.

    Args:
        asked: Names or short names, separated by commas.
        factor_names: What the task's segments carry.
        ranking: The task's own ranking of these.

    Raises:
        ValueError: If there are none, one is named twice, or the task has not got it.
    """
    told = [name.strip() for name in asked.split(",")] if asked else list(ranking)
    if not told:
        raise ValueError("it looks at factors of the task reward, and this environment tells none")
    found = tuple(resolve(name, factor_names) for name in told)
    if len(set(found)) < len(found):
        raise ValueError(f"{','.join(told)} names a factor twice")
    return found


def resolve(name: str, factor_names: Sequence[str]) -> str:
    """Find the factor that a name means.

    >>> resolve("control", ["reward_forward", "reward_ctrl"]), resolve("distance", ["distance_penalty"])
    ('reward_ctrl', 'distance_penalty')

    Raises:
        ValueError: If there is none.
    """
    short = {factor.removeprefix("reward_").removesuffix("_penalty"): factor for factor in factor_names}
    known = {factor: factor for factor in factor_names} | short
    found = known.get(name) or known.get(_ALSO_CALLED.get(name, name))
    if found is None:
        raise ValueError(f"there is no factor {name!r}: the task has {', '.join(short) or 'none'}")
    return found


def factor_sums(segments: Segments, names: Sequence[str]) -> Tensor:
    """Sum factors over the valid steps. Shape: (..., F).

    Raises:
        ValueError: If one is not there, or not finite.
    """
    if missing := [name for name in names if name not in segments.factors]:
        raise ValueError(f"the segments carry no factor {missing[0]!r}; they may have lost it in without_truth()")
    factors = torch.stack([segments.factors[name] for name in names], -1).cpu().double()
    sums = factors.masked_fill(~segments.mask.cpu().unsqueeze(-1), 0.0).sum(-2)
    check_finite("a factor of the task reward shown to a rater", sums)
    return sums


class RunningDeviation:
    """Mean and standard deviation of all that was shown so far.

    Reference: Chan, Golub, LeVeque (1979), the parallel form of Welford's update.
    """

    def __init__(self, size: int) -> None:
        self._count = torch.zeros((), dtype=torch.float64)
        self.mean, self._m2 = torch.zeros(2, size, dtype=torch.float64)

    def update(self, values: Tensor) -> None:
        """Take in more values. Shape: (..., size)."""
        values = values.flatten(0, -2)
        if not len(values):
            return
        total = self._count + len(values)
        delta = values.mean(0) - self.mean
        # M2 = M2_a + M2_b + delta^2 n_a n_b / (n_a + n_b)
        self._m2 = self._m2 + values.var(0, correction=0) * len(values) + delta**2 * self._count * len(values) / total
        self.mean = self.mean + delta * len(values) / total
        self._count = total

    @property
    def std(self) -> Tensor:
        """Return the deviation; 0 before anything was shown. Shape: (size,)."""
        return (self._m2 / self._count.clamp_min(1)).sqrt()

    def state_dict(self) -> State:
        """Return all that moves."""
        return {"count": self._count, "mean": self.mean, "m2": self._m2}

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
        self._count, self.mean, self._m2 = state["count"], state["mean"], state["m2"]
