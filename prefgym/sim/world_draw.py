"""Random numbers on a device, a stream for each world and episode: counter-based, without a synchronisation.

A number is a hash of the world's seed, the episode and its index in the episode. So the episodes of a world do not
depend on the number of worlds, nor on their episodes.
"""

from collections.abc import Callable
from math import pi

import numpy as np
import torch
from torch import Tensor

from prefgym.sim.seeding import Seed
from prefgym.sim.task import Bounds

_GOLDEN = -7046029254386353131  # 2^64 / golden ratio, as a signed number
_FIRST, _SECOND = -4658895280553007687, -7723592293110705685
CANDIDATES = 32
"""Samples per row of rejection sampling; at a rejection rate of 38 % all fail with probability below 1e-13."""


def scrambled(x: Tensor) -> Tensor:
    """Hash integers of 64 bits (SplitMix64: Steele, Lea, Flood, OOPSLA 2014). Shape as given.

    >>> scrambled(torch.tensor([_GOLDEN])).item() % 2**64 == 0xE220A8397B1DCDAF
    True
    """
    x = (x ^ _shifted(x, 30)) * _FIRST
    x = (x ^ _shifted(x, 27)) * _SECOND
    return x ^ _shifted(x, 31)


def _shifted(x: Tensor, bits: int) -> Tensor:
    """Shift to the right, with zeros from the left."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


class WorldSampler:
    """Samples initial states of all worlds; those of a world depend on its seed and its episode alone.

    Implements `prefgym.sim.task.StateSampler` for `num` = N.
    """

    def __init__(self, num_worlds: int, device: torch.device) -> None:
        anywhere = int(np.random.SeedSequence().generate_state(1)[0])
        self.seeds = anywhere + torch.arange(num_worlds, device=device)
        self.episode = torch.zeros_like(self.seeds)
        self._drawn = 0

    def seed(self, seed: Seed, mask: Tensor) -> None:
        """Seed the worlds in `mask`: world i with `seed + i`, or `seed[i]` of a list; None keeps their streams.

        Raises:
            ValueError: If a list does not have a seed for each world.
        """
        if seed is None:
            return
        device = self.seeds.device
        if isinstance(seed, int):
            own = seed + torch.arange(len(self.seeds), device=device)
        else:
            if len(seed) != len(self.seeds):
                raise ValueError(f"a list of seeds needs one for each of {len(self.seeds)} worlds, not {len(seed)}")
            mask = mask & torch.tensor([each is not None for each in seed], device=device)
            own = torch.tensor([each or 0 for each in seed], device=device)
        self.seeds = torch.where(mask, own, self.seeds)
        self.episode = torch.where(mask, 0, self.episode)

    def begin(self, mask: Tensor) -> None:
        """Begin new episodes in the worlds in `mask`, at the first number of their streams."""
        self.episode = self.episode + mask
        self._drawn = 0

    def uniform(self, low: Bounds, high: Bounds, size: tuple[int, int]) -> Tensor:
        """Sample uniformly from [low, high); the bounds may differ by column. Shape: (N, n)."""
        unit = self._unit(size[1])
        if isinstance(low, tuple) and isinstance(high, tuple):
            # column by column: copying bounds as a tensor to the device would synchronise
            return torch.stack([a + (b - a) * x for a, b, x in zip(low, high, unit.unbind(-1))], -1)
        assert not isinstance(low, tuple) and not isinstance(high, tuple)
        return low + (high - low) * unit

    def standard_normal(self, size: tuple[int, int]) -> Tensor:
        """Sample from the normal distribution with mean 0 and variance 1. Shape: (N, n)."""
        u, v = self._unit(size[1]), self._unit(size[1])
        # sqrt(-2 log u) cos(2 pi v)   (Box, Muller 1958), with u in (0, 1]
        return (-2 * torch.log1p(-u)).sqrt() * torch.cos(2 * pi * v)

    def until(self, accept: Callable[[Tensor], Tensor], sample: Callable[[int], Tensor], num: int) -> Tensor:
        """Sample each row a fixed number of times, and take its first accepted sample.

        Args:
            accept: Predicate of rows. Shapes: (..., n) to (...,).
            sample: Function that samples rows. Shape: (N, n).
            num: N.

        Returns:
            Shape: (N, n).
        """
        drawn = torch.stack([sample(num) for _ in range(CANDIDATES)])
        first = accept(drawn).to(torch.uint8).argmax(0)
        return drawn[first, torch.arange(num, device=first.device)]

    def _unit(self, count: int) -> Tensor:
        """Sample from [0, 1) with 24 bits. Shape: (N, count)."""
        places = torch.arange(self._drawn, self._drawn + count, device=self.seeds.device)
        self._drawn += count
        stream = scrambled(scrambled(self.seeds + _GOLDEN) + self.episode * _GOLDEN)
        bits = scrambled(stream.unsqueeze(-1) + (places + 1) * _GOLDEN)
        return _shifted(bits, 40).float() * 2.0**-24
