"""The offline table: cells that are done are not done again, and scores by hand."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from offline_table import Cell, OfflineTable, OfflineTableCfg, row, scores_of

from prefgym.bench.cells import Line
from prefgym.evaluation.experts import load_expert

TINY = OfflineTableCfg(
    tasks=("Pusher",), agents=("sft", "bc"), seeds=1, episodes=4, queries=8, segment_length=20, updates=2, jobs=0
)


def test_a_table_is_made_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("minari")
    cfg = replace(TINY, out=tmp_path / "runs", results=tmp_path / "results.jsonl")
    grid = OfflineTable(cfg)
    assert grid.make() == 0
    lines = cfg.results.read_text().splitlines()
    assert [json.loads(line)["agent"] for line in lines] == ["sft", "bc"]
    assert "Pusher-bc-0" in capsys.readouterr().out
    assert grid.make() == 0
    assert cfg.results.read_text().splitlines() == lines
    assert OfflineTable(replace(cfg, updates=3)).read() == {}
    assert len(grid.read()) == 2


def test_data_of_mixed_quality_are_other_cells() -> None:
    cell = Cell(task="Pusher", agent="cpl", seed=0)
    policies = ("medium",), ("medium", "expert")
    one, mixed = (OfflineTable(replace(TINY, policies=names)).settings(cell) for names in policies)
    assert {name for name in one if one[name] != mixed[name]} == {"demos.policy"}


def a_line(late: float, curve: list[float], recorded: float = 0.0) -> Line:
    """Write a line of Pusher."""
    return {"task": "Pusher", "late_return": late, "curve": curve, "recorded_return": recorded, "wall_time_s": 1.0}


def test_scores_by_hand() -> None:
    """Half way from the medium policy to the expert; the best evaluation was the expert; recorded was as good."""
    medium, expert = (load_expert("prefgym/Pusher-v0", level).card.returns.mean for level in ("medium", "expert"))
    half = (medium + expert) / 2
    scores = scores_of(a_line(half, [medium, expert, half], recorded=half))
    assert list(scores.values()) == pytest.approx([0.5, 0.0, 1.0])
    assert row([[a_line(expert, [expert]), a_line(medium, [medium])], []])[2:4] == ["2", "0.50"]


def test_seeds_decide_data_and_agents() -> None:
    first, second = (OfflineTable(TINY).settings(Cell(task="Pusher", agent="cpl", seed=seed)) for seed in (0, 1))
    assert {name for name in first if first[name] != second[name]} == {"seed", "demos.seed", "questions.seed"}
    assert len(list(OfflineTable(OfflineTableCfg()).cells())) == 4 * 6 * 3
