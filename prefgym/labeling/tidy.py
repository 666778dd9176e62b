"""Plain values from a page, made fit for every database: finite, without zero bytes, of bounded depth and size."""

import json
import math
from typing import Any, cast

_DEEPEST = 12
_MOST_CHARACTERS = 16_384


def tidy(values: dict[str, Any]) -> dict[str, Any]:
    r"""Return the same values without what a database cannot hold.

    >>> tidy({"speed": float("nan"), "name": "a\x00b", "path": [1, {"x": 2}]})
    {'speed': None, 'name': 'ab', 'path': [1, {'x': 2}]}

    Raises:
        ValueError: If they are too many.
    """
    tidied = {_text(name): _value(value, _DEEPEST) for name, value in values.items()}
    if len(json.dumps(tidied)) > _MOST_CHARACTERS:
        raise ValueError(f"it takes more than {_MOST_CHARACTERS:,} characters")
    return tidied


def _value(value: object, deepest: int) -> Any:  # noqa: ANN401
    if isinstance(value, dict | list) and deepest == 0:
        return None
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return {_text(name): _value(inner, deepest - 1) for name, inner in items}
    if isinstance(value, list):
        return [_value(inner, deepest - 1) for inner in cast("list[object]", value)]
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) < 2**53 else None
    return value


def _text(text: str) -> str:
    """Return a text in UTF-8 that a database holds."""
    return text.replace("\0", "").encode(errors="replace").decode()
