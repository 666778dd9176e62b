"""The game of three options: the reward model goes to a corner, and the tables can be printed."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from three_options import CIRCLE, fitted_scores, slope

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "reproduce" / "three_options.py"


def test_fitted_scores_have_no_slope_left() -> None:
    scores = fitted_scores(CIRCLE)
    predicted = 1 / (1 + np.exp(scores - scores[:, None]))
    assert predicted.sum(-1) == pytest.approx(CIRCLE.sum(-1), abs=1e-6)


def test_a_reward_gives_one_option_best_although_none_wins() -> None:
    """The first wins 1.3 of 2 others on average, the second 0.9, the third 0.8."""
    assert fitted_scores(CIRCLE).argmax() == 0


def test_slopes_by_hand() -> None:
    assert slope((10, 100, 1000), [1.0, 0.1, 0.01]) == pytest.approx(-1.0)


def test_the_tables_are_printed() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--seeds", "0", "--steps", "50", "--horizons", "10", "20"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "reward model" in done.stdout
    assert "extragradient, last" in done.stdout
