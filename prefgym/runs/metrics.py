"""The log of metrics of a run folder."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from prefgym.common.errors import DamageError
from prefgym.common.files import LOG_BYTES, read_bytes
from prefgym.common.schema import LARGEST


def read_metrics(path: Path) -> Iterable[Mapping[str, float]]:
    """Yield the lines of `metrics.jsonl`, their numbers within ±`LARGEST` by name; none if there is no such file."""
    if not path.is_file():
        return
    lines = read_bytes(path, LOG_BYTES).decode("utf-8", "replace").splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            row: Any = json.loads(line) if line.strip() else {}
        except (ValueError, RecursionError) as error:
            if number == len(lines):
                return  # a run that was killed may leave half a line
            raise DamageError(f"{path}, line {number}, is not valid JSON.") from error
        if not isinstance(row, dict):
            raise DamageError(f"{path}, line {number}, is no JSON object.")
        yield {key: float(value) for key, value in cast("dict[str, Any]", row).items() if _is_shown(value)}


def _is_shown(value: object) -> bool:
    return isinstance(value, int | float) and abs(value) <= LARGEST  # whole numbers of any length, and no NaN
