"""Worlds that differ: masses and friction of their own, so that a policy does not depend on one model."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from prefgym.common.limits import Positive, Seed, check
from prefgym.sim.gl import MjModel

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Variation:
    """How far worlds differ from the model; each is drawn once, when they are made.

    Raises:
        ValueError: If a factor is not positive, or the smallest is above the largest.
    """

    mass: tuple[Positive, Positive] = (1.0, 1.0)
    """Smallest and largest factor on the mass of each body, and on its inertia with it."""
    friction: tuple[Positive, Positive] = (1.0, 1.0)
    """Smallest and largest factor on the friction of all geoms of a world."""
    seed: Seed = 0
    """Of the draws: a world has the same factors on every back end, however many others there are."""

    def __post_init__(self) -> None:
        check(self)
        for name in ("mass", "friction"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} must have its smallest factor first, not {low} and {high}")

    def models(self, model: MjModel, num_worlds: int) -> dict[str, FloatArray]:
        """Draw fields of the model for each world; those that stay as they are, are left out. Shape: (N, ...)."""
        fields: dict[str, FloatArray] = {}
        if self.mass != (1.0, 1.0):
            factor = self._factors(0, num_worlds, model.nbody, self.mass)
            fields["body_mass"] = model.body_mass * factor
            fields["body_inertia"] = model.body_inertia * factor[..., None]
        if self.friction != (1.0, 1.0):
            factor = self._factors(1, num_worlds, 1, self.friction)
            fields["geom_friction"] = model.geom_friction * factor[..., None]
        return fields

    def _factors(self, kind: int, num_worlds: int, count: int, between: tuple[float, float]) -> FloatArray:
        """Draw factors uniformly, a row for each world, that do not depend on how many rows there are."""
        return np.random.default_rng((self.seed, kind)).uniform(*between, (num_worlds, count))
