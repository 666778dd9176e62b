"""Memory is compared before it is taken, and errors about it are recognised."""

import numpy as np
import pytest
import torch

from prefgym.common.errors import UserError
from prefgym.common.memory import check_fits, free_bytes, is_out_of_memory


def test_what_does_not_fit_is_refused_with_both_sizes() -> None:
    check_fits("a small thing", 10, "nothing to do")
    check_fits("what fits", free_bytes() / 2, "nothing to do")
    with pytest.raises(
        UserError, match=r"^a rollout would take 1,000,000.0 GB of memory, and .* are free: lower it\.$"
    ):
        check_fits("a rollout", 1e15, "lower it")


def test_errors_about_memory_are_recognised() -> None:
    """Those of NumPy and torch, and no others."""
    with pytest.raises(MemoryError) as of_numpy:
        np.empty(2**50)
    with pytest.raises(RuntimeError) as of_torch:
        torch.empty(2**50)
    with pytest.raises(RuntimeError) as overflow:
        torch.empty(2**62, 8)
    with pytest.raises(RuntimeError) as another:
        torch.dot(torch.zeros(2), torch.zeros(3))
    errors = (of_numpy, of_torch, overflow, another)
    assert [is_out_of_memory(told.value) for told in errors] == [True, True, True, False]
