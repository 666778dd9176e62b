"""The log of metrics of a run folder."""

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from prefgym.common.errors import DamageError


def read_metrics(path: Path) -> Iterable[Mapping[str, float]]:
    """Yield the lines of `metrics.jsonl`, their finite numbers by name; none if there is no such file."""
    if not path.is_file():
        return
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            row: Any = json.loads(line) if line.strip() else {}
        except ValueError as error:
            if number == len(lines):
                return  # a run that was killed may leave half a line
            raise DamageError(f"{path}, line {number}, is not valid JSON.") from error
        if not isinstance(row, dict):
            raise DamageError(f"{path}, line {number}, is no JSON object.")
        yield {key: float(value) for key, value in cast("dict[str, Any]", row).items() if _is_finite(value)}


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
