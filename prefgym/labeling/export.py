"""Answers and events as files that others open."""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from prefgym.store.records import StoredAnswer

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
COLUMNS = (
    "event",
    "revision",
    "question",
    "query_id",
    "asked_at",
    "criterion",
    "kind",
    "rater",
    "status",
    "statement",
    "shown_order",
    "seconds",
    "at",
    "gold",
    "practice",
    "is_repeat",
    "shown_sha256",
)


def as_jsonl(answers: Iterable[StoredAnswer]) -> str:
    """Write an answer a line as JSON, in ASCII, with everything that is known of it."""
    return "".join(json.dumps(asdict(row)) + "\n" for row in answers)


def as_csv(answers: Iterable[StoredAnswer]) -> str:
    """Write a table for spreadsheets, without provenance; no cell is a formula."""
    written = io.StringIO()
    table = csv.writer(written)
    table.writerow(COLUMNS)
    for row in answers:
        values = asdict(row)
        table.writerow([_cell(values[name]) for name in COLUMNS])
    return written.getvalue()


def _cell(value: Any) -> str:  # noqa: ANN401
    """Write a cell.

    >>> _cell("=1+1"), _cell(-2), _cell({"choice": 0})
    ("'=1+1", '-2', '{"choice": 0}')
    """
    if isinstance(value, str):
        # spreadsheets run what begins so; the quote marks it as text
        return f"'{value}" if value.startswith(_FORMULA) else value
    return json.dumps(value)
