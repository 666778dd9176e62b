"""Lengths and rewards of episodes of runs."""

from pathlib import Path

import pytest
import torch
from episodes_of import EpisodesOfCfg, episodes_of, main, summarize

from prefgym.core.segments import Segments
from prefgym.training.api import train

HALF_CHEETAH = "prefgym/HalfCheetah-v0"


def test_what_is_told_by_hand() -> None:
    """Rewards of 1, 4, 1 and, of an episode that ends after two steps, -3, -1."""
    seen, never = torch.zeros(2, 4, 1), torch.zeros(2, dtype=torch.bool)
    length, reward = torch.tensor([3, 2]), torch.tensor([[1.0, 4.0, 1.0], [-3.0, -1.0, 0.0]])
    told = summarize(
        Segments(obs=seen, action=seen[:, :3], length=length, terminated=never, truncated=never, reward=reward)
    )
    assert [x.tolist() for x in told] == [[3, 2], [2.0, -2.0], [4.0, -1.0], [1.0, -1.0]]


@pytest.mark.slow  # episodes of 1000 steps
def test_a_run_is_summarized(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of HalfCheetah, whose episodes last 1000 steps."""
    train(HALF_CHEETAH, rater="none", steps=2048, threads=1, report=False, out=tmp_path / "run")
    assert main(EpisodesOfCfg(runs=(tmp_path / "run",), episodes=2)) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("│ run"))
    told = [float(cell) for cell in row.strip("│").split("│")[1:]]
    reward = episodes_of(tmp_path / "run", 2).reward
    assert reward is not None and reward.shape == (2, 1000)
    by_hand = [1000.0, reward.mean(), reward.amax(-1).mean(), reward[:, -1].mean()]
    assert told == [round(float(number), 1) for number in by_hand]


def test_a_folder_that_is_no_run_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(EpisodesOfCfg(runs=(tmp_path,), episodes=2)) == 2
    assert "Traceback" not in (told := capsys.readouterr().err) and str(tmp_path) in told
