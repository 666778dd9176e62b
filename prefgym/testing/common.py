"""What several checks share."""

import json
import random
from collections.abc import Generator
from contextlib import contextmanager

import numpy as np
import torch

from prefgym.common.states import State, Stateful, flatten, unflatten


def require(part: object, kind: str, *names: str) -> None:
    """See that a part has the attributes that its protocol lists.

    Raises:
        AssertionError: If some are missing.
    """
    missing = [name for name in names if not hasattr(type(part), name) and not hasattr(part, name)]
    assert not missing, f"{kind} has {', '.join(names)}, and {type(part).__name__} lacks {', '.join(missing)}"


@contextmanager
def global_generators_untouched(kind: str) -> Generator[None]:
    """See that nothing is drawn from a generator that all parts share: that of random, NumPy or torch.

    Raises:
        AssertionError: If something is, or one of them is seeded.
    """
    before = _global_states()
    yield
    touched = [name for name, state in _global_states().items() if state != before[name]]
    assert not touched, f"{kind} must draw from a generator of its own, and not from that of {', '.join(touched)}"


def saved_state(part: object, kind: str) -> State:
    """Return the state of a part as it comes back from a checkpoint.

    Raises:
        AssertionError: If the part does not tell it, or a file cannot hold it.
    """
    told = f"{kind} has state_dict() and load_state_dict(state), or runs with it cannot be resumed"
    assert isinstance(part, Stateful), told
    arrays, plain = flatten(part.state_dict())
    try:
        text = json.dumps(plain)
    except TypeError as error:
        raise AssertionError(f"state_dict() must hold tensors and what JSON knows, but {error}") from error
    return unflatten({path: array.clone() for path, array in arrays.items()}, json.loads(text))


def _global_states() -> dict[str, object]:
    _, key, position, has_gauss, gauss = np.random.get_state()
    return {
        "random": random.getstate(),
        "numpy": (np.asarray(key).tobytes(), position, has_gauss, gauss),
        "torch": torch.get_rng_state().numpy().tobytes(),
    }
