"""Intervals of shares."""

import numpy as np
import pytest
from scipy import stats

from prefgym.core.intervals import Share, share_interval, wilson


@pytest.mark.parametrize(("hits", "num"), [(0, 3), (3, 3), (1, 2), (17, 40), (299, 300)])
def test_is_wilsons_interval(hits: int, num: int) -> None:
    expected = stats.binomtest(hits, num).proportion_ci(0.95, method="wilson")
    assert share_interval(hits, num) == pytest.approx((expected.low, expected.high), abs=1e-4)
    assert Share(hits=hits, num=num).interval == share_interval(hits, num)


def test_many_at_once() -> None:
    low, high = wilson(np.array([0.5, 0.2]), np.array([10, 100]))
    assert (low[0], high[0]) == share_interval(5, 10)
    assert (low[1], high[1]) == share_interval(20, 100)


def test_a_share_is_off_where_its_interval_is_and_not_its_point() -> None:
    assert not Share(hits=7, num=10).is_off(0.5)
    assert Share(hits=70, num=100).is_off(0.5)
    assert Share(hits=30, num=100).is_off(0.5)
    assert Share(hits=7, num=10).value == 0.7
