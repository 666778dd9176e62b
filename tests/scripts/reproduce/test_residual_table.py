"""The table of residual learning: cells that are done are not done again, and arms that differ in what they should."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from residual_table import Cell, ResidualTableCfg, cells, main, summarize, train_flags, wanted
from rich.console import Console

from prefgym.bench.cells import read_done

TINY = ResidualTableCfg(
    task="FetchReach", arms=("alone", "residual"), seeds=1, steps=80, demos=2, chunk=2, updates=2, jobs=1, episodes=2
)


def test_a_table_is_made_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A reaching gripper, corrected for a single rollout."""
    cfg = replace(TINY, out=tmp_path / "runs", results=tmp_path / "results.jsonl")
    assert main(cfg) == 0
    lines = cfg.results.read_text().splitlines()
    assert [json.loads(line)["arm"] for line in lines] == ["alone", "residual"]
    assert "residual-0: success in" in capsys.readouterr().out
    assert main(cfg) == 0
    assert cfg.results.read_text().splitlines() == lines
    other = replace(cfg, scale=0.4)
    assert read_done(cfg.results, cells(other), partial(wanted, other)).keys() == {Cell(arm="alone", seed=0)}


def test_arms_differ_in_scale_and_rater() -> None:
    flags = {arm: train_flags(TINY, Cell(arm=arm, seed=0)) for arm in ("residual", "alone", "preferences")}
    assert [x[x.index("--agent.scale") + 1] for x in flags.values()] == ["0.3", "1", "0.3"]
    assert [x[x.index("--rater") + 1] for x in flags.values()] == ["none", "none", "oracle"]


def test_the_first_evaluation_at_the_goal_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    line = {"success_rate": 0.95, "base_success_rate": 0.4, "wall_time_s": 7.0}
    cfg = replace(TINY, arms=("residual",), seeds=2)
    good, bad = [[10, 0.8], [20, 0.9], [30, 1.0]], [[10, 0.8]]
    lines = {Cell(arm="residual", seed=i): {**line, "success_by_steps": told} for i, told in enumerate((good, bad))}
    Console(width=140).print(summarize(cfg, lines))
    assert "20 never" in capsys.readouterr().out
