"""The table of self-play: cells and comparisons that are done are not done again, and who is preferred."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from self_play_table import Cell, Duel, SelfPlayTableCfg, duels, main, train_flags

TINY = SelfPlayTableCfg(
    tasks=("Hopper",), raters=("oracle",), budgets=(20,), arms=("reward", "rater"), seeds=1, steps=4096, matches=8
)


def test_a_table_is_made_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two untrained policies; who falls later is preferred by the oracle."""
    cfg = replace(TINY, out=tmp_path / "runs", results=tmp_path / "results.jsonl")
    assert main(cfg) == 0
    lines = [json.loads(line) for line in cfg.results.read_text().splitlines()]
    assert sorted(line.get("arm", "duel") for line in lines) == ["duel", "rater", "reward"]
    duel = next(line for line in lines if "win_rate" in line)
    assert 0 <= duel["win_rate"] <= 1 and duel["win_rate"] * 16 == round(duel["win_rate"] * 16)
    assert "Hopper-oracle-20-rater-0 against reward: preferred in" in capsys.readouterr().out
    assert main(cfg) == 0
    assert [json.loads(line) for line in cfg.results.read_text().splitlines()] == lines


def test_pairs_are_of_one_seed_and_the_first_arm() -> None:
    cfg = replace(TINY, arms=("reward", "model", "rater"), seeds=2)
    made = [Cell(task="Hopper", rater="oracle", budget=20, arm=arm, seed=0) for arm in cfg.arms]
    other = Cell(task="Hopper", rater="oracle", budget=20, arm="rater", seed=1)
    told = list(duels(cfg, {key: {} for key in (*made, other)}))
    assert told == [Duel(ours=made[1], theirs=made[0]), Duel(ours=made[2], theirs=made[0])]


def test_a_circle_takes_three_factors() -> None:
    """A task with two goes round by turning one of them round."""
    cell = Cell(task="HalfCheetah", rater="cyclic", budget=20, arm="model", seed=0)
    assert "forward,ctrl,-forward" in train_flags(TINY, cell)
    assert "--rater.factors" not in train_flags(TINY, replace(cell, task="Walker2d"))
    assert "--rater.factors" not in train_flags(TINY, replace(cell, rater="oracle"))
