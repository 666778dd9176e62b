"""The offline table: cells that are done are not done again, and scores by hand."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from offline_table import Cell, OfflineTableCfg, cells, main, score, train_flags, wanted

from prefgym.bench.cells import read_done
from prefgym.evaluation.experts import load_expert

TINY = OfflineTableCfg(
    tasks=("Pusher",), agents=("sft", "bc"), seeds=1, episodes=4, queries=8, segment_length=20, updates=2, jobs=1
)


def test_a_table_is_made_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("minari")
    cfg = replace(TINY, out=tmp_path / "runs", results=tmp_path / "results.jsonl")
    assert main(cfg) == 0
    lines = cfg.results.read_text().splitlines()
    assert [json.loads(line)["agent"] for line in lines] == ["sft", "bc"]
    assert "Pusher-bc-0" in capsys.readouterr().out
    assert main(cfg) == 0
    assert cfg.results.read_text().splitlines() == lines
    other = replace(cfg, updates=3)
    assert read_done(cfg.results, cells(other), partial(wanted, other)) == {}
    assert len(read_done(cfg.results, cells(cfg), partial(wanted, cfg))) == 2


def test_data_of_mixed_quality_are_other_cells() -> None:
    cell = Cell(task="Pusher", agent="cpl", seed=0)
    policies = ("medium",), ("medium", "expert")
    one, mixed = (wanted(replace(TINY, policies=told), cell)["flags"][0] for told in policies)
    assert one == [flag for flag in mixed if flag != "expert"]
    assert one != mixed


def test_scores_by_hand() -> None:
    """Half way from the medium policy to the expert."""
    medium, expert = (load_expert("prefgym/Pusher-v0", level).card.returns.mean for level in ("medium", "expert"))
    line: dict[str, Any] = {"task": "Pusher", "late_return": (medium + expert) / 2}
    assert score(line) == pytest.approx(0.5)


def test_seeds_decide_data_and_agents() -> None:
    first, second = (wanted(TINY, Cell(task="Pusher", agent="cpl", seed=seed)) for seed in (0, 1))
    assert all(a != b for a, b in zip(first["flags"], second["flags"]))
    assert len(list(cells(OfflineTableCfg()))) == 4 * 6 * 3
    assert "--agent" in train_flags(TINY, Cell(task="Pusher", agent="cpl", seed=0))
