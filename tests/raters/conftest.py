"""Queries whose factors are known."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from prefgym.core.queries import Queries
from prefgym.testing import example_segments

NAMES = ("reward_forward", "reward_ctrl", "reward_survive")
Asking = Callable[[Sequence[Any]], Queries]


@pytest.fixture(scope="session")
def asking() -> Asking:
    """Make queries whose options have certain sums of the factors, spread over two steps. Shape: (B, K, F)."""

    def ask(sums: Sequence[Any]) -> Queries:
        told = torch.tensor(sums, dtype=torch.float32)
        *batch, num_factors = told.shape
        segments = example_segments(*batch, num_steps=3, equal_lengths=True)
        factors = {name: torch.zeros(*batch, 3) for name in NAMES[:num_factors]}
        for column, name in enumerate(factors):
            factors[name][..., 0] = told[..., column] - 1
            factors[name][..., 1] = 1
        return Queries.of(replace(segments, factors=factors))

    return ask
