"""`prefgym feedback show`: a table, JSON, and a page."""

import json
from pathlib import Path

import pytest
from commands import run

from prefgym.data.feedback import Card, write_feedback
from prefgym.testing import example_preferences


@pytest.fixture
def folder() -> Path:
    """Write four answers: a tie, a skip and two choices."""
    write_feedback(Path("feedback"), example_preferences(), Card(env="prefgym/Hopper-v0"))
    return Path("feedback")


def test_a_table_is_printed_and_no_page_is_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, output, error = run(capsys, "feedback", "show", str(folder))
    assert (code, error) == (0, "")
    assert output.startswith("feedback: 4 queries about prefgym/Hopper-v0, 3 answers\n")
    assert "page" not in output
    assert [path.name for path in Path().iterdir()] == ["feedback"]


def test_json_is_for_programs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, output, _ = run(capsys, "feedback", "show", str(folder), "--json")
    told = json.loads(output)
    assert (code, told["num_queries"], told["raters"][0]["num_ties"], told["page"]) == (0, 4, 1, None)


@pytest.mark.parametrize(("flags", "page"), [(("--out", "a/b.html"), "a/b.html"), (("--draw", "1"), "feedback.html")])
def test_a_page_is_written_where_one_is_wanted(
    flags: tuple[str, ...], page: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without states and pictures, it says so."""
    write_feedback(Path("feedback"), example_preferences().without_truth(), Card(env="prefgym/Hopper-v0"))
    code, output, _ = run(capsys, "feedback", "show", "feedback", *flags)
    assert code == 0
    assert f"page: {page}, without clips: the segments have neither physics states nor recorded" in output
    assert Path(page).is_file()
    assert json.loads(run(capsys, "feedback", "show", "feedback", "--json", *flags)[1])["page"] == page


def test_a_run_is_shown_as_well(finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, output, _ = run(capsys, "feedback", "show", str(finished_run))
    assert code == 0
    assert "10 queries about prefgym/InvertedPendulum-v0" in " ".join(output.split())


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("nowhere",), "nowhere"),
        (("feedback", "--out", "page.png"), "--out page.png: it is a page in HTML; pass --out page.html"),
        (("feedback", "--draw", "0"), "--draw 0: it must be 1 or more"),
        ((), "prefgym feedback show needs FOLDER"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_bad_input_ends_in_one_sentence(
    flags: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, output, error = run(capsys, "feedback", "show", *flags)
    assert (code, output, len(error.splitlines())) == (2, "", 1)
    assert sentence in error
