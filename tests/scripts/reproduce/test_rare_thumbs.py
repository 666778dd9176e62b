"""Calibration of reactions that are rare."""

import pytest
import torch
from rare_thumbs import MEASURES, measured

from prefgym.core.kinds import Thumbs
from prefgym.core.preferences import Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.rewards.ensemble import Ensemble, EnsembleCfg
from prefgym.testing import example_env, example_segments


def test_calibration_errors_are_those_of_the_predicted_probabilities() -> None:
    """With outputs of 0, references of 0 and a rate of 1/2: q is 1/2 and rho q 1/4, whatever is shown.

    Of eight reactions two are good, two are bad and four are silences: rho q is right, and so is q. Of three good and
    one bad ones, rho q is off by 3/8 - 1/4, and q by 3/4 - 1/2, whatever the share of opposite ones. Of eight good
    ones, rho is off by 1 - 1/2, rho q by 1 - 1/4, and q by 1 - 1/2.
    """
    env = example_env()
    queries = Queries.of(example_segments(8, 1))
    learner = Ensemble(EnsembleCfg(hidden=(4,), num_members=2), env)
    weights = {name: torch.zeros_like(value) for name, value in learner.weights().items()}
    zero = {f"likelihood/thumbs-1/{name}": torch.zeros(2, 1) for name in ("reference", "reacting")}
    learner.load_weights({**weights, **zero})
    for reaction, constant, expected in (
        ([1, 1, -1, -1, 0, 0, 0, 0], 0.25, (0.0, 0.0, 0.0, 0.0, 0.0)),
        ([1, 1, 1, -1, 0, 0, 0, 0], 0.0, (0.0, 0.125, 0.375, 0.25, 0.25)),
        ([1] * 8, 1.0, (0.5, 0.75, 0.0, 0.5, 0.5)),
    ):
        statement = Thumbs(status=torch.zeros(8).long(), reaction=torch.tensor(reaction))
        held_out = Preferences.of(queries, statement, RaterInfo(name="thumbs"))
        assert tuple(measured(learner, held_out, constant)[name] for name in MEASURES[:-1]) == pytest.approx(expected)
