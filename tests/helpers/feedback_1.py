"""A writer of `prefgym-feedback/1`, as prefgym 0.2 was, for tests of what reads it."""

import hashlib
import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from prefgym.common.array_files import packed
from prefgym.common.files import digest, write_sealed_json
from prefgym.core.preferences import Preferences
from prefgym.data.feedback import Card
from prefgym.data.feedback_1 import arrow_schema_1, choice_1, event_id_1
from prefgym.data.tables import pack_segments
from prefgym.runs.answers import Answer, answers_of


def write_feedback_1(folder: Path, preferences: Preferences, card: Card, logged: Sequence[Answer] = ()) -> None:
    """Write one choice for each query."""
    pa, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    folder.mkdir()
    options = preferences.queries.options
    (folder / "segments.safetensors").write_bytes(packed(pack_segments(options.map(lambda x: x.flatten(0, 1)))))
    sha256, used = digest(folder / "segments.safetensors"), {answer.event_id: answer for answer in logged}
    rows = [
        _row(answer, used.get(answer.event_id, answer), sha256, row * options.batch_shape[1], lengths)
        for row, (answer, lengths) in enumerate(zip(answers_of(preferences), options.length.tolist()))
    ]
    parquet.write_table(pa.Table.from_pylist(rows, schema=arrow_schema_1(pa)), folder / "answers.parquet")
    texts = card.instructions
    manifest = {
        "format": "prefgym-feedback/1",
        "env": card.env,
        "source": card.source,
        "instructions": texts if isinstance(texts, str) else texts.get("1", ""),
        "licence": card.licence,
        "consent": card.consent,
        "num_answers": len(rows),
        "files": {name: {"sha256": digest(folder / name)} for name in ("answers.parquet", "segments.safetensors")},
    }
    write_sealed_json(folder / "manifest.json", manifest)


def _row(answer: Answer, used: Answer, sha256: str, first: int, lengths: list[int]) -> dict[str, Any]:
    rater, stated = json.loads(answer.rater), json.loads(answer.statement)
    settings = json.dumps(rater["settings"], sort_keys=True)
    return {
        "event_id": event_id_1(answer),
        "query_id": answer.query_id,
        "feedback_type": "comparison",
        "segments": [
            {"dataset": "segments.safetensors", "sha256": sha256, "episode": first + option, "start": 0, "end": end}
            for option, end in enumerate(lengths)
        ],
        "shown_sha256": answer.shown_sha256,
        "shown_order": json.loads(answer.shown_order),
        "status": answer.status,
        "choice": choice_1(answer),
        "share": stated["choice"],
        "rater_id": rater["name"],
        "rater_kind": rater["kind"],
        "rater_settings": settings,
        "rater_config_hash": hashlib.sha256(settings.encode()).hexdigest(),
        "seconds": answer.seconds,
        "asked_at": answer.asked_at,
        "used_at": used.used_at,
        "created_at": used.created_at,
    }
