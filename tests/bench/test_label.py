"""The benchmark of the labelling server runs, counts and prints; nothing here asserts a time."""

import json
import math
from pathlib import Path

import pytest

from prefgym.bench.label import BenchLabelCfg, run_bench_label


@pytest.mark.slow  # two servers in processes of their own
def test_it_prints_a_table_and_writes_figures(capsys: pytest.CaptureFixture[str]) -> None:
    figures = run_bench_label(BenchLabelCfg(starts=1, answers=12, out=Path("figures.json")))
    assert set(figures) == {"start to link", "start to first question", "answer p50", "answer p95"}
    assert all(math.isfinite(seconds) and seconds > 0 for seconds in figures.values())
    assert figures["start to link"] < figures["start to first question"]
    assert figures["answer p50"] <= figures["answer p95"]
    written = json.loads(Path("figures.json").read_text())
    assert written["seconds"] == figures and written["answers"] >= 12
    assert "medians of 1 starts" in capsys.readouterr().out
