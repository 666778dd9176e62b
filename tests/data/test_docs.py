"""What docs/feedback.md says of the format is so."""

import re
from importlib import import_module
from pathlib import Path

from commands import command
from pages import DOCS, run_examples

from prefgym.core.kinds import KINDS, Comparison, Thumbs
from prefgym.data.feedback import read_feedback
from prefgym.data.feedback_rows import arrow_schema
from prefgym.data.schema import SealedManifest
from prefgym.data.tables import pack_segments
from prefgym.testing import example_preferences

PAGE = (DOCS / "feedback.md").read_text()


def named(start: str, end: str, column: int) -> list[str]:
    """Return the names in a column of the table between two headings."""
    rows = [line for line in PAGE.partition(start)[2].partition(end)[0].splitlines() if line.startswith("|")]
    return [name for row in rows[2:] for name in re.findall(r"`([^`]+)`", row.split("|")[column])]


def test_a_folder_that_another_program_wrote_is_valid(tmp_path: Path) -> None:
    """The program of the page, which has no line of ours."""
    run_examples("feedback.md", tmp_path)
    assert command("feedback", "validate", "own-feedback") == 0
    feedback = read_feedback("own-feedback")
    assert feedback.kinds == (Comparison, Thumbs)
    assert [len(part) for part in feedback.parts] == [2, 1] and [len(p) for p in feedback.current().parts] == [1, 1]
    assert feedback.parts[0].raters[0].sitting is not None


def test_every_column_and_entry_is_explained() -> None:
    """Of rows, kinds, segments and the manifest, and no other."""
    columns = named("## Answers", "## Kinds", 1) + named("## Kinds", "## Identity", 3)
    types = arrow_schema(import_module("pyarrow"))
    assert sorted(columns) == sorted(types.names)
    assert named("## Kinds", "## Identity", 1) == list(KINDS)
    assert sorted(named("## Manifest", "## Write", 1)) == sorted(SealedManifest.model_fields)
    arrays = {name.partition("/")[0] for name in pack_segments(example_preferences().queries.options)}
    assert arrays < {name.partition("/")[0] for name in named("## Segments", "## Answers", 1)}
