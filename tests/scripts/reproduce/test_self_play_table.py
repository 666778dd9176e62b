"""The table of self-play: cells and comparisons that are done are not done again, and who is preferred."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from self_play_table import RATES, TURNING, Cell, Duel, Duels, Runs, SelfPlayTableCfg, judge_of, main, usual

from prefgym.bench.cells import Line
from prefgym.evaluation.experts import load_expert

TINY = SelfPlayTableCfg(
    tasks=("Hopper",),
    raters=("oracle",),
    budgets=(64,),
    arms=("reward", "rater"),
    seeds=1,
    steps=8192,
    matches=8,
    jobs=0,
)


def test_a_table_is_made_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two untrained policies; the one that falls later is preferred by the oracle."""
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
    done: dict[Cell, Line] = {cell: {} for cell in (*made, other)}
    assert list(Duels(Runs(cfg), done).cells()) == [Duel(ours=ours, theirs=made[0]) for ours in (*made[1:], other)]


def test_the_rater_judges_nothing_where_answers_are_fewer_than_fragments() -> None:
    """8192 steps are 64 fragments of 128."""
    assert {cell.arm for cell in Runs(replace(TINY, budgets=(63,))).cells()} == {"reward"}
    assert {cell.arm for cell in Runs(TINY).cells()} == {"reward", "rater"}


def test_means_and_deviations_are_measured() -> None:
    """Half of what is shown is the medium policy, at its speed, and half goes nowhere: mean and deviation are half.

    The committed numbers were measured in the same way, on another processor.
    """
    measured, committed = usual("HalfCheetah"), judge_of("HalfCheetah", "turning").cfg
    speed = load_expert("prefgym/HalfCheetah-v0", "medium").card.returns.mean / 1000
    assert [measured.means[1], measured.deviations[1]] == pytest.approx([speed / 2] * 2, rel=0.25)
    assert measured.deviations[0] > 0.05  # actions of all sizes cost from 0 to 0.2 a step
    assert committed == replace(TURNING, means=(-0.137, 2.11), deviations=(0.0833, 2.19))
    assert measured.means == pytest.approx((-0.137, 2.11), rel=0.1)


def test_raters_have_their_settings() -> None:
    cell = Cell(task="HalfCheetah", rater="turning", budget=64, arm="model", seed=0)
    grid = Runs(TINY)
    turning, mistake = (grid.settings(replace(cell, rater=rater)) for rater in ("turning", "mistake"))
    assert (turning["rater_cfg.factors"], turning["rater_cfg.means"]) == ("ctrl,forward", "[-0.137, 2.11]")
    assert (mistake["rater"], mistake["rater_cfg.eps_mistake"]) == ("mistake", "0.2")
    assert turning["sampler_cfg.segment_length"] == "64"
