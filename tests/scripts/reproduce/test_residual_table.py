"""The table of residual learning: cells that are done are not done again, and arms that differ in what they should."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from residual_table import Cell, ResidualTable, ResidualTableCfg, named
from rich.console import Console

TINY = ResidualTableCfg(
    task="FetchReach", arms=("alone", "residual"), seeds=1, steps=80, demos=2, chunk=2, updates=2, jobs=0, episodes=2
)


def test_a_table_is_made_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A reaching gripper, corrected for a single rollout."""
    cfg = replace(TINY, out=tmp_path / "runs", results=tmp_path / "results.jsonl")
    grid = ResidualTable(cfg)
    assert grid.make() == 0
    lines = cfg.results.read_text().splitlines()
    assert [json.loads(line)["arm"] for line in lines] == ["alone", "residual"]
    assert "residual-0: success in" in capsys.readouterr().out
    assert grid.make() == 0
    assert cfg.results.read_text().splitlines() == lines
    assert ResidualTable(replace(cfg, scale=0.4)).read().keys() == {Cell(arm="alone", seed=0)}


def test_arms_differ_in_scale_and_rater() -> None:
    """Settings of the learner that are given count before those of the arm."""
    grid = ResidualTable(replace(TINY, agent=("n-step=5",)))
    arms = [grid.settings(Cell(arm=arm, seed=0)) for arm in ("residual", "alone", "preferences")]
    assert [arm["agent_cfg.scale"] for arm in arms] == ["0.3", "1.0", "0.3"]
    assert [arm["rater"] for arm in arms] == ["none", "none", "oracle"]
    assert [arm["base"] for arm in arms] == ["cloned", "zero", "cloned"]
    assert [arm["agent_cfg.n_step"] for arm in arms] == ["5"] * 3
    assert named(["n-step=5", "actor-learning-rate=0.1", "product=true"]) == {
        "n_step": 5,
        "actor_learning_rate": 0.1,
        "product": True,
    }


def test_the_first_evaluation_at_the_goal_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    line = {"success_rate": 0.95, "base_success_rate": 0.4, "wall_time_s": 7.0}
    grid = ResidualTable(replace(TINY, arms=("residual",), seeds=2))
    good, bad = [[10, 0.8], [20, 0.9], [30, 1.0]], [[10, 0.8]]
    lines = {Cell(arm="residual", seed=i): {**line, "success_by_steps": curve} for i, curve in enumerate((good, bad))}
    Console(width=140).print(grid.table(lines))
    assert "20 never" in capsys.readouterr().out
