"""Accuracy and calibration, worked out by hand."""

import json
import math

import pytest
import torch

from prefgym.common.states import flatten, unflatten
from prefgym.core.fit_report import FitReport, accuracy, calibration_error


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


def test_a_report_needs_only_what_was_measured() -> None:
    report = FitReport(num_preferences=3, loss=0.5, extra={"flipped": 2.0})
    metrics = report.metrics()
    assert (metrics["reward_model/loss"], metrics["reward_model/flipped"]) == (0.5, 2.0)
    assert math.isnan(metrics["reward_model/accuracy"])
    assert (len(report.probability), len(report.choice)) == (0, 0)


def test_a_report_survives_a_checkpoint() -> None:
    report = FitReport(num_preferences=3, epochs=2, probability=torch.tensor([0.75]), extra={"flipped": 2.0})
    arrays, plain = flatten(report.state_dict())
    again = FitReport.from_state(unflatten(arrays, json.loads(json.dumps(plain))))
    assert (again.num_preferences, again.epochs, again.extra) == (3, 2, {"flipped": 2.0})
    assert torch.equal(again.probability, report.probability) and math.isnan(again.loss)
    earlier = {name: value for name, value in report.state_dict().items() if name != "extra"}
    assert FitReport.from_state(earlier).extra == {}


def test_a_number_of_ones_own_has_a_name_of_its_own() -> None:
    with pytest.raises(ValueError, match="extra holds loss"):
        FitReport(extra={"loss": 1.0})
