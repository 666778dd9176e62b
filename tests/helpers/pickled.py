"""Pickles, as other projects write them: for tests of the reader that runs nothing."""

import os
import pickle
from collections.abc import Callable
from typing import Any

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


class Runs:
    """Whoever loads this calls a function; by default, one that makes the file `ran`."""

    def __init__(self, function: Callable[..., Any] = os.system, *arguments: object) -> None:
        self.call = function, arguments or ("touch ran",)

    def __reduce__(self) -> Any:  # noqa: ANN401
        return self.call


def pickled(value: object, protocol: int = 4) -> bytes:
    """Pickle a value."""
    return pickle.dumps(value, protocol=protocol)
