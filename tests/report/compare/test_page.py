"""The page of a comparison: complete, self-contained, safe, and honest about what is missing."""

from pathlib import Path

import pytest
from compared import Row, write_arm, write_run
from parsed import Page

from prefgym.common.errors import UserError
from prefgym.report.compare.api import compare

NASTY = '"><script>alert(1)</script>$'


def rows(final: float) -> list[Row]:
    """Return four evaluations up to a final return; the last two have the same labels."""
    return [(250.0 * k, min(100.0 * k, 300.0), k / 4, final * k / 4) for k in range(1, 5)]


def page_of(folder: Path, runs: Path) -> Page:
    """Write the page of some runs without films, and read it."""
    return Page(compare(runs).write(folder / "page.html", ["prefgym", "compare", "runs"], films=False))


@pytest.fixture
def two_arms(tmp_path: Path) -> Path:
    """Write two arms of three seeds, and a run that was stopped."""
    runs = tmp_path / "runs"
    for seed, final in enumerate((1000.0, 2000.0, 3000.0)):
        write_run(
            runs / "a" / f"seed-{seed}", final, seed, rows=rows(final), lengths=(1000, 500), held_out=[(0.9, 1.0)]
        )
        write_run(runs / "b" / f"seed-{seed}", final / 2, seed, rows=rows(final / 2), rater="none")
    write_run(runs / "a" / "seed-3", None, 3, rows=rows(800.0)[:2])
    return runs


def test_a_page_loads_nothing_and_runs_nothing(two_arms: Path, tmp_path: Path) -> None:
    page = page_of(tmp_path, two_arms)
    assert not page.all("script")
    policy = next(one["content"] for one in page.all("meta") if one.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and policy.startswith("default-src 'none'; ")
    links = [attributes[name] for _, attributes in page.elements for name in ("src", "href") if name in attributes]
    assert all(link is not None and link.startswith(("data:", "#")) for link in links)
    assert "http" not in page.source.replace("http-equiv", "")
    assert "prefers-color-scheme: dark" in page.source and "@media print" in page.source
    assert len(page.source) < 200_000


def test_curves_stand_over_three_axes(two_arms: Path, tmp_path: Path) -> None:
    """Chosen by radio inputs, each drawn for a wide page and for a phone; the stopped run has an open end."""
    page = page_of(tmp_path, two_arms)
    assert [one["id"] for one in page.all("input")] == ["axis-0", "axis-1", "axis-2"]
    for title in ("Environment steps", "Labels", "Wall time"):
        assert title in page.text
    charts = [one["aria-label"] for one in page.all("svg") if str(one.get("aria-label", "")).startswith("true return")]
    names = ("environment steps", "labels answered", "wall time, minutes")
    assert charts == [f"true return over {name}" for name in names for _ in range(2)]
    assert page.source.count("open-dot") - page.source.count(".open-dot") == 6
    assert page.text.count("a/seed-3 stopped here") == 3


def test_numbers_are_those_of_finished_runs(two_arms: Path, tmp_path: Path) -> None:
    """Means 2000 and 1000; the fourth seed of 800 so far is counted in none."""
    page = page_of(tmp_path, two_arms)
    assert "labels reach 2.00 of the task reward; three seeds an arm, so no interval." in page.text
    assert "3 seeds + 1 stopped" in page.text
    assert "3 of 6" in page.text and "0 of 6" in page.text
    assert "Stopped without a result" in page.text and "a/seed-3 (500 steps)" in page.text
    assert "no band below six seeds" in page.text and "All runs, not only their middle" not in page.text


def test_only_what_differs_is_shown(two_arms: Path, tmp_path: Path) -> None:
    page = page_of(tmp_path, two_arms)
    shown = page.text[page.text.index("What differs") : page.text.index("settings are the same")]
    assert "rater oracle none" in shown and "labels answered 500 0" in shown
    assert "gamma" not in shown and "budget" not in shown


def test_six_seeds_have_a_band_a_profile_and_no_dots(tmp_path: Path) -> None:
    write_arm(tmp_path / "runs" / "a", [10.0, 20.0, 30.0, 40.0, 50.0, 60.0])
    write_arm(tmp_path / "runs" / "b", [10.0, 20.0, 30.0, 40.0, 50.0, 60.0], sampler="uniform")
    page = page_of(tmp_path, tmp_path / "runs")
    assert "All runs, not only their middle" in page.text
    assert "Disagreement above Uniform: 50\xa0%" in page.source and "does not leave out 50\xa0%" in page.source
    assert 'class="band tint-0"' in page.source and "seed-dot tint" not in page.source


def test_many_arms_have_a_panel_each(tmp_path: Path) -> None:
    for k in range(1, 7):
        write_arm(tmp_path / "runs" / f"{k}", [10.0 * k, 20.0 * k], budget=k)
    page = page_of(tmp_path, tmp_path / "runs")
    assert page.source.count('<div class="multiples">') == 3
    assert all(f"Budget {k}" in page.text for k in range(1, 7))


def test_words_of_files_are_data(tmp_path: Path) -> None:
    """Settings, names of folders and of metrics are escaped."""
    runs = tmp_path / "runs"
    write_run(runs / "<b>seed", 1.0, 0, reward_cfg={"num_members": NASTY})
    write_run(runs / "other", 1.0, 0, reward_cfg={"num_members": 3}, env_cfg={"kwargs": {NASTY: 1}})
    page = page_of(tmp_path, runs)
    assert not page.all("script") and "<b>seed" not in page.source
    assert "<script>alert(1)</script>" in page.text  # as words


def test_a_page_replaces_a_page_and_nothing_else(two_arms: Path, tmp_path: Path) -> None:
    comparison = compare(two_arms)
    out = tmp_path / "new" / "page.html"
    assert comparison.write(out, films=False) == comparison.write(out, films=False) == out
    for other in (two_arms / "a" / "seed-0" / "config.yaml", two_arms):
        before = other.read_bytes() if other.is_file() else None
        with pytest.raises(UserError, match="is no page of prefgym compare"):
            comparison.write(other, films=False)
        assert before is None or other.read_bytes() == before


def test_runs_that_were_not_evaluated_have_no_curves(tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "a", None)
    page = page_of(tmp_path, tmp_path / "runs")
    assert "none of these runs has been evaluated" in page.text
    assert "No run has finished yet" in page.text
