"""Preference tables on disk."""

from dataclasses import fields, replace
from pathlib import Path

import torch

from prefgym.datasets import load_preferences, save_preferences
from prefgym.preferences import Answers, Preferences, RaterInfo
from prefgym.queries import Queries
from prefgym.segments import Segments
from prefgym.testing import example_segments


def make_preferences(name: str, first_id: int) -> Preferences:
    """Make four preferences, a tie and a skip among them."""
    options = example_segments(4, 2)
    state = torch.randn(4, 2, 6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert options.reward is not None
    options = replace(options, state=state, factors={"speed": options.reward * 2})
    tie, skip = torch.tensor([True, False, False, False]), torch.tensor([False, True, False, False])
    answers = Answers.of(torch.tensor([0, 1, 1, 0]), 2, tie=tie, skipped=skip)
    queries = Queries.of(options, first_id=first_id, asked_at=77)
    return Preferences.of(queries, answers, RaterInfo(name=name, settings={"beta": 2.0}))


def test_everything_comes_back(tmp_path: Path) -> None:
    """Two raters' preferences, to the last bit and in the same types."""
    told = Preferences.cat([make_preferences("one", 0), make_preferences("two", 4)])
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
    save_preferences(tmp_path / "table", make_preferences("one", 0).without_truth())
    options = load_preferences(tmp_path / "table").queries.options
    assert isinstance(options, Segments)
    assert options.reward is None and options.state is None and not options.factors
