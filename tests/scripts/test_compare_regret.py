"""The comparison of ways to judge prints a row a task."""

import compare_regret
import pytest


def test_a_row_has_all_pairs(capsys: pytest.CaptureFixture[str]) -> None:
    """Shares of few queries, by the experts that ship."""
    compare_regret.main(compare_regret.CompareRegretCfg(tasks=("Hopper",), queries=8, segment_length=10, steps=30))
    header, _, row = (line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines())
    assert len(header) == len(row) == 8
    assert row[0].strip() == "Hopper"
    assert all(0 <= float(share.strip(" %")) <= 100 for share in row[1:])
