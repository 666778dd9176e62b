"""Curves: what is averaged over seeds, and where that ends."""

from pathlib import Path

import numpy as np
import pytest
from compared import Row, write_run

from prefgym.report.compare.api import compare
from prefgym.report.compare.curves import middle
from prefgym.report.compare.runs import ComparedRun


@pytest.fixture
def runs(tmp_path: Path) -> tuple[ComparedRun, ...]:
    """Write two runs: the second is slower, and both have their last label at step 200."""
    first: list[Row] = [(0, 0, 0, 10), (100, 50, 1, 20), (200, 90, 2, 30), (300, 90, 3, 70)]
    second: list[Row] = [(0, 0, 0, 30), (100, 50, 2, 40), (200, 90, 4, 50), (300, 90, 6, 10)]
    write_run(tmp_path / "a", 70.0, 0, rows=first)
    write_run(tmp_path / "b", 10.0, 1, rows=second)
    return compare(tmp_path).arms[0].finished


def test_over_steps_it_is_the_mean_at_each(runs: tuple[ComparedRun, ...]) -> None:
    found = middle(runs, "steps")
    assert found is not None and found.band is None
    assert found.x.tolist() == [0, 100, 200, 300]
    assert found.y.tolist() == [20, 30, 40, 40]


def test_over_labels_the_last_evaluation_counts(runs: tuple[ComparedRun, ...]) -> None:
    """After the last label two evaluations have 90 labels: of 30, 70 and 50, 10 the last ones count, 70 and 10."""
    found = middle(runs, "labels")
    assert found is not None
    assert found.x.tolist() == [0, 50, 90]
    assert found.y.tolist() == [20, 30, 40]


def test_over_wall_time_it_ends_with_the_fastest(runs: tuple[ComparedRun, ...]) -> None:
    """After 3 min the first run has ended at 70, and the second is halfway between 40 and 50: their mean is 57.5."""
    found = middle(runs, "minutes")
    assert found is not None
    assert (found.x[0], found.x[-1]) == (0, 3)
    assert found.y[-1] == pytest.approx(57.5)
    assert np.all(np.diff(found.x) > 0)


def test_seeds_that_share_no_step_have_no_middle(tmp_path: Path) -> None:
    write_run(tmp_path / "a", 1.0, 0, rows=[(0, 0, 0, 1), (100, 1, 1, 1)])
    write_run(tmp_path / "b", 1.0, 1, rows=[(200, 1, 3, 1), (300, 1, 4, 1)])
    assert middle(compare(tmp_path).arms[0].finished, "steps") is None


def test_a_band_needs_six_seeds_and_is_that_of_the_middle_half(tmp_path: Path) -> None:
    """Six curves: equal at first, so the band has no width; later 0, 0, 0, 0, 0, 60, whose middle half is 0."""
    for seed in range(6):
        rows: list[Row] = [(0, 0, 0, 5), (100, 1, 1, 60 if seed == 5 else 0)]
        write_run(tmp_path / f"{seed}", rows[-1][-1], seed, rows=rows)
    found = middle(compare(tmp_path).arms[0].finished, "steps")
    assert found is not None and found.band is not None
    assert found.y.tolist() == [5, 0]
    low, high = found.band
    assert (low[0], high[0], low[1]) == (5, 5, 0)
    assert 0 < high[1] <= 60
