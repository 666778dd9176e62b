"""How well a fit predicts the next session."""

from pathlib import Path

import pytest
import torch
from compare_fits import CompareFitsCfg, ordered, predicted_share

from prefgym import agents, samplers
from prefgym.core.segments import Segments
from prefgym.rewards.ensemble import EnsembleCfg
from prefgym.training.api import train
from prefgym.training.budget import ScheduleCfg
from prefgym.training.config import EvalCfg


class FirstObservation:
    """As far as a learner is looked at here: a step is worth the observation it was taken from."""

    def reward(self, segments: Segments) -> torch.Tensor:
        return segments.obs[..., :-1, 0].unsqueeze(0)


def test_pairs_in_the_right_order_are_counted() -> None:
    """True returns 1, 2, 3 and learned ones 1, 3, 2: of three pairs, the last two segments are the wrong way round."""
    learned, true = torch.tensor([1.0, 3.0, 2.0]), torch.tensor([1.0, 2.0, 3.0])
    no = torch.zeros(1, 3, dtype=torch.bool)
    options = Segments(
        obs=learned.view(1, 3, 1, 1).expand(1, 3, 2, 1),
        action=torch.zeros(1, 3, 1, 1),
        length=torch.ones(1, 3, dtype=torch.long),
        terminated=no,
        truncated=no,
        reward=true.view(1, 3, 1),
    )
    assert ordered(FirstObservation(), options) == pytest.approx(2 / 3)


def test_each_later_session_of_a_run_is_predicted(capsys: pytest.CaptureFixture[str]) -> None:
    """Of three sessions two come after the first, and none after the third."""
    train(
        "prefgym/InvertedPendulum-v0",
        agent=agents.cfg("ppo", env="prefgym/InvertedPendulum-v0", num_envs=4, num_steps=50),
        sampler=samplers.cfg("disagreement", segment_length=5),
        budget=12,
        steps=2000,
        threads=1,
        report=False,
        out="run",
        schedule=ScheduleCfg(num_sessions=3),
        eval=EvalCfg(episodes=1, final_episodes=1),
    )
    way = EnsembleCfg(hidden=(8,))
    shares = list(predicted_share(CompareFitsCfg(runs=(), first_session=1), Path("run"), way))
    assert len(shares) == 2
    assert all(0 <= share <= 1 for share in shares)
    with pytest.raises(SystemExit, match="2"):
        list(predicted_share(CompareFitsCfg(runs=(), first_session=3), Path("run"), way))
    assert "run has 3 sessions" in capsys.readouterr().err
