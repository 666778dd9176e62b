"""Preference tables on disk."""

from dataclasses import fields
from pathlib import Path

import torch

from prefgym.datasets import load_preferences, save_preferences
from prefgym.preferences import Preferences
from prefgym.segments import Segments
from prefgym.testing import example_preferences


def test_everything_comes_back(tmp_path: Path) -> None:
    """Two raters' preferences, to the last bit and in the same types."""
    told = Preferences.cat([example_preferences("one", 0), example_preferences("two", 4)])
    save_preferences(tmp_path / "table", told)
    back = load_preferences(tmp_path / "table")
    assert back.raters == told.raters
    assert back.rater.tolist() == [0] * 4 + [1] * 4
    for ours, theirs in ((told.answers, back.answers), (told.queries.options, back.queries.options)):
        for f in fields(ours):
            one, other = getattr(ours, f.name), getattr(theirs, f.name)
            if isinstance(one, torch.Tensor):
                assert one.dtype == other.dtype and torch.equal(one, other), f.name
    assert torch.equal(back.queries.options.factors["speed"], told.queries.options.factors["speed"])
    assert back.queries.asked_at.tolist() == [77] * 8
    assert back.query_id.tolist() == list(range(8))


def test_what_learners_see_can_be_kept_alone(tmp_path: Path) -> None:
    """Without the truth there is no reward, factor or state in the file."""
    save_preferences(tmp_path / "table", example_preferences("one", 0).without_truth())
    options = load_preferences(tmp_path / "table").queries.options
    assert isinstance(options, Segments)
    assert options.reward is None and options.state is None and not options.factors
