"""The page docs/labeling_studies.md: its examples run, and its table has every key of a study file."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from pages import DOCS, run_examples

from prefgym.store.study import StudyCfg


@pytest.mark.slow  # records segments, and serves them
def test_examples_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    defined = run_examples("labeling_studies.md", tmp_path)
    work = defined["work"]
    assert (work.num_waiting, work.feedback) == (3, None)
    work.stop()
    assert "Alpha(value=" in capsys.readouterr().out


def test_every_key_of_a_study_file_is_described() -> None:
    text = (DOCS / "labeling_studies.md").read_text().partition("## Study files")[2].partition("## Admin page")[0]
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    named = {key for cell in cells for key in re.findall(r"`(\w+)`", cell)}
    assert named == {one.name for one in fields(StudyCfg)} | {"questions", "gold"}
