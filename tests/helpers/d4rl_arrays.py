"""A small dataset in the arrays of D4RL."""

from typing import Any

import numpy as np


def write_dataset(**changes: Any) -> None:  # noqa: ANN401
    """Write episodes of five, four and three steps; the second one terminates."""
    place = np.concatenate([np.arange(5.0), np.arange(10.0, 14), np.arange(20.0, 23)])
    arrays = {
        "observations": np.stack([place, -place], -1).astype(np.float32),
        "next_observations": np.stack([place + 1, -place - 1], -1).astype(np.float32),
        "actions": (place[:, None] + 100).astype(np.float32),
        "rewards": place + 200,
        "terminals": place == 13,
    }
    np.savez_compressed("hopper.npz", **{**arrays, **changes})
