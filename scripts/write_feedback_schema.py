"""Write docs/schema/, the JSON Schema of the files of a feedback folder, from the models that check them.

python scripts/write_feedback_schema.py            writes what is out of date
python scripts/write_feedback_schema.py --check    writes nothing, and fails if a file is out of date
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from prefgym.data.row_schema import ROW
from prefgym.data.schema import SealedManifest

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "schema"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, kw_only=True)
class FeedbackSchemaCfg:
    """Write the schemas."""

    check: bool = False
    """Whether to write nothing, and fail if something would have to be written."""
    folder: Path = FOLDER
    """Where the schemas are."""


def schemas() -> dict[str, dict[str, Any]]:
    """Return the schemas by the names of their files."""
    row = {"title": "A row of answers.parquet, prefgym-feedback/2", **ROW.json_schema()}
    manifest = {**SealedManifest.model_json_schema(), "title": "manifest.json, prefgym-feedback/2"}
    return {
        "feedback-row.json": {"$schema": DIALECT, **row},
        "feedback-manifest.json": {"$schema": DIALECT, **manifest},
    }


def main(cfg: FeedbackSchemaCfg) -> int:
    """Write or check the schemas. Returns the exit code."""
    texts = {cfg.folder / name: json.dumps(schema, indent=2) + "\n" for name, schema in schemas().items()}
    stale = [file for file, text in texts.items() if not file.is_file() or file.read_text(encoding="utf-8") != text]
    if cfg.check:
        for file in stale:
            print(f"{file} is out of date: run python scripts/write_feedback_schema.py", file=sys.stderr)
        return int(bool(stale))
    cfg.folder.mkdir(parents=True, exist_ok=True)
    for file in stale:
        file.write_text(texts[file], encoding="utf-8")
    print(f"{len(stale)} schemas written")
    return 0


if __name__ == "__main__":
    sys.exit(main(tyro.cli(FeedbackSchemaCfg, description=__doc__)))
