"""Worlds that differ: masses and friction of their own, so that a policy does not depend on one model."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from prefgym.common.limits import Positive, Seed, check
from prefgym.sim.gl import MjModel

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Variation:
    """Ranges of the factors by which worlds differ from the model; they are sampled once, when worlds are made.

    Raises:
        ValueError: If a factor is not positive, or the smallest is above the largest.
    """

    mass: tuple[Positive, Positive] = (1.0, 1.0)
    """Smallest and largest factor on the mass of each body, and on its inertia with it."""
    friction: tuple[Positive, Positive] = (1.0, 1.0)
    """Smallest and largest factor on the friction of all geoms of a world."""
    seed: Seed = 0
    """Seed: a world has the same factors on every back end, for any number of worlds."""

    def __post_init__(self) -> None:
        check(self)
        for name in ("mass", "friction"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} must have its smallest factor first, not {low} and {high}")

    def models(self, model: MjModel, num_worlds: int) -> dict[str, FloatArray]:
        """Sample fields of the model for each world; unchanged fields are left out. Shape: (N, ...)."""
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
        """Sample factors uniformly, a row for each world; rows do not depend on the number of worlds."""
        return np.random.default_rng((self.seed, kind)).uniform(*between, (num_worlds, count))
