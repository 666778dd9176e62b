"""The table of self-play: cells and comparisons that are done are not done again, and who is preferred."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from self_play_table import (
    RATES,
    Cell,
    Duel,
    SelfPlayTableCfg,
    cells,
    duels,
    main,
    tell_ratio,
    train_flags,
    usual,
)

from prefgym.evaluation.experts import load_expert

TINY = SelfPlayTableCfg(
    tasks=("Hopper",), raters=("oracle",), budgets=(64,), arms=("reward", "rater"), seeds=1, steps=8192, matches=8
)


def test_a_table_is_made_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two untrained policies; who falls later is preferred by the oracle."""
    cfg = replace(TINY, out=tmp_path / "runs", results=tmp_path / "results.jsonl")
    assert main(cfg) == 0
    lines = [json.loads(line) for line in cfg.results.read_text().splitlines()]
    assert sorted(line.get("arm", "duel") for line in lines) == ["duel", "rater", "reward"]
    duel = next(line for line in lines if "win_rate" in line)
    for name in RATES:
        assert 0 <= duel[name] <= 1 and duel[name] * 16 == round(duel[name] * 16)
    assert "Hopper-oracle-64-rater-0 against reward-0: preferred in" in capsys.readouterr().out
    assert main(cfg) == 0
    assert [json.loads(line) for line in cfg.results.read_text().splitlines()] == lines


def test_pairs_are_of_all_seeds_and_the_first_arm() -> None:
    cfg = replace(TINY, arms=("reward", "model", "rater"), seeds=2)
    made = [Cell(task="Hopper", rater="oracle", budget=64, arm=arm, seed=0) for arm in cfg.arms]
    other = Cell(task="Hopper", rater="oracle", budget=64, arm="rater", seed=1)
    told = list(duels(cfg, {key: {} for key in (*made, other)}))
    assert told == [Duel(ours=ours, theirs=made[0]) for ours in (made[1], made[2], other)]


def test_the_rater_judges_nothing_where_answers_are_fewer_than_fragments() -> None:
    """8192 steps are 64 fragments of 128."""
    assert {cell.arm for cell in cells(replace(TINY, budgets=(63,)))} == {"reward"}
    assert {cell.arm for cell in cells(TINY)} == {"reward", "rater"}


def test_what_is_usual_is_measured_once() -> None:
    """Half of what is shown is the medium policy, at its speed, and half goes nowhere: mean and deviation are half."""
    cell = Cell(task="HalfCheetah", rater="turning", budget=64, arm="model", seed=0)
    told = usual("HalfCheetah")
    flags = train_flags(TINY, cell)
    assert " ".join(told) in " ".join(flags) and "ctrl,forward" in flags
    assert "--rater.means" not in train_flags(TINY, replace(cell, rater="oracle"))
    means, deviations = (told[told.index(name) + 1 :][:2] for name in ("--rater.means", "--rater.deviations"))
    speed = load_expert("prefgym/HalfCheetah-v0", "medium").card.returns.mean / 1000
    assert [float(means[1]), float(deviations[1])] == pytest.approx([speed / 2] * 2, rel=0.25)
    assert float(deviations[0]) > 0.05  # actions of all sizes cost from 0 to 0.2 a step


def test_a_ratio_has_an_interval_where_there_are_seeds_to_draw_from() -> None:
    """Every draw of equal seeds is alike: 3 / 2."""
    assert tell_ratio(np.array([3.0, 3.0]), np.array([2.0, 2.0])) == "1.50 (1.50 to 1.50)"
    assert tell_ratio(np.array([3.0]), np.array([2.0, 2.0])) == ""
