"""The table of learning results: what is done stays done, under the configuration it was done with."""

import json
import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SCRIPT: dict[str, Any] = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "learning_table.py"))


def test_a_finished_cell_is_not_run_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One real cell leaves one line, with which the table is printed although the run's folder is gone."""
    cfg = SCRIPT["LearningTableCfg"](
        tasks=("Reacher",), budgets=(0,), seeds=1, steps=4096, out=tmp_path / "runs", results=tmp_path / "results.jsonl"
    )
    SCRIPT["main"](cfg)
    told = json.loads(cfg.results.read_text())
    assert (told["env"], told["rater"], told["seed"], len(told["returns"])) == ("prefgym/Reacher-v0", "none", 0, 20)
    (cfg.out / "Reacher-0-0").rename(tmp_path / "gone")
    SCRIPT["main"](cfg)
    assert len(cfg.results.read_text().splitlines()) == 1
    assert capsys.readouterr().out.count("Reacher-0-0: ") == 1
    assert SCRIPT["read_results"](replace(cfg, steps=8192)) == {}  # another configuration is another table


def test_the_middle_half_counts() -> None:
    """Of 1, 2, 3, 10 the middle half is 2 and 3; the ratio of equal arms is 1."""
    scores = np.array([10.0, 1.0, 3.0, 2.0])
    assert SCRIPT["iqm"](scores) == 2.5
    middle, low, high = SCRIPT["ratio"](scores, scores)
    assert middle == 1.0
    assert low < 1.0 < high
