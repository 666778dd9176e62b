"""Weights: on disk, averaged, merged into one state."""

import json
from collections.abc import Generator as Yields
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from prefgym.common.array_files import read_arrays, write_arrays
from prefgym.common.errors import DamageError
from prefgym.common.files import named, read_json, write_text, writing


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


def save_weights(path: Path | str, weights: Mapping[str, Tensor], card: Mapping[str, Any]) -> None:
    """Write `path`.safetensors and `path`.json, and the folder if it is missing.

    Raises:
        UserError: If they cannot be written.
    """
    with writing(Path(path)):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_arrays(named(path, ".safetensors"), weights)
    write_text(named(path, ".json"), json.dumps(card, indent=2) + "\n")


def load_weights(path: Path | str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read weights and card that `save_weights` wrote.

    Raises:
        FileNotFoundError: If one of the two files is missing.
        DamageError: If one of them cannot be read.
    """
    arrays, card = named(path, ".safetensors"), named(path, ".json")
    for file in (arrays, card):
        if not file.exists():
            raise FileNotFoundError(f"{file} is missing")
    return read_arrays(arrays), read_json(card)


def check_sizes(cfg: Mapping[str, object], weights: Mapping[str, Tensor], file: Path) -> None:
    """Check that the networks of a card are no larger than the weights, before memory is asked for.

    Raises:
        DamageError: If a width, or the number of layers or members, is beyond that of the weights.
    """
    most = sum(weight.numel() for weight in weights.values())
    for name, value in cfg.items():
        sizes = [value]
        if isinstance(value, dict):
            check_sizes(cast("dict[str, object]", value), weights, file)
        elif isinstance(value, list):
            sizes = [len(cast("list[object]", value)), *cast("list[object]", value)]
        is_size = name in ("num_members", "chunk") or "hidden" in name
        if is_size and any(isinstance(size, int) and size > most for size in sizes):
            raise DamageError(f"{file} is damaged: {name} of {str(sizes)[:50]} is more than its weights have.")
