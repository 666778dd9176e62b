"""The examples of the pages about the types run."""

from pathlib import Path

from pages import run_examples


def test_the_page_of_kinds(tmp_path: Path) -> None:
    names = run_examples("kinds.md", tmp_path)
    assert [part.answers.kind for part in names["feedback"].parts] == ["thumbs", "comparison"]
