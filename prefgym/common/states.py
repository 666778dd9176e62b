"""States from which parts resume: trees of tensors and plain values that files can hold."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias, cast, runtime_checkable

import numpy as np
import torch
from torch import Tensor

State: TypeAlias = Mapping[str, Any]
"""Nested mappings whose leaves are tensors, arrays, or JSON values."""


@runtime_checkable
class Stateful(Protocol):
    """A part that can resume from the saved state of another of its kind, bit for bit."""

    def state_dict(self) -> State:
        """Return the state to resume from."""
        ...

    def load_state_dict(self, state: Any) -> None:  # noqa: ANN401
        """Resume from a state that `state_dict` returned."""
        ...


def flatten(state: State, prefix: str = "") -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Split a tree into its tensors, by path, and the tree of its plain values.

    >>> flatten({"a": {"b": torch.ones(2), "c": 1}})
    ({'a|b': tensor([1., 1.])}, {'a': {'c': 1}})
    """
    arrays: dict[str, Tensor] = {}
    plain: dict[str, Any] = {}
    for name, value in state.items():
        if isinstance(value, (Tensor, np.ndarray)):
            arrays[f"{prefix}{name}"] = torch.as_tensor(value).detach().cpu().contiguous()
        elif isinstance(value, Mapping):
            below, plain[name] = flatten(cast(State, value), f"{prefix}{name}|")
            arrays |= below
        else:
            plain[name] = value
    return arrays, plain


def unflatten(arrays: Mapping[str, Tensor], plain: dict[str, Any]) -> dict[str, Any]:
    """Merge tensors back into a tree that `flatten` split."""
    for path, array in arrays.items():
        *parents, name = path.split("|")
        node = plain
        for parent in parents:
            node = node.setdefault(parent, {})
        node[name] = array
    return plain


def optimizer_state(optimizer: torch.optim.Optimizer) -> State:
    """Return an optimiser's state of each parameter, by its number, without the optimiser's settings."""
    return {str(number): state for number, state in optimizer.state_dict()["state"].items()}


def load_optimizer_state(optimizer: torch.optim.Optimizer, state: State) -> None:
    """Load the state that `optimizer_state` returned."""
    loaded = {int(number): dict(values) for number, values in state.items()}
    optimizer.load_state_dict({**optimizer.state_dict(), "state": loaded})
