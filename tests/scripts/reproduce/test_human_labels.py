"""Held-out labels: each pair is predicted by a fit that has not seen it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from human_labels import ARMS, BY_LIKELIHOOD, HumanLabels, HumanLabelsCfg, estimate, predicted, run

from prefgym.common.errors import UserError
from prefgym.core.preferences import Comparison, Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.data.feedback import Card, write_feedback
from prefgym.rewards.ensemble import EnsembleCfg
from prefgym.rewards.fit import FitCfg
from prefgym.testing import example_segments

SMALL = EnsembleCfg(hidden=(8,), num_members=2, fit=FitCfg(gradient_steps=5))


def labelled(num_pairs: int = 40) -> Preferences:
    """Make pairs of which the one whose actions are larger is preferred."""
    segments = example_segments(num_pairs, 2, num_steps=3, equal_lengths=True)
    larger = segments.action.sum((-1, -2)).argmax(-1)
    return Preferences.of(
        Queries.of(segments), Comparison.of(larger, num_options=2), RaterInfo(name="ada", kind="human")
    )


def test_a_pair_does_not_predict_itself() -> None:
    """Whatever the answer to the first pair is, its prediction stays, and those of the other folds change."""
    preferences, everything = labelled(10), torch.ones(10, dtype=torch.bool)
    chosen = preferences.answers.choice.argmax(-1)
    chosen[0] = 1 - chosen[0]
    other = replace(preferences, answers=Comparison.of(chosen, num_options=2))
    before, after = (predicted(one, everything, SMALL, seed=0, folds=10) for one in (preferences, other))
    assert torch.equal(before[0], after[0])
    assert not torch.isclose(before[1:], after[1:]).any()
    assert torch.allclose(before.exp().sum(-1), torch.ones(10))


def test_ties_are_left_out_or_halves_or_outcomes_of_their_own() -> None:
    """Both measures are those of the decided pairs; a rule that is easy to see is predicted."""
    preferences = labelled()
    tie = torch.arange(40) % 4 == 0
    answers = Comparison.of(preferences.answers.choice.argmax(-1), num_options=2, tie=tie)
    preferences = replace(preferences, answers=answers)
    lines = {name: run(preferences, ~tie, arm, 0, 5, {"arm": name}) for name, arm in ARMS.items()}
    assert [line["num_fitted"] for line in lines.values()] == [30, 40, 40]
    assert len({line["cross_entropy"] for line in lines.values()}) == 3
    assert {line["num_predicted"] for line in lines.values()} == {30}
    assert all(line["accuracy"] > 0.8 and 0 < line["cross_entropy"] < np.log(2) for line in lines.values())


def test_averages_have_intervals_from_six_seeds_on() -> None:
    assert estimate(np.array([0.5, 0.7])) == "0.600"
    assert estimate(np.full(6, 0.5)) == "0.500 (0.500 to 0.500)"


def test_the_table_is_made_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A second call finds the lines of the first; labels of other pairs are refused."""
    preferences, results = labelled(10), Path("lines.jsonl")
    for name in ("people", "script"):
        write_feedback(Path(name), preferences, Card(env="none"))
    cfg = HumanLabelsCfg(people=Path("people"), script=Path("script"), seeds=1, folds=2, results=results)
    for _ in range(2):
        assert HumanLabels(cfg).make() == 0
        output = capsys.readouterr().out
        assert "10 pairs that people decided, of 10" in output and "ties as halves, minus" in output
    without_ties = [arm for arm in ARMS if arm != BY_LIKELIHOOD]  # as the labels are
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    assert [(line["labels"], line["arm"]) for line in lines] == [
        (a, b) for a in ("people", "script") for b in without_ties
    ]
    write_feedback(Path("other"), preferences[:5], Card(env="none"))
    with pytest.raises(UserError, match="other has labels of other pairs"):
        HumanLabels(replace(cfg, script=Path("other")))
