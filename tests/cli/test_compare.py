"""`prefgym compare`: the table fits a terminal, and the page is written."""

from pathlib import Path

import pytest
from commands import run
from compared import write_arm
from tiny import tiny_settings

import prefgym


def test_the_table_fits_80_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Means 2000 and 1000, ranges, and the reference lines of what is shipped."""
    write_arm(tmp_path / "a", [1000.0, 3000.0], lengths=(1000, 10, 10, 10), seconds=3700.0, steps=1_000_000)
    write_arm(tmp_path / "b", [500.0, 1500.0], rater="none", steps=1_000_000)
    out = Path("page.html")  # in a line of its own
    code, text, error = run(
        capsys, "compare", str(tmp_path / "a"), str(tmp_path / "b"), "--out", str(out), "--no-films"
    )
    assert code == 0, error
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    table = [line.split() for line in lines]
    assert ["Oracle", "2", "2,000", "1,000", "to", "3,000", "75", "%", "500", "1M", "1:01:40"] in table
    assert ["Task", "reward", "2", "1,000", "500", "to", "1,500", "0", "%", "0", "1M", "1:00"] in table
    assert ["Task,", "shipped", "10", "2,841", "1,060", "to", "3,537"] in table
    assert "500 labels reach 2.00 of the task reward; two seeds an arm, so no interval." in " ".join(text.split())
    assert out.is_file() and f"page: {out}" in text


def test_wrong_calls_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for argv, words in (
        ((), "there is no run to compare"),
        (("nowhere",), "nowhere is no run folder"),
    ):
        code, _, error = run(capsys, "compare", *argv)
        assert code == 2 and words in error and len(error.splitlines()) == 1


@pytest.mark.slow  # four trainings and two films
def test_trained_runs_are_compared_from_python(tmp_path: Path) -> None:
    """The list that `train` returns is an arm; films are there, or the reason for having none."""
    oracle = prefgym.train(**tiny_settings(report=False, out=tmp_path / "oracle"), seeds="0-1")
    task = prefgym.train(**tiny_settings(report=False, rater="none", out=tmp_path / "none"), seeds="0-1")
    comparison = prefgym.compare([*oracle, *task])
    assert [arm.name for arm in comparison.arms] == ["Oracle", "Task reward"]
    assert comparison.arms[0].centre == pytest.approx(sum(one.result.mean_return for one in oracle) / 2)
    assert "Oracle" in str(comparison) and max(map(len, str(comparison).splitlines())) <= 80
    page = comparison.write(tmp_path / "page.html").read_text()
    assert "Final policies" in page and "data:video/mp4" in page
