"""Weights: on disk, averaged, merged into one state."""

import json
from collections.abc import Generator as Yields
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor, nn


@torch.no_grad()
def polyak_update(follower: nn.Module, followed: nn.Module, tau: float) -> None:
    """Move the parameters of one network towards those of another: x' += tau (x - x')."""
    for target, source in zip(follower.parameters(), followed.parameters()):
        target.lerp_(source, tau)


@contextmanager
def training(net: nn.Module) -> Yields[None]:
    """Switch a network to training mode, with dropout, and back on exit, also after an exception."""
    net.train()
    try:
        yield
    finally:
        net.eval()


@contextmanager
def frozen(net: nn.Module) -> Yields[None]:
    """Freeze the weights of a network while gradients pass through it; unfreeze on exit, also after an exception."""
    net.requires_grad_(False)
    try:
        yield
    finally:
        net.requires_grad_(True)


def merge_state_dicts(nets: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """Return the weights of networks under their names: `name.weight`."""
    return {f"{name}.{key}": value for name, net in nets.items() for key, value in net.state_dict().items()}


def load_merged_state_dicts(nets: Mapping[str, nn.Module], weights: Mapping[str, Tensor]) -> None:
    """Load weights that `merge_state_dicts` returned.

    Raises:
        ValueError: If they are of other networks.
    """
    for name, net in nets.items():
        prefix = f"{name}."
        try:
            net.load_state_dict({k.removeprefix(prefix): value for k, value in weights.items() if k.startswith(prefix)})
        except RuntimeError as error:
            raise ValueError(f"the weights of {name} are of a network of another shape") from error


def save_weights(path: Path, weights: Mapping[str, Tensor], card: Mapping[str, Any]) -> None:
    """Write `path`.safetensors and `path`.json."""
    save_file({name: value.detach().contiguous() for name, value in weights.items()}, path.with_suffix(".safetensors"))
    path.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n")


def load_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read weights and card that `save_weights` wrote.

    Raises:
        FileNotFoundError: If one of the two files is missing.
    """
    return load_file(path.with_suffix(".safetensors")), json.loads(path.with_suffix(".json").read_text())
