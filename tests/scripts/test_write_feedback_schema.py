"""The schemas in docs/schema/ are what the models say, and a folder keeps to them."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from kinds import EXAMPLES
from write_feedback_schema import FOLDER, FeedbackSchemaCfg, main, schemas

from prefgym.core.feedback import Feedback
from prefgym.core.kinds import KINDS
from prefgym.data.feedback import Card, write_feedback


def test_schemas_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    """Run python scripts/write_feedback_schema.py if this fails."""
    assert main(FeedbackSchemaCfg(check=True)) == 0, capsys.readouterr().err
    assert {file.name for file in FOLDER.iterdir()} == {*schemas()}


def test_what_is_out_of_date_is_written() -> None:
    assert main(FeedbackSchemaCfg(check=True, folder=Path("schema"))) == 1 and not Path("schema").exists()
    assert main(FeedbackSchemaCfg(folder=Path("schema"))) == 0
    assert main(FeedbackSchemaCfg(check=True, folder=Path("schema"))) == 0


def test_every_kind_and_entry_of_a_folder_is_described() -> None:
    """Each row has the columns that its schema requires, and no column is without one; so has the manifest."""
    write_feedback(Path("folder"), Feedback.cat([*EXAMPLES.values()]), Card(env="none", instructions="Look."))
    parquet: Any = import_module("pyarrow.parquet")
    row_schema, manifest_schema = (json.loads((FOLDER / name).read_text()) for name in schemas())
    mapping = row_schema["discriminator"]["mapping"]
    assert sorted(mapping) == sorted(KINDS)
    for row in parquet.read_table("folder/answers.parquet").to_pylist():
        model = row_schema["$defs"][mapping[row["kind"]].rpartition("/")[2]]
        assert all(row[name] is not None for name in model["required"])
        assert {name for name, value in row.items() if value is not None} <= {*model["properties"]}
        assert all("description" in field or field.get("const") for field in model["properties"].values())
    manifest = json.loads(Path("folder/manifest.json").read_text())
    assert {*manifest_schema["required"]} <= {*manifest} == {*manifest_schema["properties"]}
