"""Infos of vector environments."""

import doctest

import numpy as np
import pytest

from prefgym.sim import infos, nested


def test_examples() -> None:
    """The worked examples in the docstrings are true."""
    for module in (infos, nested):
        outcome = doctest.testmod(module)
        assert outcome.attempted
        assert not outcome.failed


def test_final_observations_are_arrays_of_their_own() -> None:
    """Worlds 0 and 2 ended; the others have None."""
    observations = np.arange(6.0).reshape(3, 2)
    final = infos.final_observations(observations, np.array([True, False, True]), np.dtype(np.float64))
    assert final.dtype == object
    assert final[1] is None
    assert final[2].tolist() == [4.0, 5.0]
    final[2][:] = 0
    assert observations[2].tolist() == [4.0, 5.0]


@pytest.mark.parametrize(
    ("mask", "exception", "message"),
    [
        ([True, True], TypeError, "must be a NumPy array, not list"),
        (np.ones(3, np.bool_), ValueError, r"must have shape \(2,\), not \(3,\)"),
        (np.ones(2), TypeError, "must have dtype bool, not float64"),
        (np.zeros(2, np.bool_), ValueError, "must be True somewhere"),
    ],
)
def test_bad_masks(mask: object, exception: type[Exception], message: str) -> None:
    """A mask that cannot be meant is refused as Gymnasium refuses it."""
    with pytest.raises(exception, match=message):
        infos.check_mask(mask, 2)
