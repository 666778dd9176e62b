"""Accuracy and calibration, worked out by hand."""

import math

import pytest
import torch

from prefgym.core.fit_report import accuracy, calibration_error


def test_accuracy_leaves_ties_out() -> None:
    """Of three choices and a tie, two are predicted: 2 / 3."""
    log_prob = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]]).log()
    choice = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.5, 0.5]])
    assert accuracy(log_prob, choice) == pytest.approx(2 / 3)


def test_calibration_error_weighs_bins_by_their_size() -> None:
    """Bin 0.9: mean choice 2/3 at 0.9, gap 0.2333, weight 3/4; bin 0.1: choice 0 at 0.1, weight 1/4: 0.2."""
    error = calibration_error(torch.tensor([0.9, 0.9, 0.9, 0.1]), torch.tensor([1.0, 1.0, 0.0, 0.0]))
    assert error == pytest.approx(0.75 * (0.9 - 2 / 3) + 0.25 * 0.1)


def test_nothing_held_out_gives_no_number() -> None:
    """Ten labels a session may leave nothing to judge by; that is NaN, not an error."""
    assert math.isnan(calibration_error(torch.zeros(0), torch.zeros(0)))
    assert math.isnan(accuracy(torch.zeros(0, 2), torch.zeros(0, 2)))
