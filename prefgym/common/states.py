"""States: what a part resumes from, as a tree of tensors and plain values that files can hold."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias, cast, runtime_checkable

import numpy as np
import torch
from torch import Tensor

State: TypeAlias = Mapping[str, Any]
"""Mappings down to tensors, arrays, and what JSON knows."""


@runtime_checkable
class Stateful(Protocol):
    """A part that can go on where another of its kind was stopped, to the last bit."""

    def state_dict(self) -> State:
        """Return the state to resume from."""
        ...

    def load_state_dict(self, state: Any) -> None:  # noqa: ANN401
        """Go on from what `state_dict` returned."""
        ...


def flatten(state: State, prefix: str = "") -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Part a tree into its tensors, by their paths, and the tree of the rest.

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
    """Put tensors back into a tree that `flatten` took apart."""
    for path, array in arrays.items():
        *parents, name = path.split("|")
        node = plain
        for parent in parents:
            node = node.setdefault(parent, {})
        node[name] = array
    return plain


def optimizer_state(optimizer: torch.optim.Optimizer) -> State:
    """Return what an optimiser remembers of each parameter, by its number; its settings are not among it."""
    return {str(number): state for number, state in optimizer.state_dict()["state"].items()}


def load_optimizer_state(optimizer: torch.optim.Optimizer, state: State) -> None:
    """Remember what `optimizer_state` returned."""
    remembered = {int(number): dict(told) for number, told in state.items()}
    optimizer.load_state_dict({**optimizer.state_dict(), "state": remembered})
