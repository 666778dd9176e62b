"""What predicts answers: features by hand, and answers that only one of them explains."""

from pathlib import Path

import pytest
import torch
from offline_labels import OfflineLabelsCfg, features, fit, main, predicted, share

from prefgym.evaluation.experts import load_expert
from prefgym.testing import example_segments

CFG = OfflineLabelsCfg(penalty=1.0)


def test_features_by_hand() -> None:
    """Two steps: departures add up, alone, squared, and times what was observed."""
    medium = load_expert("prefgym/HalfCheetah-v0", "medium")
    segments = example_segments(3, 2, num_steps=2, obs_dim=17, action_dim=6)
    found = features(segments, medium)
    usual = torch.as_tensor(medium.predict(segments.obs[..., :-1, :].numpy())[0])
    departure = (segments.action - usual) * segments.mask.unsqueeze(-1)
    assert torch.allclose(found["actions"][..., :6], departure.sum(-2).double(), atol=1e-5)
    assert torch.allclose(found["actions"][..., 6:12], departure.square().sum(-2).double(), atol=1e-5)
    assert found["actions"].shape == (3, 2, 6 + 6 + 6 * 17)
    seen = segments.obs[..., :-1, :]
    usual, spread = seen[segments.mask].mean(0), seen[segments.mask].std(0)
    # the second action's departure times the fourth number of the observation, over both steps
    crossed = (departure[..., 1] * ((seen[..., 3] - usual[3]) / spread[3]).clamp(-5, 5)).sum(-1)
    assert torch.allclose(found["actions"][..., 12 + 17 + 3], crossed.double(), atol=1e-4)
    assert torch.equal(found["start"][..., 17:], found["start"][..., :17].square())
    assert found["both"].shape[-1] == found["actions"].shape[-1] + found["start"].shape[-1]


def test_a_fit_is_where_the_gradient_is_zero() -> None:
    draws = torch.Generator().manual_seed(0)
    x = torch.randn(50, 3, generator=draws, dtype=torch.float64)
    choice = (torch.rand(50, generator=draws) < 0.6).double()
    weights = fit(x, choice, penalty=2.0)
    assert torch.allclose(x.T @ (choice - (x @ weights).sigmoid()), 2.0 * weights)


def test_only_what_explains_an_answer_predicts_it() -> None:
    draws = torch.Generator().manual_seed(0)
    x = torch.randn(1000, 4, generator=draws, dtype=torch.float64)
    choice = (x[:, 0] - 2 * x[:, 3] > 0).double()
    choice[:100] = 0.5  # ties predict nothing
    right = predicted(x, choice, CFG)
    assert len(right) == 900 and right.double().mean() > 0.95
    blind = predicted(x[:, 1:3], choice, CFG)
    assert 0.4 < blind.double().mean() < 0.6
    assert share(torch.tensor([True, True, False, False])) == "50% (15% to 85%)"


def test_missing_data_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(OfflineLabelsCfg(tasks=("Hopper",), seeds=1, data=tmp_path)) == 1
    assert "run offline_table.py first" in capsys.readouterr().err
