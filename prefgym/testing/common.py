"""Helpers of the compliance checks."""

import json
import random
from collections.abc import Generator
from contextlib import contextmanager

import numpy as np
import torch

from prefgym.common.states import State, Stateful, flatten, unflatten


def require(part: object, kind: str, *names: str) -> None:
    """Check that a part has the attributes of its protocol.

    Raises:
        AssertionError: If some are missing.
    """
    missing = [name for name in names if not hasattr(type(part), name) and not hasattr(part, name)]
    assert not missing, f"{kind} has {', '.join(names)}, and {type(part).__name__} lacks {', '.join(missing)}"


@contextmanager
def global_generators_untouched(kind: str) -> Generator[None]:
    """Check that a part uses no global generator: that of random, NumPy or torch.

    Raises:
        AssertionError: If it samples from one of them, or seeds it.
    """
    before = _global_states()
    yield
    touched = [name for name, state in _global_states().items() if state != before[name]]
    assert not touched, f"{kind} must sample from a generator of its own, and not from that of {', '.join(touched)}"


def saved_state(part: object, kind: str) -> State:
    """Return the state of a part after a round trip through a checkpoint.

    Raises:
        AssertionError: If the part has no state, or a file cannot hold it.
    """
    rule = f"{kind} must have state_dict() and load_state_dict(state), which resumed runs need"
    assert isinstance(part, Stateful), rule
    arrays, plain = flatten(part.state_dict())
    try:
        text = json.dumps(plain)
    except TypeError as error:
        raise AssertionError(f"state_dict() must hold tensors and JSON values, but {error}") from error
    return unflatten({path: array.clone() for path, array in arrays.items()}, json.loads(text))


def _global_states() -> dict[str, object]:
    _, key, position, has_gauss, gauss = np.random.get_state()
    return {
        "random": random.getstate(),
        "numpy": (np.asarray(key).tobytes(), position, has_gauss, gauss),
        "torch": torch.get_rng_state().numpy().tobytes(),
    }
